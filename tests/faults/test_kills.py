"""A broadcast whose server is killed again and again, against providers that keep a ledger."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from handlers.dialog.perform import Telling, tell
from storage.audience import All
from storage.instant import HOUR, clock
from storage.opening import open_database, place
from tests.peers import fake_bot_api, fake_twilio
from tests.peers.twilio_prism import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# The full run: FAULT_RECIPIENTS=10000 FAULT_KILLS=20
RECIPIENTS = int(os.environ.get("FAULT_RECIPIENTS", "2000"))
KILLS = int(os.environ.get("FAULT_KILLS", "6"))
SEED = int(os.environ.get("FAULT_SEED", "0")) or random.randrange(1, 1_000_000)
READY_SECONDS = 30
END_SECONDS = 120

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
public_url = "http://127.0.0.1:{port}"
[manners]
quiet = ""
per_day = 0
per_week = 0
[channels.{channel}]
driver = "{driver}"
api_url = "{api_url}"
rate = 2000
in_flight = 32
{more}
"""
TEXTS = {"en": "Water is off on Friday in Nima.", "es": "El viernes no hay agua en Nima."}


@dataclass(frozen=True)
class Provider:
    """A provider's stand-in, and how our channel to it is configured."""

    name: str
    channel: str
    driver: str
    module: str
    more: str
    arguments: tuple[str, ...] = ()
    secret: str = ""
    token: str = ""
    to: str = ""
    number: str = ""

    def address(self, at: int) -> str:
        """Return the address of a recipient."""
        return f"+1202555{at:04d}" if self.driver == "twilio" else str(700_000 + at)


TWILIO = Provider(
    "twilio", "sms", "twilio", "tests.peers.fake_twilio",
    f'account_sid = "{fake_twilio.ACCOUNT}"\nsender = "{fake_twilio.SENDER}"',
    secret="SWITCHBOARD_CHANNELS__SMS__AUTH_TOKEN", token=fake_twilio.TOKEN, to="To", number="sid",
)  # fmt: skip
RECEIPTS = replace(TWILIO, name="twilio with receipts", arguments=("--receipts",))
TELEGRAM = Provider(
    "telegram", "telegram", "telegram", "tests.peers.fake_bot_api", 'mode = "polling"',
    ("--delay", "0.005"),
    secret="SWITCHBOARD_CHANNELS__TELEGRAM__TOKEN", token=fake_bot_api.TOKEN, to="chat_id",
    number="message_id",
)  # fmt: skip


@asynccontextmanager
async def running(provider: Provider, ledger: Path) -> AsyncIterator[str]:
    """Run the provider's stand-in as a process of its own; yields its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", provider.module, "--ledger", str(ledger), *provider.arguments,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = (await process.stdout.readline()).decode()
        yield line.removeprefix("listening on ").strip()
    finally:
        process.kill()
        await process.wait()


async def prepared(folder: Path, provider: Provider) -> None:
    """Make a database with everybody in it, and a broadcast to all of them that is due.

    Half of them have never been told who writes, and half read another language.
    """
    database = await open_database(place("sqlite:///alliance.db", folder))
    now = clock()

    async def unit(tx: Any) -> None:
        people = [
            {"id": at, "channel": provider.channel, "value": provider.address(at), "now": now,
             "language": ("en", "es")[at % 2], "introduced": bool(at // 2 % 2)}
            for at in range(1, RECIPIENTS + 1)
        ]  # fmt: skip
        await tx.many(
            "INSERT INTO members (id, state, language, introduced, created_at, joined_at)"
            " VALUES (:id, 'member', :language, :introduced, :now, :now)",
            people,
        )
        await tx.many(
            "INSERT INTO addresses (id, channel, value, created_at)"
            " VALUES (:id, :channel, :value, :now)",
            people,
        )
        await tx.many(
            "INSERT INTO member_addresses (member_id, address_id, linked_at)"
            " VALUES (:id, :id, :now)",
            people,
        )
        await tell(tx, Telling("announcement", All(), TEXTS, now, now + HOUR), None, now)

    await database.write(unit)
    await database.close()


class Victim:
    """`switchboard serve` in a folder, to be killed."""

    def __init__(self, folder: Path, port: int, provider: Provider) -> None:
        self._folder = folder
        self._port = port
        self._environment = dict(os.environ) | {
            provider.secret: provider.token,
            "SWITCHBOARD_PRIVACY__HASH_KEY": "a key of the tests, of no use",
        }

    async def start(self) -> asyncio.subprocess.Process:
        """Start it, and wait until its door is open."""
        with (self._folder / "log").open("a") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", "-c", str(self._folder / "config.toml"),
                cwd=self._folder, stdout=log, stderr=log, env=self._environment,
            )  # fmt: skip
        async with asyncio.timeout(READY_SECONDS):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                except OSError:
                    await asyncio.sleep(0.01)
                else:
                    writer.close()
                    return process
        raise AssertionError((self._folder / "log").read_text())

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return what a query finds in the database as it lies there."""
        path = self._folder / "alliance.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
            return database.execute(statement).fetchall()


