"""A whole Switchboard whose clock, carriers and codes are made by chance, and no time is waited."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

import bot.app
from bot.config import load
from scheduler.clock import found as jobs
from storage import addresses, members, platforms, roles
from storage.opening import Place, open_database
from tests.chance.carriers import SMS, TELEGRAM, Ledger, Sms, Telegram
from tests.whole import world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path
    from random import Random

    from bot.channels.base import Event
    from storage.database import Database, Tx
    from storage.opening import Where

T = TypeVar("T")

# Wednesday, 2026-11-25 12:00 UTC.
NOON = 1_795_608_000_000
ROLES = frozenset({"sender"})

CONFIG = """
[alliance]
name = "Springfield Water"
timezone = "UTC"
languages = [{languages}]
country = "US"
[storage]
url = "sqlite:///town.db"
[channels.phones]
driver = "simulator"
[manners]
{manners}
"""


class Town(world.World):
    """A Switchboard over stand-ins of Twilio and Telegram. `at` (ms) is what time it is."""

    def __init__(self, database: Database, settings: Any, where: Where, at: int = NOON) -> None:
        self.at = at
        self.where = where
        self._outside: Outside | None = None
        self.offset = 0
        self.database = database
        self.settings = settings
        self.ledger = Ledger(self.now)
        self.sms, self.telegram = Sms(self.ledger), Telegram(self.ledger)
        self._begin()

    def _begin(self) -> None:
        channels = {SMS: self.sms, TELEGRAM: self.telegram}
        with patch.object(bot.app, "channels_of", return_value=channels):
            self.app = bot.app.App(self.settings, self.database, self.now, ROLES)  # type: ignore[arg-type]
        self.alliance = self.app.alliance
        self.counts: dict[str, int] = {}
        self.app.intake._count = self._counted

    def _counted(self, channel: str, outcome: str) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + 1

    def now(self) -> int:
        """Return what time it is: it goes on only when it is told to."""
        return self.at

    async def accept(self, events: Sequence[Event]) -> None:  # type: ignore[override]
        """Let what a request was read as come in."""
        await self.app.intake.accept(events)

    async def tick(self) -> None:
        """Run every job of the clock once, and wait until all is settled."""
        for job in jobs():
            await job.run(self.database, self.alliance, self.now())
        await self.settled()
        for reconciler in self.app.reconcilers:
            while await reconciler.look():
                pass
        await self.settled()

    async def settled(self) -> None:
        """Wait until nothing is left that could leave now."""
        for drain in self.app.drains:
            drain.wake("outbox")
        for _ in range(20_000):
            if not await self.scalar(
                "SELECT EXISTS (SELECT 1 FROM outbox WHERE status = 'sending')"
                " OR EXISTS (SELECT 1 FROM outbox WHERE status = 'queued' AND until_at <= :now)",
                now=self.now(),
            ):
                return
            await asyncio.sleep(0.000_5)
        raise AssertionError("the outbox did not settle")

    async def look(self, unit: Callable[[Any], Awaitable[T]]) -> T:
        """Read what is kept, of a file by a connection of our own: a hop to a thread costs more."""
        if isinstance(self.where, Place):
            if self._outside is None:
                self._outside = Outside(self.where.path)
            return await unit(self._outside)
        return await self.database.read(unit)

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        return [tuple(row) for row in await self.look(lambda tx: tx.rows(sql, **values))]

    async def flowing(self) -> None:
        """Wait until all that can leave is inside a carrier, which holds it."""
        for drain in self.app.drains:
            drain.wake("outbox")
        for _ in range(20_000):
            waiting = await self.scalar(
                "SELECT COUNT(*) FROM outbox WHERE status = 'queued' AND until_at <= :now",
                now=self.now(),
            )
            inside = sum(len(drain._lines.flying) for drain in self.app.drains)
            claimed = sum(len(drain._stock.unsent) for drain in self.app.drains)
            # Of two to one address the second waits for the first.
            if not waiting and inside >= min(claimed, 1):
                return
            await asyncio.sleep(0.000_5)
        raise AssertionError("nothing flows")

    async def again(self, *, killed: bool) -> None:
        """Forget all that is in memory, and begin anew on the same database."""
        if killed:
            for drain in self.app.drains:
                drain._stopping = True
            tasks = [*self.app._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        else:
            self.ledger.way.set()
            await self.app.stop()
        await self.database.close()
        self.database = await open_database(self.where)
        self._begin()
        await self.app.start()

    # --- what is there before anybody writes ---

    async def settle_in(self, channel: str, value: str, **columns: Any) -> int:
        """Let somebody be a member without the talk of a sign-up; return their id."""

        async def unit(tx: Tx) -> int:
            member_id = await members.add_whole(
                tx, alias=columns.get("alias", ""), name="", platform_id=columns.get("platform"),
                type_=columns.get("type_", ""), sector=columns.get("sector", ""),
                organisation_id=None, language=self.alliance.languages[0], now=self.now(),
            )  # fmt: skip
            address_id = await addresses.add(tx, channel, value, self.now())
            await addresses.link(tx, member_id, address_id, self.now())
            await tx.run("UPDATE members SET introduced = TRUE WHERE id = :id", id=member_id)
            return member_id

        return await self.database.write(unit)

    async def give(self, member_id: int, role: Any, place: str) -> None:
        """Give a member a role on a platform."""

        async def unit(tx: Tx) -> None:
            platform = await platforms.by_code(tx, place)
            await roles.grant(tx, member_id, platform.id, role, None, self.now())

        await self.database.write(unit)


class Outside:
    """A connection to a file that nothing of the program knows of, and that only reads."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        """Return what a query finds, at once."""
        return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        """Let go."""
        self._connection.close()


class Codes:
    """Draws the codes of confirmations by a seed, so that a run can be made again."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def __call__(self) -> str:
        return f"{self._random.randrange(10_000):04d}"


@contextlib.asynccontextmanager
async def town(
    folder: Path, random: Random, languages: Sequence[str] = ("en",), manners: str = ""
) -> AsyncIterator[Town]:
    """Run a Switchboard in a folder, on an empty database."""
    path = folder / "config.toml"
    named = ", ".join(f'"{language}"' for language in languages)
    path.write_text(CONFIG.format(languages=named, manners=manners), encoding="utf-8")
    settings = load(path)
    # Answers are gathered for as long as others are dealt with, and doubts looked into when told.
    with (
        patch("bot.intake._code", Codes(random)),
        patch("bot.sending.outcome.GATHER", 0),
        patch("bot.sending.reconcile.EVERY", 3_600.0),
    ):
        where = await world._where(folder, settings.storage.url)
        found = Town(await open_database(where), settings, where)
        await found.app.start()
        try:
            yield found
        finally:
            found.ledger.way.set()
            await found.app.stop()
            await found.database.close()
            if found._outside is not None:
                found._outside.close()
