"""`python -m tests.chance.mutants`: small mistakes in the program, which the tests have to find.

One process reads the program and collects the tests once. For each mutant a copy of it runs the
tests that came past the mistaken line, until the first fails. Results are kept as they come, so
that a series goes on where it was broken off.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

from tests.chance.learning import (
    ROOT,
    TARGETS,
    TESTS,
    Known,
    Learner,
    digest,
    say,
    silent,
    targets,
)
from tests.chance.operators import Mutant, mutants
from tests.chance.swapping import Swap

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 6.0
CONTROLS = 20
KILLED, SURVIVED, TIMEOUT, UNCOVERED, AT_IMPORT, NOT_PLACED = (
    "killed", "survived", "timeout", "no test", "at import", "not placed"
)  # fmt: skip


@dataclass(slots=True)
class Series:
    """The mutants of a series, and what became of each."""

    file: Path
    wanted: list[tuple[Mutant, str]]
    at_once: int
    found: dict[str, str] = field(default_factory=dict)

    def recall(self) -> None:
        """Take what is known of mutants of files that are as they were."""
        digests = {mutant.key: digest(source) for mutant, source in self.wanted}
        if self.file.exists():
            for line in self.file.read_text(encoding="utf-8").splitlines():
                told = json.loads(line)
                if digests.get(told["key"]) == told["source"]:
                    self.found[told["key"]] = told["status"]

    def keep(self, mutant: Mutant, source: str, status: str) -> None:
        """Keep what became of a mutant."""
        self.found[mutant.key] = status
        told = {"key": mutant.key, "source": digest(source), "status": status}
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told, ensure_ascii=False) + "\n")


def all_mutants(names: Sequence[str]) -> list[tuple[Mutant, str]]:
    """Return every mutant with its file's text, and where its function begins."""
    return [(mutant, source) for file, source in targets(names) for mutant in mutants(file, source)]


