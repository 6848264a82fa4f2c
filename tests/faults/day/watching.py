"""What is watched while a day passes: the servers' memory and open files, slow statements, logs."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.faults.day.serve import SLOW_LOG, SLOW_MS
from tests.faults.places import PostgresPlace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.faults.places import Place
    from tests.faults.servers import Server

LOOK_SECONDS = 1.0
# A server that has just begun still fills what it keeps: it is looked at from then on.
WARM_SECONDS = 25.0
SHORTEST_SECONDS = 100.0
WINDOW = 8  # looks that make up one figure
MOST_GROWTH_MIB = 8.0
LOCK = "SELECT pg_advisory_xact_lock"
DURATION = re.compile(r"duration: ([0-9.]+) ms\s+(.*)")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a process: seconds since it began, MiB of memory, open files."""

    age: float
    mib: float
    files: int


@dataclass(slots=True)
class Stretch:
    """The life of one process, from its start until it is ended. `hour` is the calendar's."""

    server: int
    process: int
    began: float
    hour: str
    looks: list[Look] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it was looked at."""
        return self.looks[-1].age if self.looks else 0.0

    @property
    def is_long(self) -> bool:
        """Long enough to tell whether memory grows."""
        return self.seconds >= SHORTEST_SECONDS

    def figures(self) -> tuple[Look, Look, Look]:
        """Return what it had once it was warm, in the middle and at the end."""
        warm = [look for look in self.looks if look.age >= WARM_SECONDS]
        middle = len(warm) // 2
        return (
            _usual(warm[:WINDOW]), _usual(warm[middle : middle + WINDOW]), _usual(warm[-WINDOW:])
        )  # fmt: skip

    def at(self, age: float) -> float | None:
        """Return its memory (MiB) at an age, None where it did not live so long."""
        near = [look.mib for look in self.looks if abs(look.age - age) < WINDOW / 2]
        return median(near) if near and self.seconds >= age else None


def _usual(looks: Sequence[Look]) -> Look:
    return Look(
        median(look.age for look in looks), median(look.mib for look in looks),
        round(median(look.files for look in looks)),
    )  # fmt: skip


def _look(process: int, age: float) -> Look | None:
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        files = len(list(Path(f"/proc/{process}/fd").iterdir()))
    except OSError:
        return None
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return Look(age, int(found[1]) / 1_024, files) if found else None


class Watch:
    """Looks at every server each second until it is cancelled."""

    def __init__(self, servers: Sequence[Server], hour: Any) -> None:
        self._servers = servers
        self._hour = hour
        self.stretches: list[Stretch] = []

    async def run(self) -> None:
        """Look."""
        loop = asyncio.get_running_loop()
        current: dict[int, Stretch] = {}
        while True:
            for at, server in enumerate(self._servers):
                if not server.is_up or server.frozen or server.child is None:
                    continue
                process = server.child.process
                if at not in current or current[at].process != process:
                    current[at] = Stretch(at, process, loop.time(), self._hour())
                    self.stretches.append(current[at])
                look = _look(process, loop.time() - current[at].began)
                if look is not None:
                    current[at].looks.append(look)
            await asyncio.sleep(LOOK_SECONDS)

    @property
    def long(self) -> list[Stretch]:
        """Return the stretches that are long enough to tell."""
        return [stretch for stretch in self.stretches if stretch.is_long]

    def growing(self) -> list[str]:
        """Return what has grown from the middle of a long stretch to its end."""
        found = []
        for stretch in self.long:
            _, middle, end = stretch.figures()
            if end.mib - middle.mib > MOST_GROWTH_MIB:
                found.append(
                    f"server {stretch.server} grew from {middle.mib:.1f} to {end.mib:.1f} MiB"
                    f" after {stretch.hour}"
                )
        return found


def slow_statements(folder: Path, server_log: Iterable[str]) -> list[tuple[float, str]]:
    """Return the statements that took 200 ms or more, by SQLite's stopwatch or the server's log."""
    found = [(one["ms"], _short(one)) for one in timed(folder) if one["ms"] >= SLOW_MS]
    logged = filter(None, map(DURATION.search, server_log))
    found += [(float(match[1]), match[2]) for match in logged]
    return sorted(found, reverse=True)


def waits(found: Iterable[tuple[float, str]]) -> list[float]:
    """Return those of statements that waited for a lock another unit had, and did nothing else."""
    return [ms for ms, text in found if LOCK in text]


def _short(one: dict[str, Any]) -> str:
    return f"{one['statement']} (the thread's own time: {one['cpu_ms']} ms)"


def timed(folder: Path) -> list[dict[str, Any]]:
    """Return what the stopwatch wrote: statements that were slow, or a process's slowest so far."""
    path = folder / SLOW_LOG
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class ServerLog:
    """The log of a PostgreSQL server, which begins anew each time the server does."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.lines: list[str] = []
        self._passed = 0

    def begin(self) -> None:
        """Take no notice of what was done until now."""
        self.keep()
        self._passed, self.lines = len(self.lines), []

    def keep(self) -> None:
        """Read it before it is lost."""
        if isinstance(self._place, PostgresPlace):
            path = self._place.server._private / "log"
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            self.lines += lines[self._passed :]
            self._passed = 0


def events(log: Path) -> Counter[tuple[str, str]]:
    """Count what the servers logged as a warning or an error, by level and event."""
    found: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            told = json.loads(line)
        except ValueError:  # what commands print for whoever types them
            if line.startswith("Traceback"):
                found["error", line] += 1
            continue
        if told.get("level") not in ("info", "debug"):
            found[told.get("level", ""), told.get("event", "")] += 1
    return found