UNDER_WAY = (
    "SELECT (SELECT COUNT(*) FROM outbox WHERE status IN ('queued', 'held', 'sending', 'unknown'))"
    " + (SELECT COUNT(*) FROM batches WHERE state <> 'queued')"
)


async def killed_and_ended(victim: Victim) -> None:
    """Kill it at random moments, each time started again, then let it come to an end."""
    moments = random.Random(SEED)
    for _ in range(KILLS):
        process = await victim.start()
        await asyncio.sleep(moments.uniform(0.0, 0.7))
        process.kill()
        await process.wait()
    process = await victim.start()
    try:
        async with asyncio.timeout(END_SECONDS):
            while victim.rows(UNDER_WAY)[0][0]:  # noqa: ASYNC110  another process does it
                await asyncio.sleep(0.2)
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0


# Receipts take as long again, so they are part of a full run alone.
PROVIDERS = [TWILIO, TELEGRAM] + [RECEIPTS] * ("FAULT_KILLS" in os.environ)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
async def test_a_killed_server_loses_nothing_and_doubles_nothing(provider, tmp_path, capsys):
    """Whenever it is killed, everybody gets the message, once where the provider can be asked.

    Telegram can't be: there a double stands only where the row says that there may be one.
    """
    ledger, port = tmp_path / "ledger.jsonl", free_port()
    await prepared(tmp_path, provider)
    async with running(provider, ledger) as api_url:
        (tmp_path / "config.toml").write_text(
            CONFIG.format(
                port=port, channel=provider.channel, driver=provider.driver, api_url=api_url,
                more=provider.more,
            )
        )  # fmt: skip
        victim = Victim(tmp_path, port, provider)
        began = time.monotonic()
        await killed_and_ended(victim)
        took = time.monotonic() - began
    sent = [json.loads(line) for line in ledger.read_text().splitlines()]
    rows = victim.rows(
        "SELECT a.value, o.status, o.provider_id, o.maybe_twice, o.attempt FROM outbox o"
        " JOIN addresses a ON a.id = o.address_id"
    )
    arrived = Counter(str(message[provider.to]) for message in sent)
    doubled = {to for to, times in arrived.items() if times > 1}
    marked = {to for to, _, _, maybe_twice, _ in rows if maybe_twice}
    with capsys.disabled():
        print(  # noqa: T201 (the figures are what a full run is for)
            f"\n{provider.name}: {len(rows)} recipients, {KILLS} kills (seed {SEED}),"
            f" {took:.0f} s: {len(sent)} messages arrived, {len(doubled)} people twice,"
            f" {len(marked)} marked, {sum(row[4] > 1 for row in rows)} sent again"
        )
    everyone = {provider.address(at) for at in range(1, RECIPIENTS + 1)}
    assert len(rows) == RECIPIENTS
    assert set(arrived) == everyone, "nobody is missed, and nobody else is written to"
    assert {status for _, status, *_ in rows} <= {"sent", "delivered"}
    known = {(str(message[provider.to]), str(message[provider.number])) for message in sent}
    assert {(to, number) for to, _, number, *_ in rows} <= known, "a status was made up"
    assert doubled <= (marked if provider is TELEGRAM else set())
