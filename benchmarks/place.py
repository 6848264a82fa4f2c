"""A place to measure in: a folder with a configuration, a database of members, and servers."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.engines import FILE
from bot.config import load
from storage import addresses, members
from storage.opening import migrate, open_database
from storage.opening import place as place_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storage.database import Database, Tx

SID = "AC" + "0" * 32
TOKEN = "benchmark-token"  # noqa: S105  of nobody
SECRETS = {
    "": {"SWITCHBOARD_PRIVACY__HASH_KEY": "benchmark hash key"},
    "sms": {"SWITCHBOARD_CHANNELS__SMS__AUTH_TOKEN": TOKEN},
    "telegram": {"SWITCHBOARD_CHANNELS__TELEGRAM__TOKEN": "1:" + "b" * 35},
}

CONFIG = """
[alliance]
name = "Springfield Water"
timezone = "UTC"
languages = ["en"]
country = "US"
[storage]
url = "{url}"
[web]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
[manners]
quiet = ""
per_day = 0
per_week = 0
{channels}
"""
SMS = """
[channels.sms]
driver = "twilio"
account_sid = "{sid}"
sender = "+15005550006"
rate = {rate}
in_flight = 64
api_url = "http://127.0.0.1:{sink}"
"""
TELEGRAM = """
[channels.telegram]
driver = "telegram"
rate = {rate}
in_flight = 64
api_url = "http://127.0.0.1:{sink}"
"""


def configure(
    folder: Path, port: int, port_of_sink: int, rate: float, *channels: str, url: str = FILE
) -> None:
    """Write a folder's configuration, and let this process and its children have the secrets."""
    templates = {"sms": SMS, "telegram": TELEGRAM}
    written = "".join(
        templates[name].format(sid=SID, rate=rate, sink=port_of_sink) for name in channels
    )
    (folder / "config.toml").write_text(CONFIG.format(port=port, channels=written, url=url))
    for name, secrets in SECRETS.items():
        for variable, secret in secrets.items():
            os.environ.pop(variable, None)
            if not name or name in channels:
                os.environ[variable] = secret


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> bytes:
    """Return the body of a GET."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return bytes(answer.read())


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a Python module until the block ends."""
    running = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(30)
        except subprocess.TimeoutExpired:
            running.kill()


@contextlib.contextmanager
def sink(takes: float = 0.0) -> Iterator[int]:
    """Run the sink, which takes so many seconds for an answer, and give its port."""
    with process("benchmarks.sink", str(takes)) as running:
        assert running.stdout is not None
        yield int(running.stdout.readline())


@dataclass(frozen=True, slots=True)
class Served:
    """A running server, and the seconds it took to start."""

    pid: int
    start_s: float


@contextlib.contextmanager
def server(folder: Path, port: int, module: str = "bot", *arguments: str) -> Iterator[Served]:
    """Run `switchboard serve` (or another module) in a folder."""
    words = arguments or ("serve", "-c", str(folder / "config.toml"))
    began = time.perf_counter()
    with process(module, *words) as running:
        while True:
            try:
                get(port, "/healthz")
                break
            except OSError:
                if running.poll() is not None or time.perf_counter() - began > 30:
                    raise RuntimeError("the server did not start") from None
                time.sleep(0.01)
        yield Served(running.pid, time.perf_counter() - began)


async def opened(folder: Path) -> Database:
    """Open the storage that a folder's configuration names; the caller closes it."""
    where = place_of(load(folder / "config.toml").storage.url, folder)
    await migrate(where)
    return await open_database(where)


async def fill(folder: Path, channel: str, count: int) -> Database:
    """Make a database of so many members, each with an address; the caller closes it."""
    database = await opened(folder)

    async def unit(tx: Tx, low: int, high: int) -> None:
        for number in range(low, high):
            value = f"+1202555{number:04d}" if channel == "sms" else str(1_000_000 + number)
            address = await addresses.add(tx, channel, value, 1)
            member = await members.add_whole(
                tx, alias=f"M{number}", name="", platform_id=None, type_="water_users",
                sector="civil", organisation_id=None, language="en", now=1,
            )  # fmt: skip
            await addresses.link(tx, member, address, 1)

    for low in range(0, count, 500):
        high = min(count, low + 500)
        await database.write(lambda tx, low=low, high=high: unit(tx, low, high))  # type: ignore[misc]
    await database.write(lambda tx: tx.run("UPDATE members SET introduced = TRUE"))
    return database
