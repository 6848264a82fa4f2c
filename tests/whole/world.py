"""A whole Switchboard on a real SQLite file with virtual phones, its clock set by the test."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import bot.app
from bot.app import EVERY_ROLE, App
from bot.channels.base import Inbound
from bot.config import load
from handlers import close, poll
from handlers.dialog.text import segments
from storage import addresses, audience, members, platforms
from storage.instant import clock
from storage.opening import Place, open_database, place
from storage.sqlite import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.app import Role
    from bot.channels.base import Event
    from storage.database import Database, Tx
    from storage.opening import Where
    from storage.rounds import Round
    from tests.storage.postgres import Databases
    from tests.whole.chat import Chat

CONFIG = """
[alliance]
name = "Springfield Water"
timezone = "UTC"
languages = ["en"]
country = "US"
[storage]
url = "sqlite:///test.db"
[channels.phones]
driver = "simulator"
[manners]
quiet = ""
per_day = 0
per_week = 0
"""

_keys = itertools.count(1)

# Where databases are, if the test that runs is one on PostgreSQL.
servers: ContextVar[Databases | None] = ContextVar("servers", default=None)


class Phone:
    """A phone: what it sends and what it has been sent. `longest` in segments, 0 for any."""

    def __init__(
        self, world: World, number: str, channel: str = "phones", longest: int = 2
    ) -> None:
        self._world = world
        self.number = number
        self.channel = channel
        self.longest = longest
        self._seen = 0

    async def say(self, text: str, **inbound: Any) -> list[str]:
        """Send a message, wait until everything is settled, return what came since."""
        await self.send(text, **inbound)
        return await self.hear()

    async def send(self, text: str, **inbound: Any) -> None:
        """Send a message and wait for nothing."""
        key = inbound.pop("key", f"k{next(_keys)}")
        event = Inbound(self.channel, key, self.number, text, **inbound)
        await self._world.accept(event)

    async def press(self, data: str) -> list[str]:
        """Press the button that carries this data."""
        return await self.say("", kind="choice", choice=data, callback=f"b{next(_keys)}")

    async def hear(self) -> list[str]:
        """Wait until everything is settled and return the texts that came since last time."""
        return [message["text"] for message in await self.messages()]

    async def messages(self) -> list[dict[str, Any]]:
        """Return what came since last time, whole."""
        await self._world.settled()
        found = self._world.app.channels[self.channel].messages(self.number, self._seen)  # type: ignore[attr-defined]
        if found:
            self._seen = found[-1]["id"]
        for message in found:
            assert not self.longest or segments(message["text"]) <= self.longest, message["text"]
        return list(found)

    async def join(self, *answers: str) -> None:
        """Sign up: consent, then these answers, then skip the rest."""
        await self.say("JOIN")
        for answer in ("1", *answers):
            await self.say(answer)
        for _ in range(6):
            if any("Welcome" in text for text in await self.say("0")):
                return


class World:
    """The parts a test reaches into. `now` (ms) moves only by `pass_time`."""

    def __init__(
        self,
        database: Database,
        settings: Any,
        chats: tuple[Chat, ...] = (),
        roles: frozenset[Role] = EVERY_ROLE,
    ) -> None:
        self.offset = 0
        self.database = database
        channels = bot.app.channels_of(settings) | {chat.name: chat for chat in chats}
        with patch.object(bot.app, "channels_of", return_value=channels):
            self.app = App(settings, database, self.now, roles)
        self.alliance = self.app.alliance
        self.simulator: Any = self.app.channels.get("phones")

    def now(self) -> int:
        """Return the test's instant: the machine's, and what has been let pass."""
        return clock() + self.offset

    async def pass_time(self, milliseconds: int) -> None:
        """Let time pass, and what is due happen."""
        self.offset += milliseconds
        await self.tick()

    async def tick(self) -> None:
        """Run every job of the clock once, and wait until all is settled."""
        from scheduler.clock import found  # noqa: PLC0415

        for job in found():
            await job.run(self.database, self.alliance, self.now())
        await self.settled()

    def phone(self, last: int) -> Phone:
        """Return the phone whose number ends so (0 to 199)."""
        return Phone(self, f"+1202555{100 + last:04d}")

    async def member(self, phone: Phone) -> Phone:
        """Let somebody be a member without the talk of a sign-up."""

        async def unit(tx: Tx) -> None:
            member_id = await members.add_whole(
                tx, alias="", name="", platform_id=None, type_="", sector="",
                organisation_id=None, language="en", now=self.now(),
            )  # fmt: skip
            address_id = await addresses.add(tx, phone.channel, phone.number, self.now())
            await addresses.link(tx, member_id, address_id, self.now())
            await tx.run("UPDATE members SET introduced = TRUE WHERE id = :id", id=member_id)

        await self.database.write(unit)
        return phone

    def chatter(self, last: int, channel: str = "chat") -> Phone:
        """Return the person of a chat channel whose user id ends so; see `tests.whole.chat`."""
        return Phone(self, f"7700{last:04d}", channel, longest=0)

    async def accept(self, event: Event) -> None:
        """Let one event come in by the real door."""
        await self.app.intake.accept([event])

    async def settled(self) -> None:
        """Wait until nothing is left that could leave now."""
        for drain in self.app.drains:
            drain.wake("outbox")
        for _ in range(2_000):
            if not await self.scalar(
                "SELECT COUNT(*) FROM outbox WHERE status = 'sending'"
                " OR (status = 'queued' AND until_at <= :now)",
                now=self.now(),
            ):
                return
            await asyncio.sleep(0.005)
        raise AssertionError("the outbox did not settle within 10 s")

    async def until(self, sql: str, wanted: Any) -> None:
        """Wait until a query finds this value."""
        for _ in range(2_000):
            if await self.scalar(sql) == wanted:
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"{sql} did not become {wanted} within 10 s")

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        return [tuple(row) for row in await self.database.read(lambda tx: tx.rows(sql, **values))]

    async def scalar(self, sql: str, **values: Any) -> Any:
        """Return the one value a query finds."""
        return (await self.rows(sql, **values))[0][0]

    async def everywhere(self, wanted: str) -> list[str]:
        """Return the tables in which a text stands, looking at every column of every row."""
        found = []
        for name in await self.tables():
            rows = await self.rows(f"SELECT * FROM {name}")
            if any(wanted in str(value) for row in rows for value in row):
                found.append(name)
        return found

    async def tables(self) -> list[str]:
        """Return the names of the tables."""
        if servers.get():
            found = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        else:
            found = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
        return [name for (name,) in await self.rows(found)]

    async def columns(self, table: str) -> list[str]:
        """Return the names of a table's columns, in their order."""
        if servers.get():
            rows = await self.rows(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'"
                " AND table_name = :table ORDER BY ordinal_position",
                table=table,
            )
            return [str(row[0]) for row in rows]
        return [str(row[1]) for row in await self.rows(f"PRAGMA table_info({table})")]

    async def run(self, sql: str, **values: Any) -> None:
        """Change something behind the program's back."""
        await self.database.write(lambda tx: tx.run(sql, **values))

    async def platform(self, code: str, name: str, parent: str = "") -> None:
        """Add a platform."""

        async def unit(tx: Tx) -> None:
            above = await platforms.by_code(tx, parent) if parent else None
            await platforms.add(tx, code, name, "", above, "", self.now())

        await self.database.write(unit)

    async def poll(
        self,
        question: str = "Which first?",
        options: tuple[str, ...] = ("Taps", "Price", "Drains"),
        *,
        hours: float = 72,
        named: bool = True,
        to: audience.Audience | None = None,
    ) -> Round:
        """Ask everyone, and wait until the question has left."""
        form = poll.form(self.alliance, question, options, named=named)

        async def unit(tx: Tx) -> Round:
            round_, _ = await poll.poll(
                tx, self.alliance, to or audience.All(), form,
                closes_at=self.now() + int(hours * 3_600_000), by=None, now=self.now(),
            )  # fmt: skip
            return round_

        found = await self.database.write(unit)
        await self.tick()
        return found

    async def close(self, round_: Round) -> None:
        """Close a round by hand, and wait until its result has left."""
        await self.database.write(
            lambda tx: close.close(tx, self.alliance, round_, None, self.now())
        )
        await self.tick()


@functools.cache
def _empty() -> bytes:
    """Return a migrated database without a row: migrating takes longer than most tests."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        migrate(path)
        return path.read_bytes()


async def _where(folder: Path, url: str) -> Where:
    """Return where a world's data lies; one that is new begins with an empty database."""
    if found := servers.get():
        return place(await found.url(folder), folder)
    where = place(url, folder)
    if isinstance(where, Place) and not where.path.exists():
        where.path.touch(0o600)
        where.path.write_bytes(_empty())
    return where


@contextlib.asynccontextmanager
async def world(
    folder: Path, config: str = CONFIG, *, clocked: bool = False, chats: tuple[Chat, ...] = ()
) -> AsyncIterator[World]:
    """Run a Switchboard in a folder; with `clocked` its own clock ticks too."""
    path = folder / "config.toml"
    path.write_text(config)
    settings = load(path)
    roles = EVERY_ROLE if clocked else EVERY_ROLE - {"clock"}
    database = await open_database(await _where(folder, settings.storage.url))
    found = World(database, settings, chats, roles)
    await found.app.start()
    try:
        yield found
    finally:
        await found.app.stop()
        await database.close()
