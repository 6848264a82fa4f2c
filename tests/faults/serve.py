"""Starts `switchboard` commands quickly: a process that has read the program forks each of them.

It is the program as it is, but for two things a run of a few seconds needs. Its own times
(leases, look-ups, pauses) are `FASTER` times shorter, nearly all alike, and its clock can be
set wrong by a number of milliseconds in a file. An order is a line of JSON on stdin, and is
answered by one with the process's id, and by another with its exit code.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import importlib
import json
import mmap
import os
import selectors
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from storage import instant

FASTER = 14

# Every time of the program's own that outlasts a run, by module. A name that is not there
# any more is an error: the run would wait for the real one.
TIMES: dict[str, tuple[str, ...]] = {
    "bot.app": ("WATCH",),
    "bot.leading": ("AGAIN",),
    "bot.polling": ("FIRST_DELAY", "LONGEST_DELAY"),
    "bot.sending.claiming": ("LEASE",),
    "bot.sending.drain": ("IDLE",),
    "bot.sending.stock": ("IDLE",),
    "bot.sending.keeping": ("LEASE", "RENEW", "JUDGED_FOR"),
    "bot.sending.outcome": ("LOOK_AFTER", "LONGEST_DELAY"),
    "bot.sending.pace": ("FIRST_PAUSE", "LONGEST_PAUSE"),
    "bot.sending.reconcile": ("LEASE", "LOOK_AFTER", "EVERY", "ASK_AGAIN"),
    "bot.channels.telegram.channel": ("GAP_MS",),
    "bot.channels.telegram.transport": ("ANSWER_SECONDS", "CONNECT_SECONDS"),
    "bot.channels.telegram.polling": ("LONGEST_WAIT",),
    "bot.channels.twilio.transport": ("ANSWER_SECONDS", "CONNECT_SECONDS"),
    "scheduler.clock": ("LOOK", "BACK"),
    "scheduler.jobs.close_rounds": ("EVERY",),
    "scheduler.jobs.release": ("EVERY",),
    "scheduler.jobs.start_due": ("EVERY",),
    "storage.pace": ("FURTHEST_US",),
    "storage.postgres.connections": ("PATIENCE", "CONNECT_SECONDS"),
    "storage.postgres.standing": (
        "BEAT_SECONDS",
        "ANSWER_SECONDS",
        "TRY_SECONDS",
        "AGAIN_SECONDS",
    ),
    "storage.postgres.units": ("FIRST_PAUSE", "LONGEST_PAUSE"),
    "storage.sqlite.connecting": ("BUSY_SECONDS",),
    "storage.sqlite.listeners": ("WATCH_SECONDS", "WATCH_AGAIN_SECONDS"),
}
# A machine that is busy with two runs needs some time to connect.
FACTORS = {"storage.postgres.connections": 4, "storage.postgres.standing": 4}
# Read by nothing at the start, but by commands: a child would have to read them itself.
AHEAD = (
    "bot.cli.server", "bot.cli.checking", "bot.cli.polls", "bot.cli.announcing",
    "bot.cli.broadcasts", "uvloop", "uvicorn.protocols.http.httptools_impl",
    "uvicorn.loops.uvloop", "phonenumbers",
)  # fmt: skip
# What the phone of somebody out of reach is given is ten minutes (ms).
AGAIN_AFTER = 400
# A disk of a run is that much smaller than a real one, and so is what must be free of it.
LEAST_FREE = 200_000

_wrong_by = memoryview(bytearray(8)).cast("q")


def shifted() -> int:
    """Return the present instant (ms) by a clock that may be wrong."""
    return time.time_ns() // 1_000_000 + _wrong_by[0]


class ShiftedDatetime(dt.datetime):
    """The clock on the wall, as the scheduler's library asks for it."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> ShiftedDatetime:
        return cls.fromtimestamp(shifted() / 1_000, tz)


