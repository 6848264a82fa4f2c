"""One run's world: a database, providers, people and servers, put up, set going and taken down."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from handlers import poll
from handlers.dialog.perform import Telling, tell
from storage.audience import All
from storage.instant import DAY, clock
from storage.opening import open_database
from storage.opening import place as place_of
from tests.faults import telegram, twilio
from tests.faults.doors import PUBLIC_URL, Door
from tests.faults.ledger import Ledger
from tests.faults.moods import Moods
from tests.faults.people import OPTIONS, QUESTION, People, Person
from tests.faults.servers import Program, Server
from tests.peers import fake_bot_api, fake_twilio
from tests.peers.twilio_prism import free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx
    from tests.faults.disk import Disk
    from tests.faults.places import Place
    from tests.faults.plan import Plan
    from tests.faults.proxy import Proxy
    from tests.faults.servers import Nursery

QUIET_SECONDS = 20.0
LOOK_SECONDS = 0.03

CONFIG = """
[alliance]
name = "Nima Water"
timezone = "Africa/Accra"
languages = ["en", "es"]
country = "US"
[storage]
url = "{storage}"
[web]
listen = "127.0.0.1:{port}"
public_url = "{public_url}"
[manners]
quiet = ""
per_day = 0
per_week = 0
replies_per_hour = 1000
replies_per_day = 1000
{channels}
"""
CHANNEL = {
    "sms": f"""
[channels.sms]
driver = "twilio"
account_sid = "{fake_twilio.ACCOUNT}"
sender = "{fake_twilio.SENDER}"
api_url = "{{api_url}}"
rate = {{rate}}
in_flight = 16
""",
    "telegram": """
[channels.telegram]
driver = "telegram"
mode = "polling"
api_url = "{api_url}"
rate = {rate}
in_flight = 16
""",
}
SECRETS = {
    "sms": ("SWITCHBOARD_CHANNELS__SMS__AUTH_TOKEN", fake_twilio.TOKEN),
    "telegram": ("SWITCHBOARD_CHANNELS__TELEGRAM__TOKEN", fake_bot_api.TOKEN),
}
KEY = {"SWITCHBOARD_PRIVACY__HASH_KEY": "a key of the tests, of no use"}
NEWS = {"en": "Water is off on Friday in Nima.", "es": "El viernes no hay agua en Nima."}
UNDER_WAY = (
    "SELECT (SELECT COUNT(*) FROM outbox WHERE status IN ('queued', 'held', 'sending')"
    " OR (status = 'unknown' AND until_at < {never}))"
    " + (SELECT COUNT(*) FROM batches WHERE state <> 'queued')"
)


@dataclass
class World:
    """All of one run; `code` is that of the poll that everybody is asked."""

    plan: Plan
    folder: Path
    place: Place
    program: Program
    ledger: Ledger
    servers: list[Server]
    door: Door
    moods: Moods
    people: People
    carriers: dict[str, Any]
    disk: Disk | None = None
    proxy: Proxy | None = None
    code: str = ""
    events: int = 0
    wrong: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)

    # --- waiting ---

    async def moment(self, most: float = 1.0) -> None:
        """Wait until a random number of things have happened, or some time is over."""
        dice, end = self.plan.dice, time.monotonic() + most
        wanted = self.events + dice.randint(1, 3 * len(self.people.all))
        while self.events < wanted and time.monotonic() < end:  # noqa: ASYNC110  what is counted
            await asyncio.sleep(0.002)
        await asyncio.sleep(dice.uniform(0, 0.01))

    async def until(self, is_so: Callable[[], Awaitable[bool]], seconds: float, what: str) -> bool:
        """Wait for something; where it does not come, and nothing else neither, that is wrong."""
        events, end = self.events, time.monotonic() + seconds
        while time.monotonic() < end:
            if await is_so():
                return True
            if self.events > events:  # slow is not wrong
                events, end = self.events, time.monotonic() + seconds
            await asyncio.sleep(LOOK_SECONDS)
        self.wrong.append(f"nothing happened for {seconds:.0f} s, and {what}")
        return False

    async def settled(self) -> bool:
        """Wait until everybody has said and heard all there is."""
        began = time.monotonic()
        is_so = await self.until(self._is_quiet, QUIET_SECONDS, "something is still under way")
        self.facts["settling"] = round(time.monotonic() - began, 2)
        return is_so

    async def _is_quiet(self) -> bool:
        sms = self.carriers.get("sms")
        if not self.people.is_quiet or self.door.waiting or (sms and not sms.is_quiet):
            return False
        never = clock() + 365 * DAY  # what stays unknown for good
        try:
            found = await self.place.rows(UNDER_WAY.format(never=never))
        except Exception:  # noqa: BLE001  it is away, or locked
            return False
        return not found[0][0] and self.people.is_quiet

    def fault(self, what: str, **facts: Any) -> None:
        """Keep in the ledger what is done to the servers, and when."""
        self.ledger.write("fault", kind=what, **facts)

    # --- the servers ---

    async def up(self) -> None:
        """Let every server run, whatever was done to it."""
        for server in self.servers:
            if server.frozen:
                server.thaw()
            if not server.is_up and not server.retired:
                await server.start()
            if not server.is_up and not server.retired:
                self.wrong.append("a server did not start")

    async def result(self) -> None:
        """Ask the command line for the poll's totals."""
        code, printed = await self.program.run(
            "result", self.code, "--json", config=self.servers[0].config
        )
        if code:
            self.wrong.append(f"result exited with {code}")
        else:
            self.shown = json.loads(printed)

    async def down(self) -> None:
        """Ask every server to end; each has to, and well."""
        self.door.is_open = False
        began = time.monotonic()
        codes = await asyncio.gather(*[server.end() for server in self.servers if server.is_up])
        if any(codes):
            self.wrong.append(f"servers ended with {codes}")
        self.facts["ending"] = round(time.monotonic() - began, 2)

    async def close(self) -> None:
        """Leave no process and no connection behind."""
        await asyncio.gather(*[server.kill() for server in self.servers])
        await self.people.end()
        await self.door.close()
        for carrier in self.carriers.values():
            await carrier.stop()
        self.ledger.close()


