"""`python -m tests.faults`: a series of runs by a seed, two at once, each line kept as it ends.

A series that was broken off goes on where it was left, as long as it is the same one and
writes to the same file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.plan import BOTH, ENGINES, KINDS, plan
from tests.faults.servers import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HUNG_SECONDS = 120.0
MOST_SHOWN = 5


@dataclass
class Series:
    """Some runs of one seed, and what came of them. Each result is a line of `file`."""

    seed: int
    first: int
    runs: int
    engine: str
    kind: str
    file: Path
    folder: Path
    found: dict[int, dict[str, Any]] = field(default_factory=dict)

    def recall(self) -> None:
        """Take what the file has of this very series."""
        if not self.file.exists():
            return
        for line in self.file.read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            if told["series"] == self._name and told["number"] in self._numbers:
                self.found[told["number"]] = told

    @property
    def _name(self) -> str:
        return f"{self.seed} {self.engine} {self.kind}"

    @property
    def _numbers(self) -> range:
        return range(self.first, self.first + self.runs)

    def left(self) -> Iterator[int]:
        """Return the numbers of the runs that are still to be made."""
        return iter([number for number in self._numbers if number not in self.found])

    def keep(self, told: dict[str, Any]) -> None:
        """Keep what came of a run, and show it."""
        self.found[told["number"]] = told
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told | {"series": self._name}) + "\n")
        show(told)


class Hand:
    """One worker, started anew where it hangs or ends."""

    def __init__(self, series: Series, name: str) -> None:
        self._series = series
        self._folder = series.folder / name
        self._process: asyncio.subprocess.Process | None = None

    async def work(self, numbers: Iterator[int]) -> None:
        """Take one number after the other until there are no more."""
        for number in numbers:
            try:
                async with asyncio.timeout(HUNG_SECONDS):
                    told = await self._ask(number)
            except TimeoutError:
                told = None
            if told is None:
                await self._end()
                told = self._hung(number)
            self._series.keep(told)
        await self._end()

    async def _ask(self, number: int) -> dict[str, Any] | None:
        if self._process is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.worker", str(self._folder), cwd=ROOT,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**22,
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        series = self._series
        order = {
            "seed": series.seed, "number": number, "engine": series.engine, "kind": series.kind
        }  # fmt: skip
        self._process.stdin.write((json.dumps(order) + "\n").encode())
        line = await self._process.stdout.readline()
        return json.loads(line) if line else None

    async def _end(self) -> None:
        """Let the worker end by itself, with all that it has started; then by force."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process = None

    def _hung(self, number: int) -> dict[str, Any]:
        told = plan(self._series.seed, number, self._series.engine, self._series.kind)
        return {
            "number": number, "engine": told.engine, "kind": told.kind, "seconds": HUNG_SECONDS,
            "channels": told.channels, "processes": told.processes,
            "wrong": ["it hung, or its worker ended"], "command": told.command,
            "folder": str(self._folder),
        }  # fmt: skip


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201  what a series is made for


def show(told: dict[str, Any]) -> None:
    """Print one line of a run; where it went wrong what, and how to see it again."""
    facts = told.get("facts", {})
    counts = " ".join(
        f"{name} {facts[name]}"
        for name in ("people", "accepted", "taken", "telegram_twice")
        if facts.get(name)
    )
    ok = "WRONG" if told["wrong"] else "ok"
    say(
        f"run {told['number']}: {told['kind']} {told['engine']} {'+'.join(told['channels'])}"
        f" x{told['processes']}: {counts}, {told['seconds']} s: {ok}",
    )
    for what in told["wrong"][:MOST_SHOWN]:
        say(f"    {what.strip().splitlines()[-1]}")
    if told["wrong"]:
        say(f"    again: {told['command']}\n    kept: {told['folder']}")


def summarise(series: Series) -> int:
    """Print a table by engine and kind, and return how many runs went wrong."""
    table: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for told in series.found.values():
        table[told["engine"], told["kind"]].append(told)
    names = ("runs", "wrong", "mean s", "max s", "inbound", "taken", "twice", "tg twice", "marked")
    say(f"\n{'engine':9} {'kind':14}" + "".join(f" {name:>8}" for name in names))
    for (engine, kind), runs in sorted(table.items()):
        say(_line(engine, kind, runs))
    everything = list(series.found.values())
    if everything:
        say(_line("all", "", everything))
    return sum(bool(told["wrong"]) for told in everything)


def _line(engine: str, kind: str, runs: Sequence[dict[str, Any]]) -> str:
    seconds = [told["seconds"] for told in runs]

    def total(name: str) -> int:
        return sum(told.get("facts", {}).get(name, 0) for told in runs)

    return (
        f"{engine:9} {kind:14} {len(runs):8} {sum(bool(told['wrong']) for told in runs):8}"
        f" {sum(seconds) / len(seconds):8.2f} {max(seconds):8.2f} {total('accepted'):8}"
        f" {total('taken'):8} {total('sms_doubled'):8} {total('telegram_twice'):8}"
        f" {total('marked'):8}"
    )


async def make(series: Series, hands: int) -> None:
    """Make the runs that are left, so many at once."""
    numbers = series.left()
    await asyncio.gather(*[Hand(series, f"{at}").work(numbers) for at in range(hands)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a series, and return how many runs went wrong, 100 at most."""
    options = _options(arguments)
    seed = options.seed or random.randrange(1, 1_000_000)
    folder = Path(options.folder or tempfile.gettempdir()) / f"switchboard-faults-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    series = Series(
        seed, options.first, options.runs, options.engine, options.kind,
        Path(options.file) if options.file else folder / "results.jsonl", folder,
    )  # fmt: skip
    for number in range(len(options.kind.split(","))):
        try:  # a kind that an engine does not have is told now
            plan(seed, number, options.engine, options.kind)
        except KeyError as error:
            sys.exit(str(error))
    series.recall()
    say(f"seed {seed}, {options.runs} runs from {options.first}, {len(series.found)} made"
          f" already; results in {series.file}")  # fmt: skip
    asyncio.run(make(series, options.at_once))
    wrong = summarise(series)
    say(f"seed {seed}: {len(series.found)} runs, {wrong} wrong")
    return min(wrong, 100)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    kinds = ", ".join(sorted({kind for kinds in KINDS.values() for kind in kinds}))
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, help="a random one where none is given")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first run's number")
    parser.add_argument("--engine", choices=(*ENGINES, BOTH), default=BOTH)
    parser.add_argument("--kind", default="", help=f"of these kinds, by turns: {kinds}")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--file", help="where results are kept, a line of JSON each")
    parser.add_argument("--folder", help="where runs lie while they are made, and if they fail")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