def hasten() -> None:
    """Let the program's own times be shorter, and its clocks ask ours."""
    instant.clock = shifted
    for name in AHEAD:
        importlib.import_module(name)
    for name, times in TIMES.items():
        module = importlib.import_module(name)
        for each in times:
            value = getattr(module, each)
            setattr(module, each, type(value)(value / FACTORS.get(name, FASTER)))
    receipts: Any = importlib.import_module("bot.receipts")
    receipts.AGAIN_AFTER = AGAIN_AFTER
    _hasten_delays()
    app: Any = importlib.import_module("bot.app")
    app.LEAST_FREE = LEAST_FREE
    for name in ("scheduler.clock", "apscheduler.schedulers.base"):
        setattr(importlib.import_module(name), "datetime", ShiftedDatetime)  # noqa: B010


def _hasten_delays() -> None:
    """Shorten the delays that functions compute."""
    outcome: Any = importlib.import_module("bot.sending.outcome")
    reconcile: Any = importlib.import_module("bot.sending.reconcile")
    delay = outcome.delay
    outcome.delay = reconcile.delay = lambda tries: delay(tries) // FASTER
    polling: Any = importlib.import_module("bot.channels.telegram.polling")
    rest = polling.Patience.rest

    def rest_less(self: Any) -> None:
        rest(self)
        self._next /= FASTER

    polling.Patience.rest = rest_less
    made = polling.Patience.__init__

    def make(self: Any, channel: str, event: str) -> None:
        made(self, channel, event)
        self._next /= FASTER

    polling.Patience.__init__ = make


def _tell_tasks(*_: object) -> None:
    """Write where every task stands: what was asked to end, and does not, waits for something."""
    for task in list(asyncio.tasks._all_tasks):  # type: ignore[attr-defined]  # of any loop
        if not task.done():
            task.print_stack(file=sys.stderr)
    sys.stderr.flush()


def _become(order: dict[str, Any]) -> None:
    """Be the command that is ordered; never returns."""
    global _wrong_by  # noqa: PLW0603  what is forked has it to itself
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGUSR2, _tell_tasks)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    out = os.open(order["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, out), (2, log)):
        os.dup2(source, target)
    os.closerange(3, 64)
    os.chdir(order["folder"])
    os.environ.update(order["environment"])
    file = os.open(order["clock"], os.O_RDWR)
    _wrong_by = memoryview(mmap.mmap(file, 8)).cast("q")
    os.close(file)
    code = 1
    try:
        from bot.cli import cli  # noqa: PLC0415  read long ago

        cli.main(order["arguments"])
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


class Nursery:
    """Forks what is ordered, and tells what became of it."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def fork(self, order: dict[str, Any]) -> None:
        """Start one process."""
        process = os.fork()
        if not process:
            _become(order)
        self._numbers[process] = order["number"]
        self.tell(number=order["number"], process=process)

    def bury(self) -> None:
        """Tell the exit codes of those that have ended."""
        while self._numbers:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            code = os.waitstatus_to_exitcode(status)
            self.tell(number=self._numbers.pop(process), code=code)

    def tell(self, **facts: int) -> None:
        """Answer."""
        os.write(1, (json.dumps(facts) + "\n").encode())

    def run(self) -> None:
        """Take orders until there are no more; then end all that is left."""
        woken, wakes = os.pipe()
        for end in (woken, wakes):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes)
        waiting = selectors.DefaultSelector()
        waiting.register(woken, selectors.EVENT_READ)
        waiting.register(0, selectors.EVENT_READ)
        rest = b""
        while True:
            for key, _ in waiting.select():
                got = os.read(key.fd, 65_536)
                if key.fd == woken:
                    self.bury()
                    continue
                if not got:
                    self._end_all()
                    return
                *lines, rest = (rest + got).split(b"\n")
                for line in lines:
                    self.fork(json.loads(line))

    def _end_all(self) -> None:
        for process in self._numbers:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def main() -> None:
    """Read the program, and fork it for each order."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    hasten()
    gc.collect()
    nursery = Nursery()
    nursery.tell(number=0)
    nursery.run()


if __name__ == "__main__":
    main()
