"""A migrated SQLite file and one person's turns on it, without channels or a sender."""

from __future__ import annotations

import itertools
import shutil
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from bot.channels.base import Inbound
from bot.intake import Intake
from handlers import poll
from handlers.dialog import routing
from handlers.dialog.manners import Manners, Quiet
from handlers.dialog.turn import Alliance, StakeholderType, Turn
from storage import (
    addresses,
    answers,
    dialogs,
    forms,
    inbound,
    members,
    platforms,
    rounds,
    sqlite,
)
from storage.audience import All
from storage.instant import DAY
from storage.sqlite import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from handlers.dialog.forms import Form
    from storage.audience import Audience
    from storage.database import Database, Tx
    from storage.rounds import Round

# Wednesday, 2026-11-25 12:00 UTC.
NOON = 1_795_608_000_000

ALLIANCE = Alliance(
    name="Springfield Water",
    languages=("en",),
    country="US",
    zone=ZoneInfo("UTC"),
    manners=Manners(quiet=Quiet(), per_day=0, per_week=0),
    types=(
        StakeholderType("water_users", "civil", "Water users"),
        StakeholderType("business", "private", "Business"),
        StakeholderType("donor", "public", ""),
    ),
    hash_key=b"a key for tests",
)

_keys = itertools.count(1)


