"""Learning which test comes past which line of the files that get mistakes, and how quick it is."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage
from _pytest.runner import runtestprotocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.chance.operators import Mutant

ROOT = Path(__file__).parents[2]
TARGETS = ("handlers/dialog", "storage/audience.py")
TESTS = (
    "tests/handlers", "tests/whole", "tests/scheduler", "tests/storage/test_audience_tree.py",
    "tests/storage/test_answers.py", "tests/bot/cli",
)  # fmt: skip
# What costs more than this is for other days, and so is what needs a server.
LONGEST_TEST = 4.0
MOST_TESTS = 120
MOST_SECONDS = 15.0


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201  what a series is made for


def digest(text: str) -> str:
    """Return what tells a text from others."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def silent() -> None:
    """Say nothing more, whatever tests print."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)


def targets(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Return the files to put mistakes into, and what they hold."""
    for name in names:
        path = ROOT / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")


# Reads the program, and says which lines of some files that came past.
IMPORTS = """
import json, sys, coverage
seen = coverage.Coverage(data_file=None, config_file=False, include=sys.argv[1:])
seen.start()
import bot.app, handlers.dialog.turn
handlers.dialog.turn.commands()
seen.stop()
data = seen.get_data()
print(json.dumps({f: data.lines(next((m for m in data.measured_files() if m.endswith("/" + f)), f))
                  or [] for f in sys.argv[1:]}))
"""


@dataclass(slots=True)
class Known:
    """What each test comes past, and how long it takes (s); those that fail are not there.

    `at_import` are the lines that are come past before, and of which nothing is tried any more.
    """

    lines: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]
    at_import: dict[str, set[int]]

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests for a mutant: those named for its file first, then the quick ones."""
        at = self.lines.get(mutant.file, {})
        if mutant.function:
            found = {*at.get(mutant.statement, ()), *at.get(mutant.line, ())}
        else:
            found = {test for tests in at.values() for test in tests}
        stem = Path(mutant.file).stem
        order = sorted(found, key=lambda t: (f"test_{stem}.py" not in t, self.seconds[t], t))
        chosen, spent = [], 0.0
        for test in order[:MOST_TESTS]:
            spent += self.seconds[test]
            if chosen and spent > MOST_SECONDS:
                break
            chosen.append(test)
        return chosen


class Learner:
    """Runs tests in a copy of this process, with an eye on the lines they come past."""

    def __init__(self, items: Mapping[str, Any], folder: Path) -> None:
        self._folder = folder
        self.items = items

    def learn(self) -> Known:
        """Return which test comes past which line; only tests that are new are run for that."""
        kept = self._folder / "map.json"
        told = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        mutable = digest("".join(source for _, source in targets(TARGETS)))
        if told.get("targets") != mutable:
            told = {"targets": mutable, "files": {}, "seconds": {}, "lines": {}}
        files = {name.partition("::")[0] for name in self.items}
        now = {file: digest((ROOT / file).read_text(encoding="utf-8")) for file in files}
        fresh = {file for file in files if told["files"].get(file) != now[file]}
        if fresh:
            say(f"learning which lines the tests of {len(fresh)} files come past")
            seen = self._measured(
                [i for n, i in self.items.items() if n.partition("::")[0] in fresh]
            )
            told = _together(told, seen, fresh)
            told["files"] = now
            half = kept.with_suffix(".part")
            half.write_text(json.dumps(told), encoding="utf-8")
            half.rename(kept)
        lines = {
            file: {int(line): tests for line, tests in found.items()}
            for file, found in told["lines"].items()
        }
        return Known(lines, told["seconds"], self._imported())

    def _imported(self) -> dict[str, set[int]]:
        """Return the lines that reading the program comes past, before any test does."""
        found = subprocess.run(
            [sys.executable, "-c", IMPORTS, *(file for file, _ in targets(TARGETS))],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        told: dict[str, list[int]] = json.loads(found.stdout)
        return {file: set(lines) for file, lines in told.items()}

    def _measured(self, items: Sequence[Any]) -> dict[str, Any]:
        """Run tests in a copy of this process, and return what it has seen."""
        seen = self._folder / "seen.json"
        pid = os.fork()
        if not pid:
            try:
                silent()
                seen.write_text(json.dumps(self._measure(items)), encoding="utf-8")
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        found: dict[str, Any] = json.loads(seen.read_text(encoding="utf-8"))
        seen.unlink()
        return found

    def _measure(self, items: Sequence[Any]) -> dict[str, Any]:
        files = [str(ROOT / file) for file, _ in targets(TARGETS)]
        measure = coverage.Coverage(data_file=None, include=files, config_file=False)
        measure.start()
        seconds: dict[str, float] = {}
        for at, item in enumerate(items):
            measure.switch_context(item.nodeid)
            began = time.monotonic()
            following = items[at + 1] if at + 1 < len(items) else self.other(item)
            if all(
                report.passed for report in runtestprotocol(item, log=False, nextitem=following)
            ):
                took = time.monotonic() - began
                if took < LONGEST_TEST:
                    seconds[item.nodeid] = round(took, 4)
        measure.stop()
        data = measure.get_data()
        lines = {
            str(Path(file).relative_to(ROOT)): {
                str(line): sorted(test for test in tests if test in seconds)
                for line, tests in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        return {"seconds": seconds, "lines": lines}

    def other(self, item: Any) -> Any:
        """Return any other test, so that what all share outlasts this one."""
        return next(other for other in self.items.values() if other is not item)


def _together(told: dict[str, Any], seen: dict[str, Any], fresh: set[str]) -> dict[str, Any]:
    """Return what was known of tests, with what was seen of those in fresh files instead."""

    def stays(test: str) -> bool:
        return test.partition("::")[0] not in fresh

    seconds = {test: took for test, took in told["seconds"].items() if stays(test)}
    lines: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for known in (told["lines"], seen["lines"]):
        for file, by_line in known.items():
            for line, tests in by_line.items():
                lines[file][line] += [t for t in tests if known is seen["lines"] or stays(t)]
    return told | {"seconds": seconds | seen["seconds"], "lines": lines}
