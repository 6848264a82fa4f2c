"""The processes of a run: started, killed, frozen, thawed and asked to end, by their ids."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
READY_SECONDS = 30.0
END_SECONDS = 20.0
NEVER_ENDED = -99


@dataclass(slots=True)
class Child:
    """A process that was started; `code` is known once it has ended."""

    process: int = 0
    code: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.code is None:
            with suppress(ProcessLookupError):
                os.kill(self.process, number)


class Nursery:
    """`serve.py`, or a `module` that does as it does, as a process, and what it has started."""

    def __init__(self, module: str = "tests.faults.serve", *arguments: str) -> None:
        self._module = (module, *arguments)
        self._children: dict[int, Child] = {}
        self._last = 0

    async def __aenter__(self) -> Self:
        environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
        for name in [name for name in environment if name.startswith("SWITCHBOARD_")]:
            del environment[name]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self._module, cwd=ROOT, env=environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        if not await self._process.stdout.readline():
            raise RuntimeError("the program could not be read: see above")
        self._heard = asyncio.create_task(self._hear(self._process.stdout))
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._heard

    async def _hear(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            told = json.loads(line)
            child = self._children[told["number"]]
            child.process = told.get("process", child.process)
            child.begun.set()
            if "code" in told:
                child.code = told["code"]
                child.ended.set()
                del self._children[told["number"]]

    async def start(self, order: Mapping[str, Any]) -> Child:
        """Start a command."""
        self._last += 1
        child = self._children[self._last] = Child()
        assert self._process.stdin is not None
        line = json.dumps({**order, "number": self._last})
        self._process.stdin.write((line + "\n").encode())
        await child.begun.wait()
        return child


class Program:
    """`switchboard` in a folder: commands with an environment and a clock of their own."""

    def __init__(self, nursery: Nursery, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.log = folder / "log"
        self._nursery = nursery
        self.environment = dict(environment)
        self._clock = folder / "clock"
        self._clock.write_bytes(bytes(8))
        self._commands = 0

    def set_clock(self, wrong_by: int) -> None:
        """Let its clock be wrong by so many milliseconds from now on."""
        with self._clock.open("r+b") as file:
            file.write(wrong_by.to_bytes(8, sys.byteorder, signed=True))

    async def start(self, *arguments: str, out: Path | None = None) -> Child:
        """Start a command."""
        return await self._nursery.start(
            {
                "arguments": arguments, "folder": str(self.folder), "log": str(self.log),
                "out": str(out or self.log), "clock": str(self._clock),
                "environment": self.environment,
            }
        )  # fmt: skip

    async def run(self, *arguments: str, config: str = "config.toml") -> tuple[int, str]:
        """Run a command to its end; return its exit code and what it printed."""
        self._commands += 1
        out = self.folder / f"printed-{self._commands}"
        child = await self.start(*arguments, "-c", config, out=out)
        async with asyncio.timeout(END_SECONDS):
            await child.ended.wait()
        return child.code or 0, out.read_text() if out.exists() else ""


class Server:
    """One `switchboard serve` on a port of its own, with a configuration of its own."""

    def __init__(self, program: Program, config: str, port: int, more: Sequence[str] = ()) -> None:
        self.port = port
        self.config = config
        self.child: Child | None = None
        self.frozen = False
        self.retired = False
        self._program = program
        self._arguments = ("serve", "-c", config, *more)

    @property
    def is_up(self) -> bool:
        """It runs, as far as is known."""
        return self.child is not None and self.child.code is None

    async def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until its door is open, or it has ended."""
        self.frozen = False
        self.child = await self._program.start(*self._arguments)
        if wait:
            await self.opened()

    async def opened(self) -> bool:
        """Wait until its door is open; False where it has ended."""
        async with asyncio.timeout(READY_SECONDS):
            while self.is_up:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.01)
                else:
                    writer.close()
                    return True
        return False

    async def kill(self) -> None:
        """End it at once, wherever it stands."""
        if self.child is not None:
            self.child.signal(signal.SIGKILL)
            await self.child.ended.wait()

    def freeze(self) -> None:
        """Let it stand still."""
        assert self.child is not None
        self.frozen = True
        self.child.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.child is not None
        self.child.signal(signal.SIGCONT)
        self.frozen = False

    async def end(self) -> int:
        """Ask it to end, and return its exit code; where it does not, its log says what it does."""
        assert self.child is not None
        self.child.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_SECONDS):
                await self.child.ended.wait()
        except TimeoutError:
            self.child.signal(signal.SIGUSR2)
            await asyncio.sleep(1)
            return NEVER_ENDED
        return self.child.code or 0
