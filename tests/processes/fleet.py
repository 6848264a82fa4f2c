"""Several `switchboard serve` processes of one alliance on one PostgreSQL, as people run them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg

from tests.peers.fake_twilio import ACCOUNT, SENDER, TOKEN, incoming, sign
from tests.peers.program import HASH_KEY
from tests.peers.twilio_prism import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 40
COMMAND_SECONDS = 60
LOOK_SECONDS = 0.05
# A provider waits for an answer so long, then tries again.
PATIENCE = 15.0
AGAIN = 0.2

CONFIG = """
[alliance]
name = "Nima Water"
timezone = "Africa/Accra"
languages = ["en"]
country = "US"
[storage]
url = "{storage}"
[web]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
[manners]
quiet = ""
per_day = 0
per_week = 0
replies_per_hour = 1000
replies_per_day = 1000
{channels}
"""
SMS = f"""
[channels.sms]
driver = "twilio"
account_sid = "{ACCOUNT}"
sender = "{SENDER}"
rate = {{rate}}
in_flight = 8
api_url = "{{url}}"
"""
TELEGRAM = """
[channels.telegram]
driver = "telegram"
rate = 1000
in_flight = 8
api_url = "{url}"
"""


@dataclass
class Process:
    """One `serve`, which listens on a port of its own."""

    port: int
    log_path: Path
    child: asyncio.subprocess.Process

    @property
    def log(self) -> str:
        """All that it has written so far."""
        return self.log_path.read_text()

    @property
    def is_up(self) -> bool:
        """It runs, as far as is known."""
        return self.child.returncode is None

    def leads(self, part: str) -> int:
        """Return how often it has begun to lead a part."""
        return self.log.count(f'"part": "{part}", "event": "leading"')

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.is_up:
            self.child.send_signal(number)

    async def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)
        await self.child.wait()


@dataclass
class Fleet:
    """An alliance in a folder; every secret comes by `environment`."""

    folder: Path
    storage: str
    environment: Mapping[str, str]
    port: int
    processes: list[Process] = field(default_factory=list)
    # Every webhook's answer: its status (-1 for none), and after how many seconds.
    answers: list[tuple[int, float]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where providers see it."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, *, only: str = "", port: int = 0) -> Process:
        """Start a process, and wait until it is ready."""
        process = await self.launch(only=only, port=port)
        async with asyncio.timeout(START_SECONDS):
            while not await self._is_ready(process):
                assert process.is_up, f"it did not start:\n{process.log}"
                await asyncio.sleep(LOOK_SECONDS)
        return process

    async def launch(self, *, only: str = "", port: int = 0) -> Process:
        """Start a process."""
        port = port or free_port()
        roles = ["--only", only] if only else []
        path = self.folder / f"log-{port}"
        with path.open("w") as log:
            child = await self._run(["serve", "--listen", f"127.0.0.1:{port}", *roles], log)
        process = Process(port, path, child)
        self.processes.append(process)
        return process

    async def _is_ready(self, process: Process) -> bool:
        try:
            async with self.session.get(f"http://127.0.0.1:{process.port}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def cli(self, *arguments: str) -> str:
        """Run a command that must succeed; return what it printed."""
        code, printed, complained = await self.command(*arguments)
        assert code == 0, f"switchboard {arguments[0]}: {complained}"
        return printed.strip()

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command; return its exit code, and what it wrote on stdout and stderr."""
        child = await self._run(arguments, asyncio.subprocess.PIPE)
        async with asyncio.timeout(COMMAND_SECONDS):
            printed, complained = await child.communicate()
        return child.returncode or 0, printed.decode(), complained.decode()

    async def _run(self, arguments: Any, output: Any) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *arguments, "-c", str(self.folder / "config.toml"),
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=self.environment,
        )  # fmt: skip

    async def enrol(self, numbers: list[str]) -> None:
        """Make members of some phones."""
        lines = ["phone,consent", *(f"{number},yes" for number in numbers)]
        (self.folder / "members.csv").write_text("\n".join(lines))
        await self.cli("members", "import", str(self.folder / "members.csv"))

    async def rows(self, statement: str) -> list[Any]:
        """Return what a query finds."""
        connection = await asyncpg.connect(self.storage)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    # --- what a provider does ---

    async def text(self, number: str, body: str, process: Process, sid: str = "") -> int:
        """Post a phone's text to a process, once; return the answer's status, -1 for none."""
        more = {"MessageSid": sid} if sid else {}
        fields = incoming(number, body, **more)
        path = "/hooks/sms"
        headers = {"X-Twilio-Signature": sign(TOKEN, f"{self.url}{path}", fields)}
        began, status = asyncio.get_running_loop().time(), -1
        try:
            async with self.session.post(
                f"http://127.0.0.1:{process.port}{path}", data=dict(fields), headers=headers
            ) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            pass
        self.answers.append((status, asyncio.get_running_loop().time() - began))
        return status

    async def deliver(self, number: str, body: str, choose: Callable[[], Process]) -> None:
        """Post a text, and again under the same key, until it is taken."""
        sid = "SM" + os.urandom(16).hex()
        while True:
            if await self.text(number, body, choose(), sid) == 200:
                return
            await asyncio.sleep(AGAIN)


async def until(is_so: Callable[[], Any], seconds: float, what: str) -> float:
    """Wait for something; return how long that took (s)."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + seconds:
        found = is_so()
        if await found if asyncio.iscoroutine(found) else found:
            return loop.time() - began
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError(f"not within {seconds} s: {what}")


@asynccontextmanager
async def fleet(
    folder: Path, storage: str, *, sms: str = "", telegram: str = "", rate: int = 1_000
) -> AsyncIterator[Fleet]:
    """Configure an alliance; whatever runs at the end of the block must end well when asked."""
    port = free_port()
    channels = (SMS.format(url=sms, rate=rate) if sms else "") + (
        TELEGRAM.format(url=telegram) if telegram else ""
    )
    (folder / "config.toml").write_text(
        CONFIG.format(storage=storage, port=port, channels=channels)
    )
    secrets = {"SWITCHBOARD_PRIVACY__HASH_KEY": HASH_KEY}
    if sms:
        secrets["SWITCHBOARD_CHANNELS__SMS__AUTH_TOKEN"] = TOKEN
    if telegram:
        secrets["SWITCHBOARD_CHANNELS__TELEGRAM__TOKEN"] = "7:Synthetic-Token_Of_Nobody"
    found = Fleet(folder, storage, dict(os.environ) | secrets, port)
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    connector = aiohttp.TCPConnector(limit=500)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as found.session:
        try:
            yield found
        finally:
            await _end(found)
    codes = {p.child.returncode for p in found.processes} - {0, -signal.SIGKILL}
    assert not codes, "\n".join(process.log for process in found.processes)


async def _end(found: Fleet) -> None:
    for process in found.processes:
        process.signal(signal.SIGCONT)
        process.signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await asyncio.gather(*[process.child.wait() for process in found.processes])
    finally:
        for process in found.processes:
            process.signal(signal.SIGKILL)
