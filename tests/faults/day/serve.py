"""Starts `switchboard` commands as `tests.faults.serve` does, in an alliance whose days are short.

The calendar alone runs faster: quiet hours, closes, times to live, caps, whatever people and
the clock go by. What the machine and the network do keeps its real time: leases, look-ups,
pauses, retries and the pace. So the server has a day's work to do in a part of a day.
For a slice of a day in a test they are shortened as `tests.faults.serve` does.
Arguments: how much faster, the calendar's instant (ms) as the day begins, and `hasty` or `real`.
The machine's instant as it begins stands in the clock's file.
"""

from __future__ import annotations

import datetime as dt
import gc
import importlib
import json
import os
import pkgutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage import instant
from tests.faults import serve

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

# Spans that are counted from the calendar's instants and are times of the machine's own (ms).
OF_THE_MACHINE: dict[str, tuple[str, ...]] = {
    "bot.sending": ("LEASE", "JUDGED_FOR", "LOOK_AFTER", "LONGEST_DELAY", "ASK_AGAIN", "SECOND"),
    "handlers.dialog.answering": ("OUTDATED",),
}
# Jobs that are to come often in a short day; the others look each second as it is.
JOBS = ("scheduler.jobs.close_rounds", "scheduler.jobs.expire", "scheduler.jobs.prune")
OFTEN = 1.0
SLOW_MS = 200.0
SLOWEST_FROM_MS = 20.0
SLOW_LOG = "slow.jsonl"


def machine() -> float:
    """Return the present instant (ms) of the machine."""
    return time.time_ns() / 1_000_000


def calendar(speed: float, begins: int, began: Callable[[], int]) -> Callable[[], int]:
    """Return a clock that runs so much faster, from one instant at another of the machine's."""
    return lambda: int(begins + (machine() - began()) * speed)


def hurry(clock: Callable[[], int]) -> None:
    """Shorten the machine's own times as for a run of a few seconds; jobs go by the machine."""
    receipts: Any = importlib.import_module("bot.receipts")
    again_after = receipts.AGAIN_AFTER
    serve.shifted = clock  # type: ignore[assignment]
    serve.hasten()
    receipts.AGAIN_AFTER = again_after
    for name in ("scheduler.clock", "apscheduler.schedulers.base"):
        setattr(importlib.import_module(name), "datetime", dt.datetime)  # noqa: B010


def shorten_days(speed: float, clock: Callable[[], int]) -> None:
    """Let the program go by a calendar, and keep the times that are the machine's."""
    instant.clock = clock
    for name in serve.AHEAD:
        importlib.import_module(name)
    for name, spans in OF_THE_MACHINE.items():
        for span in spans:
            _lengthen(name, span, speed)
    for name in JOBS:
        job: Any = importlib.import_module(name)
        job.EVERY = max(OFTEN, job.EVERY / speed)
    _pace_by_the_machine(speed)


def _lengthen(name: str, span: str, speed: float) -> None:
    """Lengthen a span wherever a module, or one of a package's, has it. Raises AttributeError."""
    package = importlib.import_module(name)
    inside = pkgutil.iter_modules(getattr(package, "__path__", ()))
    modules = [package, *(importlib.import_module(f"{name}.{each.name}") for each in inside)]
    having = [module for module in modules if hasattr(module, span)]
    if not having:
        raise AttributeError(f"{name} has no {span} any more")
    for module in having:
        setattr(module, span, round(getattr(module, span) * speed))


def _pace_by_the_machine(speed: float) -> None:
    """Let the rate, and a provider's pauses, go by the machine's clock as ever."""
    pace: Any = importlib.import_module("bot.sending.pace")
    reserving: Any = importlib.import_module("bot.sending.reserving")
    us, pause = pace.Steady.us, reserving.Reserver.pause
    pace.Steady.us = lambda self, _, at: us(self, round(machine()), at)
    reserving.Reserver.pause = lambda self, tx, wait_ms, now: pause(
        self, tx, round(wait_ms / speed), now
    )


class Stopwatch:
    """Times statements of SQLite; the slow ones, and the slowest of each process, are logged."""

    def __init__(self) -> None:
        self._slowest = SLOWEST_FROM_MS

    def note(self, statement: str, began: float, cpu: float) -> None:
        """Take a statement that began so, by the steady clock and by the thread's own (s)."""
        took = (time.perf_counter() - began) * 1_000
        if took < min(SLOW_MS, self._slowest):
            return
        self._slowest = max(self._slowest, took)
        line = {
            "ms": round(took, 1), "cpu_ms": round((time.thread_time() - cpu) * 1_000, 1),
            "statement": statement,
        }  # fmt: skip
        with Path(SLOW_LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def time_statements() -> None:
    """Time each statement where SQLite's driver runs it."""
    hop: Any = importlib.import_module("storage.sqlite.hop")
    run, watch = hop._run, Stopwatch()

    def timed(connection: sqlite3.Connection, statements: Sequence[Any]) -> Any:
        found: Any = ([], 0)
        for position, one in enumerate(statements):
            began, cpu = time.perf_counter(), time.thread_time()
            try:
                found = run(connection, [one])
            except hop.Failed as error:
                raise hop.Failed(position, error.error) from error.error
            finally:
                watch.note(one[0], began, cpu)
        return found

    hop._run = timed


def main() -> None:
    """Read the program, and fork it for each order."""
    speed, begins, is_hasty = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "hasty"
    sys.path.insert(0, str(Path(__file__).parents[3]))
    clock = calendar(speed, begins, lambda: serve._wrong_by[0])
    instant.clock = clock
    if is_hasty:
        hurry(clock)
    shorten_days(speed, clock)
    time_statements()
    gc.collect()
    gc.freeze()
    os.environ.pop("PYTHONPATH", None)
    nursery = serve.Nursery()
    nursery.tell(number=0)
    nursery.run()


if __name__ == "__main__":
    main()
