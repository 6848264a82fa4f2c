"""The program as people run it: `switchboard serve` as a process, commands beside it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.peers.twilio_prism import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

HASH_KEY = "a key of the tests, of no use"
START_SECONDS = 30
STOP_SECONDS = 30
COMMAND_SECONDS = 30

CONFIG = """
[alliance]
name = "Nima Water"
timezone = "Africa/Accra"
languages = ["en", "es"]
country = "US"
[storage]
url = "sqlite:///alliance.db"
[web]
listen = "127.0.0.1:{port}"
public_url = "{public_url}"
[manners]
quiet = ""
per_day = 10
per_week = 10
{channel}
"""


@dataclass(frozen=True, slots=True)
class Switchboard:
    """One alliance in a folder, served at `url`; every secret comes by `environment`."""

    folder: Path
    url: str
    environment: Mapping[str, str]

    @property
    def log(self) -> str:
        """All that the server has written so far."""
        return (self.folder / "log").read_text()

    async def cli(self, *arguments: str) -> str:
        """Run a command beside the server; return what it printed. It must succeed."""
        process = await self._start(arguments, asyncio.subprocess.PIPE)
        async with asyncio.timeout(COMMAND_SECONDS):
            printed, complained = await process.communicate()
        assert process.returncode == 0, f"switchboard {arguments[0]}: {complained.decode()}"
        return printed.decode().strip()

    def count(self, rows: str) -> int:
        """Return how many rows are committed now: of a table, or of those `WHERE` picks."""
        path = self.folder / "alliance.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return int(database.execute(f"SELECT COUNT(*) FROM {rows}").fetchone()[0])

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Run the server; it must end by itself and well when it is asked to."""
        with (self.folder / "log").open("a") as log:
            process = await self._start(["serve"], log)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready(process)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
        assert process.returncode == 0, self.log

    async def _start(self, arguments: Any, output: Any) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *arguments, "-c", str(self.folder / "config.toml"),
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=self.environment,
        )  # fmt: skip

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        async with aiohttp.ClientSession() as session:
            while process.returncode is None:
                try:
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientConnectorError:
                    pass
                await asyncio.sleep(0.02)
        raise AssertionError(f"the server did not start:\n{self.log}")


def switchboard(folder: Path, channel: str, public_url: str = "", **secrets: str) -> Switchboard:
    """Configure an alliance with one channel in a folder, on a free port of its own.

    `public_url` is that port's where none is given; each secret is named by its variable.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config = CONFIG.format(port=port, public_url=public_url or url, channel=channel)
    (folder / "config.toml").write_text(config)
    named = {f"SWITCHBOARD_{name}": value for name, value in secrets.items()}
    key = {"SWITCHBOARD_PRIVACY__HASH_KEY": HASH_KEY}
    return Switchboard(folder, url, dict(os.environ) | key | named)