class Store:
    """A database with people in it. `now` (ms) is what a test says it is."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.alliance = ALLIANCE
        self.now = NOON
        self.one_question = True

    async def write(self, unit: Callable[[Tx], Awaitable[Any]]) -> Any:
        """Run a unit of work."""
        return await self.database.write(unit)

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        return [tuple(row) for row in await self.database.read(lambda tx: tx.rows(sql, **values))]

    async def scalar(self, sql: str, **values: Any) -> Any:
        """Return the one value a query finds."""
        return (await self.rows(sql, **values))[0][0]

    async def run(self, sql: str, **values: Any) -> None:
        """Change something behind the program's back."""
        await self.write(lambda tx: tx.run(sql, **values))

    async def platform(self, code: str, name: str, parent: str = "") -> int:
        """Add a platform and return its id."""

        async def unit(tx: Tx) -> int:
            above = await platforms.by_code(tx, parent) if parent else None
            return (await platforms.add(tx, code, name, "", above, "", self.now)).id

        return await self.write(unit)

    async def member(
        self,
        last: int | None = None,
        *,
        channel: str = "sms",
        platform: int | None = None,
        type_: str = "",
        sector: str = "",
        language: str = "en",
        alias: str = "Ada",
    ) -> int:
        """Add a member, with the phone that ends so if any, and return the id."""

        async def unit(tx: Tx) -> int:
            found = await members.add_whole(
                tx, alias=alias, name="", platform_id=platform, type_=type_, sector=sector,
                organisation_id=None, language=language, now=self.now,
            )  # fmt: skip
            if last is not None:
                address = await addresses.add(tx, channel, number(last), self.now)
                await addresses.link(tx, found, address, self.now)
            await tx.run("UPDATE members SET introduced = TRUE WHERE id = :id", id=found)
            return found

        return await self.write(unit)

    async def poll(
        self,
        question: str = "Which first?",
        options: tuple[str, ...] = ("Taps", "Price", "Drains"),
        *,
        named: bool = True,
        to: Audience | None = None,
        lasts: int = 3 * DAY,
    ) -> Round:
        """Ask an audience; nothing is queued by it."""
        form = poll.form(self.alliance, question, options, named=named)
        round_, _ = await self.write(
            lambda tx: poll.poll(
                tx, self.alliance, to or All(), form, closes_at=self.now + lasts, by=None,
                now=self.now,
            )
        )  # fmt: skip
        return round_

    async def ask(self, form: Form, lasts: int = 3 * DAY) -> Round:
        """Open a round of any form; nothing is queued by it."""

        async def unit(tx: Tx) -> Round:
            stored = await forms.add(tx, form.name, form.privacy, form.model_dump_json(), self.now)
            return await rounds.add(
                tx, form_id=stored.id, platform_id=None, audience="",
                closes_at=self.now + lasts, by=None, now=self.now,
            )  # fmt: skip

        return await self.write(unit)

    async def answer(self, round_: Round, member: int, value: str, question: int = 0) -> None:
        """Keep an answer."""
        await self.write(lambda tx: answers.put(tx, round_.id, member, question, value, self.now))

    async def open(
        self, round_: Round, member: int, last: int, state: Any = "open", question: int = 0
    ) -> None:
        """Let a member stand at a round's question, on the phone that ends so."""

        async def unit(tx: Tx) -> None:
            address = await addresses.add(tx, "sms", number(last), self.now)
            await dialogs.put(
                tx, member, round_.id, address_id=address, question=question, state=state, tries=0,
                opened_at=self.now,
            )  # fmt: skip

        await self.write(unit)

    async def open_first(self, last: int) -> None:
        """Let the question that the phone which ends so was asked have been sent."""
        await self.run(
            "UPDATE dialogs SET state = 'open' WHERE state = 'asked' AND address_id ="
            " (SELECT id FROM addresses WHERE value = :value)",
            value=number(last),
        )

    async def sign_up(self, *texts: str, last: int = 1) -> list[str]:
        """Answer one question of the sign-up after another; return what was heard last."""
        heard: list[str] = []
        for text in texts:
            await self.open_first(last)
            heard = await self.say(last, text)
        return heard

    async def first_member(self) -> tuple[Any, ...]:
        """Return what is kept of the first person."""
        found = await self.rows(
            "SELECT state, alias, platform_id, type, sector, organisation_id FROM members"
            " WHERE id = 1"
        )
        return found[0]

    async def turn(
        self, last: int, run: Callable[[Turn], Awaitable[Any]], text: str = "", **fields: Any
    ) -> tuple[Any, Turn]:
        """Let one message be dealt with by `run`; return its result and the turn."""
        key = f"key {next(_keys)}"
        event = Inbound(
            channel=fields.pop("channel", "sms"), key=key, sender=number(last), text=text,
            kind=fields.get("kind", "text"), choice=fields.get("choice", ""),
            media=fields.get("media", ""),
        )  # fmt: skip

        async def unit(tx: Tx) -> tuple[Any, Turn]:
            door = Intake(self.database, self.alliance, {}, lambda *_: None)
            sender, bar = await door._who(tx, event, key, self.now)
            assert sender is not None
            await inbound.add(
                tx, channel=event.channel, key=key, address_id=sender.address_id,
                member_id=sender.member_id or None, round_id=sender.round_id or None,
                kind=event.kind, text=text, choice=event.choice, media=event.media, now=self.now,
            )  # fmt: skip
            turn = Turn(
                tx=tx, now=self.now, alliance=self.alliance, sender=sender, text=text,
                barred=bar, key=key, one_question=self.one_question, **fields,
            )  # fmt: skip
            return await run(turn), turn

        return await self.write(unit)

    async def say(self, last: int, text: str, **fields: Any) -> list[str]:
        """Let one message be routed, and return the texts that answer it."""
        _, turn = await self.turn(last, routing.route, text, **fields)
        return [reply.text for reply in turn.replies]


def number(last: int) -> str:
    """Return the phone number that ends so (0 to 199)."""
    return f"+1202555{100 + last:04d}"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with every table, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "switchboard.db"
    migrate(path)
    return path


@pytest.fixture
async def store(migrated: Path, tmp_path: Path) -> AsyncIterator[Store]:
    """A database of one's own."""
    path = tmp_path / "switchboard.db"
    shutil.copy(migrated, path)
    database = await sqlite.connect(path)
    yield Store(database)
    await database.close()
