"""A post office: a real database, a channel that answers as told, and a clock set by the test."""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from bot.channels.base import Outgoing, Sent, Traits
from bot.sending.claiming import Claimer
from bot.sending.drain import Drain
from bot.sending.outcome import Settler
from bot.sending.reconcile import Reconciler
from bot.sending.render import Renderer
from bot.sending.reserving import Reserver
from handlers.dialog.manners import Manners, Quiet
from handlers.dialog.turn import Alliance
from storage import batches, rounds
from storage.instant import DAY, clock
from storage.opening import open_database, place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from storage.database import Database

FREE = Manners(quiet=Quiet(), per_day=0, per_week=0)
ALLIANCE = Alliance("Nima Water", ("en", "es"), "US", ZoneInfo("UTC"), FREE, (), hash_key=b"k")
FORM = (
    '{"name": "poll", "privacy": "named", "questions": [{"kind": "choice", "text":'
    ' {"en": "Which first?"}, "options": [{"text": {"en": "Taps"}, "value": "1"},'
    ' {"text": {"en": "Price"}, "value": "2"}]}]}'
)


async def until(condition: Any, seconds: float = 5.0) -> None:
    """Wait for what has no event; `condition` may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.002)


class FakeChannel:
    """Answers as told: `script` by address, each answer once, then Sent.

    `sent` are the messages in the order they left, each with its instant. With `gate` closed
    no answer comes. An exception in the script is raised. `held` is what `find` finds,
    `answered` when each row's answer came.
    """

    def __init__(self, name: str = "sms", **traits: Any) -> None:
        self.name = name
        self.traits = Traits(**({"rate": 10_000, "findable": True} | traits))
        self.sent: list[tuple[float, Outgoing]] = []
        self.script: dict[str, list[Any]] = defaultdict(list)
        self.held: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.asked: list[tuple[Outgoing, int]] = []
        self.answered: dict[int, float] = {}
        self.failing: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.open = 0
        self.most_open = 0

    @property
    def texts(self) -> list[str]:
        """What left, in order."""
        return [message.text for _, message in self.sent]

    @property
    def rows(self) -> list[int]:
        """The rows that left, in order."""
        return [message.row for _, message in self.sent]

    async def send(self, message: Outgoing) -> Any:
        self.sent.append((asyncio.get_running_loop().time(), message))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        number = f"{self.name}-{len(self.sent)}"
        try:
            await self.gate.wait()
            answer = self.script[message.to].pop(0) if self.script[message.to] else Sent(number)
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, Sent):
                self.held[message.to].insert(0, (answer.provider_id, message.text))
            self.answered[message.row] = asyncio.get_running_loop().time()
            return answer
        finally:
            self.open -= 1

    async def find(self, message: Outgoing, since: int) -> list[Sent]:
        self.asked.append((message, since))
        if self.failing is not None:
            raise self.failing
        return [Sent(number) for number, text in self.held[message.to] if message.says(text)]


class Office:
    """The parts of sending over one database. `now` moves only by `offset` (ms)."""

    def __init__(self, database: Database, alliance: Alliance) -> None:
        self.database = database
        self.alliance = alliance
        self.offset = 0
        self.channel: Any = FakeChannel()
        self._people = 0

    def now(self) -> int:
        return clock() + self.offset

    def manners(self, **changed: Any) -> None:
        self.alliance = replace(self.alliance, manners=replace(self.alliance.manners, **changed))

    def claimer(self) -> Claimer:
        renderer = Renderer(self.alliance)
        return Claimer(self.channel.name, self.channel.traits, self.alliance, renderer)

    async def claim(self, most: int = 64, most_kind: int = 2) -> list[Any]:
        claimer, now = self.claimer(), self.now()
        _, ready = await self.database.write(lambda tx: claimer.claim(tx, most, most_kind, now))
        return ready

    async def reserve(self, ready: list[Any], reserver: Any = None) -> Any:
        """Reserve when these leave, as the drain does."""
        reserver = reserver or Reserver(self.channel.name, self.channel.traits)
        return await self.database.write(lambda tx: reserver.reserve(tx, ready, self.now()))

    def settler(self) -> Settler:
        traits = self.channel.traits
        return Settler(
            self.channel.name, self.database, self.alliance, self.now,
            counts_segments=traits.segments, pause=Reserver(self.channel.name, traits).pause,
        )  # fmt: skip

    def reconciler(self) -> Reconciler:
        return Reconciler(self.channel, self.database, self.alliance, self.now)

    def drain(self, **options: Any) -> Drain:
        told = options.pop("sent", lambda *_: None)
        return Drain(self.channel, self.database, self.alliance, sent=told, now=self.now, **options)

    @asynccontextmanager
    async def draining(self, **options: Any) -> AsyncIterator[Drain]:
        drain = self.drain(**options)
        running = asyncio.create_task(drain.run())
        try:
            yield drain
        finally:
            drain.stop()
            async with asyncio.timeout(10):
                await running

    # --- what is in the database ---

    async def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        found = await self.database.read(lambda tx: tx.rows(statement, **values))
        return [tuple(row) for row in found]

    async def value(self, statement: str, **values: Any) -> Any:
        return (await self.rows(statement, **values))[0][0]

    async def run(self, statement: str, **values: Any) -> None:
        await self.database.write(lambda tx: tx.run(statement, **values))

    async def row(self, row: int) -> Any:
        """Return one row of the outbox by column name."""
        found = await self.database.read(
            lambda tx: tx.row("SELECT * FROM outbox WHERE id = :id", id=row)
        )
        return dict(found)

    async def status(self, row: int) -> str:
        return str((await self.row(row))["status"])

    async def statuses(self) -> list[str]:
        return [row[0] for row in await self.rows("SELECT status FROM outbox ORDER BY id")]

    async def settled(self) -> bool:
        """Tell whether nothing is left that could leave now."""
        return not await self.value(
            "SELECT COUNT(*) FROM outbox WHERE status = 'sending'"
            " OR (status = 'queued' AND until_at <= :now)",
            now=self.now(),
        )

    # --- putting things there ---

    async def person(self, *channels: str, **columns: Any) -> int:
        """Add a member with an address on each channel (sms by default); return the id.

        Member and addresses share a number: person 1 is +12025550101 on sms, "1" elsewhere.
        """
        self._people += 1
        at, now = self._people, self.now()
        wanted = {"state": "member", "language": "en", "introduced": True} | columns

        async def unit(tx: Any) -> None:
            names = ", ".join(wanted)
            await tx.run(
                f"INSERT INTO members (id, created_at, {names})"
                f" VALUES (:id, :now, {', '.join(':' + name for name in wanted)})",
                id=at, now=now, **wanted,
            )  # fmt: skip
            for channel in channels or ("sms",):
                value = f"+1202555{100 + at:04d}" if channel == "sms" else str(at)
                row = await tx.row(
                    "INSERT INTO addresses (channel, value, created_at) VALUES (:channel, :value,"
                    " :now) RETURNING id",
                    channel=channel, value=value, now=now,
                )  # fmt: skip
                await tx.run(
                    "INSERT INTO member_addresses VALUES (:member, :address, :now, NULL)",
                    member=at, address=row[0], now=now,
                )  # fmt: skip

        await self.database.write(unit)
        return at

    async def batch(self, text: str = "Hello all.", round_id: int | None = None) -> int:
        return await self.database.write(
            lambda tx: batches.add(
                tx, kind="poll" if round_id else "announcement", round_id=round_id,
                platform_id=None, audience="", texts={"en": text}, solicited=False,
                due_at=self.now(), expires_at=self.now() + 2 * DAY, by=None, now=self.now(),
            )
        )  # fmt: skip

    async def round(self, closes_in: int = DAY) -> int:
        async def unit(tx: Any) -> int:
            form_id = await tx.row(
                "INSERT INTO forms (name, version, privacy, body, created_at)"
                " VALUES ('f' || (SELECT COUNT(*) FROM forms), 1, 'named', :body, 0)"
                " RETURNING id",
                body=FORM,
            )
            found = await rounds.add(
                tx, form_id=form_id[0], platform_id=None, audience="",
                closes_at=self.now() + closes_in, by=None, now=self.now(),
            )  # fmt: skip
            return found.id

        return await self.database.write(unit)

    async def queue(self, person: int | None = None, text: str = "hello", **columns: Any) -> int:
        """Put one row into the outbox: a reply by default; return its id."""
        found = (
            await self.rows(
                "SELECT a.id, a.channel FROM addresses a JOIN member_addresses m"
                " ON m.address_id = a.id WHERE m.member_id = :id ORDER BY a.id LIMIT 1",
                id=person,
            )
            if person
            else []
        )
        address_id, channel = found[0] if found else (None, self.channel.name)
        wanted = {
            "kind": 0, "member_id": person, "address_id": address_id, "channel": channel,
            "text": text, "language": "en", "queued_at": self.now(),
            "expires_at": self.now() + DAY,
        } | columns  # fmt: skip

        async def unit(tx: Any) -> int:
            row = await tx.row(
                f"INSERT INTO outbox ({', '.join(wanted)})"
                f" VALUES ({', '.join(':' + name for name in wanted)}) RETURNING id",
                **wanted,
            )
            await tx.notify("outbox")
            return int(row[0])

        return await self.database.write(unit)

    async def tell(self, person: int, batch: int, **columns: Any) -> int:
        """Put one person's row of a batch into the outbox; return its id."""
        return await self.queue(person, "", **({"kind": 1, "batch_id": batch} | columns))

    async def ask(self, person: int, closes_in: int = DAY, **columns: Any) -> int:
        """Put the question of a new round to one person into the outbox; return its id."""
        round_id = await self.round(closes_in)
        batch = await self.batch(f"Question {round_id}?", round_id)
        return await self.tell(person, batch, **({"round_id": round_id, "question": 0} | columns))


@asynccontextmanager
async def office(folder: Path, template: Path) -> AsyncIterator[Office]:
    """Open an office over a copy of an empty database."""
    shutil.copy(template, folder / "test.db")
    async with over("sqlite:///test.db", folder) as found:
        yield found


@asynccontextmanager
async def over(url: str, folder: Path) -> AsyncIterator[Office]:
    """Open an office over an empty database."""
    database = await open_database(place(url, folder))
    try:
        yield Office(database, ALLIANCE)
    finally:
        await database.close()