class Warm:
    """A plugin: once tests are collected it runs mutants instead of them."""

    def __init__(self, series: Series, folder: Path) -> None:
        self.series = series
        self.folder = folder
        self.items: dict[str, pytest.Item] = {}
        self.learner = Learner(self.items, folder)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Learn what each test comes past, then try each mutant."""
        self.items = {
            item.nodeid: item for item in session.items
            if "postgres" not in item.nodeid and item.get_closest_marker("skip") is None
        }  # fmt: skip
        self._warm()
        self.learner.items = self.items
        known = self.learner.learn()
        say(f"{len(known.seconds)} tests of {sum(known.seconds.values()):.0f} s;"
            f" {len(self.series.wanted)} mutants, {len(self.series.found)} known")  # fmt: skip
        self._control(known)
        self._all(known, Swap(ROOT))
        return True

    def _warm(self) -> None:
        """Make what all tests share, which every copy then has."""
        firsts = [
            next((i for n, i in self.items.items() if n.startswith(place)), None) for place in TESTS
        ]
        there = [item for item in firsts if item is not None]
        for item, following in zip([*there, *there], [*there[1:], *there, there[1]], strict=False):
            runtestprotocol(item, log=False, nextitem=following)

    # --- mutants ---

    def _control(self, known: Known) -> None:
        """Run the tests of some mutants without a mistake: none may fail, or kills mean nothing."""
        wrong = 0
        for mutant, source in self.series.wanted[:: max(1, len(self.series.wanted) // CONTROLS)]:
            tests = [test for test in known.tests(mutant) if test in self.items]
            if tests:
                _, status = os.waitpid(self._fork(mutant, source, tests, None), 0)
                wrong += os.waitstatus_to_exitcode(status) != 0
        say(f"without a mistake {wrong} of {CONTROLS} such runs failed")

    def _all(self, known: Known, swap: Swap) -> None:
        running: dict[int, tuple[Mutant, str, float]] = {}
        left = iter([w for w in self.series.wanted if w[0].key not in self.series.found])
        began, done = time.monotonic(), 0
        while True:
            while len(running) < self.series.at_once and (following := next(left, None)):
                mutant, source = following
                tests = [t for t in known.tests(mutant) if t in self.items]
                if not tests:
                    early = mutant.statement in known.at_import.get(mutant.file, ())
                    self.series.keep(mutant, source, AT_IMPORT if early else UNCOVERED)
                    continue
                limit = time.monotonic() + 5 + PATIENCE * sum(known.seconds[t] for t in tests)
                running[self._fork(mutant, source, tests, swap)] = (mutant, source, limit)
            if not running:
                return
            for pid, status in _ended(running):
                mutant, source, _ = running.pop(pid)
                self.series.keep(mutant, source, status)
                done += 1
                if done % 50 == 0:
                    say(f"    {done} mutants in {time.monotonic() - began:.0f} s")
            time.sleep(0.005)

    def _fork(self, mutant: Mutant, source: str, tests: Sequence[str], swap: Swap | None) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 3
        try:
            silent()
            os.setpgid(0, 0)
            place = Path(tempfile.mkdtemp(dir=_memory()))
            code = self._try(mutant, source, [self.items[test] for test in tests], swap, place)
            shutil.rmtree(place, ignore_errors=True)
        finally:
            os._exit(code)

    def _try(
        self, mutant: Mutant, source: str, items: Sequence[Any], swap: Swap | None, place: Path
    ) -> int:
        """Return 0 where every test passes, 1 where one fails, 2 where nothing was put in place."""
        if swap is not None and not swap.put(mutant, source):
            return 2
        items[0].config._tmp_path_factory._basetemp = place
        for at, item in enumerate(items):
            following = items[at + 1] if at + 1 < len(items) else self.learner.other(item)
            if any(
                report.failed for report in runtestprotocol(item, log=False, nextitem=following)
            ):
                return 1
        return 0


def _ended(running: dict[int, tuple[Mutant, str, float]]) -> list[tuple[int, str]]:
    """Return which copies have ended, and how; those that go on for too long are ended."""
    found = []
    for pid, (_, _, limit) in running.items():
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            found.append((pid, {0: SURVIVED, 2: NOT_PLACED}.get(code, KILLED)))
        elif time.monotonic() > limit:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            found.append((pid, TIMEOUT))
    return found


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  soon thrown away


def summarise(series: Series) -> float:
    """Print what became of the mutants of each file, and return which part was killed."""
    by_file: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant, _ in series.wanted:
        by_file[mutant.file][series.found.get(mutant.key, "not tried")] += 1
    for mutant, _ in series.wanted:
        status = series.found.get(mutant.key)
        if status in (SURVIVED, UNCOVERED):
            say(f"{mutant.file}:{mutant.line}: {status}: {mutant.what}: {_short(mutant.was)}"
                f"  =>  {_short(mutant.is_)}")  # fmt: skip
    total: Counter[str] = Counter()
    say(f"\n{'file':44} {'killed':>7} {'timeout':>7} {'survived':>8} {'no test':>7} {'ratio':>6}")
    for file, counts in sorted(by_file.items()):
        total += counts
        say(_line(file, counts))
    say(_line("all", total))
    return _ratio(total)


def _ratio(counts: Counter[str]) -> float:
    killed = counts[KILLED] + counts[TIMEOUT]
    return killed / max(killed + counts[SURVIVED] + counts[UNCOVERED], 1)


def _line(name: str, counts: Counter[str]) -> str:
    return (
        f"{name:44} {counts[KILLED]:7} {counts[TIMEOUT]:7} {counts[SURVIVED]:8}"
        f" {counts[UNCOVERED]:7} {_ratio(counts):6.1%}"
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 90 else f"{line[:87]}..."


def _run(series: Series, folder: Path) -> None:
    """Let a pytest of our own try what is not known yet."""
    os.environ["CI"] = "1"  # the same random data each time
    os.chdir(ROOT)
    left_out = ("cacheprovider", "cov", "xdist")
    plain = ["-q", "--no-header", "--no-summary", "--continue-on-collection-errors"]
    pytest.main(
        [*plain, *(f"-pno:{name}" for name in left_out), *TESTS], plugins=[Warm(series, folder)]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Try mutants, and return 1 where fewer than the wanted part of them were killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chance.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="so many by chance; 0 for all")
    parser.add_argument("--seed", type=int, default=random.randrange(1, 1_000_000))
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--least", type=float, default=0.85)
    parser.add_argument("--only", nargs="*", default=TARGETS, help="files and folders")
    parser.add_argument("--tell", action="store_true", help="try nothing: tell what is known")
    options = parser.parse_args(arguments)
    wanted = all_mutants(options.only)
    if options.sample:
        wanted = random.Random(options.seed).sample(wanted, min(options.sample, len(wanted)))
        wanted.sort(key=lambda w: (w[0].file, w[0].number))
        say(f"{options.sample} mutants by the seed {options.seed}")
    folder = Path(tempfile.gettempdir()) / "switchboard-mutants"
    folder.mkdir(exist_ok=True)
    say(f"results are kept in {folder}")
    series = Series(folder / "results.jsonl", wanted, options.at_once)
    series.recall()
    if not options.tell:
        _run(series, folder)
    ratio = summarise(series)
    say(f"{ratio:.1%} killed, {options.least:.0%} wanted")
    return int(ratio < options.least)


if __name__ == "__main__":
    sys.exit(main())