async def build(plan: Plan, folder: Path, place: Place, nursery: Nursery) -> World:
    """Put up a world in which nothing has happened yet: no server runs."""
    ledger = Ledger(folder / "ledger.jsonl")
    program = Program(nursery, folder, KEY | dict(SECRETS[name] for name in plan.channels))
    ports = [free_port() for _ in range(plan.processes)]
    servers = [Server(program, f"server-{port}.toml", port) for port in ports]
    door, moods = Door(servers, plan.dice), Moods(plan.dice, plan.bad_answers)
    carriers: dict[str, Any] = {
        "sms": twilio.Carrier(ledger, moods, door, plan.dice, plan.early_receipts),
        "telegram": telegram.Carrier(ledger, moods, plan.dice),
    }
    for name in set(carriers) - set(plan.channels):
        del carriers[name]
    for carrier in carriers.values():
        await carrier.start()

    async def say(person: Person, text: str, pressed: str, answer: int) -> bool:
        return bool(await carriers[person.channel].say(person, text, pressed, answer))

    people = People(plan.people, say, plan.dice)
    for carrier in carriers.values():
        carrier.people = people
    world = World(plan, folder, place, program, ledger, servers, door, moods, people, carriers)
    ledger.watch = lambda: setattr(world, "events", world.events + 1)
    write_configs(world)
    return world


def write_configs(world: World) -> None:
    """Write a configuration for each server."""
    channels = "".join(
        CHANNEL[name].format(api_url=carrier.url, rate=world.plan.rate)
        for name, carrier in world.carriers.items()
    )
    for server in world.servers:
        text = CONFIG.format(
            storage=world.place.url, port=server.port, public_url=PUBLIC_URL, channels=channels
        )
        (world.folder / server.config).write_text(text)


# --- what is in the database before anything happens ---

_MEMBER = (
    "INSERT INTO members (id, state, language, introduced, created_at, joined_at)"
    " VALUES (:id, 'member', :language, :introduced, :now, :now)"
)
_ADDRESS = (
    "INSERT INTO addresses (id, channel, value, created_at) VALUES (:id, :channel, :value, :now)"
)
_LINK = "INSERT INTO member_addresses (member_id, address_id, linked_at) VALUES (:id, :id, :now)"
_NEXT = "SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1000)"


async def prepare(world: World) -> None:
    """Let there be members, one announcement to all of them, and one poll; both are due."""
    database = await open_database(place_of(world.place.url, world.folder), migrating=False)
    try:
        await database.write(lambda tx: _people(tx, world))
        await _ask(database, world)
    finally:
        await database.close()


async def _people(tx: Tx, world: World) -> None:
    now = clock()
    rows = [
        {"id": person.id, "channel": person.channel, "value": person.address, "now": now,
         "language": ("en", "es")[person.id % 2], "introduced": bool(person.id // 2 % 2)}
        for person in world.people.all if person.is_member
    ]  # fmt: skip
    await tx.many(_MEMBER, _only(rows, "id", "language", "introduced", "now"))
    await tx.many(_ADDRESS, _only(rows, "id", "channel", "value", "now"))
    await tx.many(_LINK, _only(rows, "id", "now"))
    if tx.engine == "postgresql":
        for table in ("members", "addresses"):
            await tx.rows(_NEXT.format(table=table))


def _only(rows: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in rows]


async def _ask(database: Database, world: World) -> None:
    alliance = alliance_in(world)
    now = clock()

    async def unit(tx: Tx) -> str:
        await tell(tx, Telling("announcement", All(), NEWS, now, now + 20 * DAY), None, now)
        asked = poll.form(alliance, QUESTION, OPTIONS, named=True)
        round_, _ = await poll.poll(
            tx, alliance, All(), asked, closes_at=now + 20 * DAY, by=None, now=now
        )
        return round_.code

    world.code = await database.write(unit)


def alliance_in(world: World) -> Alliance:
    """Return the alliance as the servers' configuration has it."""
    import os  # noqa: PLC0415  the secrets are wanted for this alone

    from bot import config  # noqa: PLC0415
    from bot.alliance import alliance_of  # noqa: PLC0415

    before = dict(os.environ)
    os.environ.update(world.program.environment)
    try:
        path = world.folder / world.servers[0].config
        return alliance_of(config.load(path))
    finally:
        os.environ.clear()
        os.environ.update(before)
