"""A day's world: an alliance with its manners, a calendar, providers, people and servers."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults import world as faults
from tests.faults.day.carriers import Sms, Telegram, WatchedDoor, Weather
from tests.faults.day.people import Poll, Town, plan_day, settle_down
from tests.faults.ledger import Ledger
from tests.faults.plan import Plan
from tests.faults.servers import Program, Server
from tests.faults.world import World
from tests.peers.twilio_prism import free_port

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.faults.day.people import Calendar
    from tests.faults.places import Place
    from tests.faults.servers import Nursery

SETTLED_SECONDS = 180.0
AGAIN_SECONDS = 1.0
NEVER = 3_650 * 86_400_000 // 2
# What an alliance is allowed in a day (segments or messages a second, times the calendar's speed).
RATE = 10

CONFIG = faults.CONFIG.replace('quiet = ""', 'quiet = "20:00-08:00"').replace(
    "per_day = 0\nper_week = 0", "per_day = 5\nper_week = 20"
)
UNDER_WAY = (
    "SELECT (SELECT COUNT(*) FROM outbox WHERE status IN ('queued', 'sending')"
    " OR (status = 'unknown' AND until_at < {never}) OR (status = 'held' AND until_at < {soon}))"
    " + (SELECT COUNT(*) FROM batches WHERE state NOT IN ('queued', 'halted'))"
)


@dataclass
class Day(World):
    """All of one day. `results` are what the command line says of each poll, by number."""

    people: Town
    clock: Calendar = field(kw_only=True)
    ends: int = field(kw_only=True)
    codes: dict[int, str] = field(default_factory=dict)
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    halted: set[int] = field(default_factory=set)
    hands: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def keep_up(self, server: Server) -> None:
        """Start a server, as its machine does: again and again until it runs."""
        await server.start()
        while not server.is_up:
            self.facts["starts_in_vain"] = self.facts.get("starts_in_vain", 0) + 1
            await asyncio.sleep(AGAIN_SECONDS)
            await server.start()

    async def settled(self) -> bool:
        """Wait until all that is due has been said, heard and told."""
        self.carriers["sms"].hurry()
        return await self.until(self._is_quiet, SETTLED_SECONDS, "something is still under way")

    async def _is_quiet(self) -> bool:
        if not self.people.is_quiet or self.door.waiting or not self.carriers["sms"].is_quiet:
            return False
        now = self.clock.now()
        soon = max(now, self.ends)
        try:
            found = await self.place.rows(UNDER_WAY.format(never=now + NEVER, soon=soon))
        except Exception:  # noqa: BLE001  it is away, or locked
            return False
        return not found[0][0] and self.people.is_quiet

    async def command(self, *arguments: str) -> str:
        """Run a command beside the servers; return what it printed, nothing where it failed."""
        code, printed = await self.program.run(*arguments, config=self.servers[0].config)
        self.ledger.write("command", name=arguments[0], code=code)
        if code:
            self.wrong.append(f"{arguments[0]} exited with {code}")
            return ""
        return printed.strip()

    async def result(self) -> None:
        """Ask the command line for each poll's totals."""
        for number, code in self.codes.items():
            if printed := await self.command("result", code, "--json"):
                self.results[number] = json.loads(printed)


async def build(
    *, engine: str, seed: int, folder: Path, place: Place, nursery: Nursery, dice: random.Random,
    clock: Calendar, begins: int, ends: int, people: int, servers: int,
) -> Day:  # fmt: skip
    """Put up a day in which nothing has happened yet: no server runs."""
    secrets = faults.KEY | dict(faults.SECRETS.values())
    program = Program(nursery, folder, secrets)
    ports = [free_port() for _ in range(servers)]
    found = [Server(program, f"server-{port}.toml", port) for port in ports]
    everybody = settle_down(dice, people, max(3, people // 12))
    plan = Plan(
        seed=seed, number=0, engine=engine, kind="day", channels=("sms", "telegram"),
        processes=servers, bad_answers=0.0, early_receipts=0.1, rate=round(RATE * clock.speed),
        people=everybody, dice=dice,
    )  # fmt: skip
    ledger = Ledger(folder / "ledger.jsonl")
    door, moods = WatchedDoor(found, dice), Weather(dice, 0.0)
    carriers: dict[str, Any] = {
        "sms": Sms(ledger, moods, door, dice, clock), "telegram": Telegram(ledger, moods, dice),
    }  # fmt: skip
    for carrier in carriers.values():
        await carrier.start()

    async def say(person: Any, text: str, pressed: str, answer: int) -> bool:
        return bool(await carriers[person.channel].say(person, text, pressed, answer))

    town = Town(everybody, say, dice, clock)
    for carrier in carriers.values():
        carrier.people = town
    plan_day(dice, town, begins, ends)
    world = Day(
        plan, folder, place, program, ledger, found, door, moods, town, carriers,
        clock=clock, ends=ends,
    )  # fmt: skip
    write_configs(world)
    return world


def write_configs(world: Day) -> None:
    """Write a configuration for each server."""
    channels = "".join(
        faults.CHANNEL[name].format(api_url=carrier.url, rate=world.plan.rate)
        for name, carrier in world.carriers.items()
    )
    for server in world.servers:
        text = CONFIG.format(
            storage=world.place.url, port=server.port, public_url=faults.PUBLIC_URL,
            channels=channels,
        )  # fmt: skip
        (world.folder / server.config).write_text(text)


POLLS = (
    ("Which water problem first?", ("Broken taps", "High price", "Dirty drains"), True),
    ("When shall we meet next week?", ("Monday", "Wednesday", "Friday"), False),
)


def polls(untils: tuple[int, int]) -> list[Poll]:
    """Return the day's two polls, which nobody answers after an instant each."""
    return [
        Poll(number, question, options, named, until)
        for number, ((question, options, named), until) in enumerate(
            zip(POLLS, untils, strict=True), 1
        )
    ]
