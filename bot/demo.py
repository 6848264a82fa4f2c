"""The demo's alliance: a city that there is none of, with people, a poll and first answers.

Its numbers are ones that are kept free for fiction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers import enrol
from handlers import poll as polls
from handlers.dialog.perform import queue_next
from handlers.enrol import Line
from storage import addresses, answers, claims, dialogs, outbox, platforms, roles, rounds, settling
from storage.audience import All
from storage.instant import MINUTE, local

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handlers.dialog.turn import Alliance
    from storage.claims import Claimed
    from storage.database import Database, Tx
    from storage.rounds import Round

CHANNEL = "phones"

CONFIG = """\
# The demo's settings, written by `switchboard demo`. Its virtual phones reach nobody.

[alliance]
name = "Riverbend Alliance"
timezone = "America/New_York"
languages = ["en"]
country = "US"

[storage]
url = "sqlite:///demo.db"

[web]
listen = "{listen}"

[channels.phones]
driver = "simulator"

[manners]                  # so that everything is heard at once
quiet = ""
per_day = 0
per_week = 0
"""

# code, name, level; the first is the alliance as a whole
PLACES = (
    ("riverbend", "Riverbend", "city"),
    ("northside", "Northside", "neighbourhood"),
    ("harbour", "Harbour", "neighbourhood"),
)

# name, stakeholder type, platform
ORGANISATIONS = (
    ("Riverbend Water Works", "water_management", "riverbend"),
    ("Northside Water Users", "water_users", "northside"),
    ("Harbour Water Users", "water_users", "harbour"),
    ("Northside Women's Group", "local_champion", "northside"),
    ("Harbour Youth Group", "local_champion", "harbour"),
    ("Clean River Now", "civil_society", "riverbend"),
    ("Pump Workers' Union", "civil_society", "northside"),
    ("Bluepipe Plumbing", "business", "northside"),
    ("Harbour Fish Market", "business", "harbour"),
    ("Riverbend City Hall", "water_management", "riverbend"),
    ("Riverbend College", "supporter", "riverbend"),
    ("Riverbend Radio", "media", "harbour"),
)

PEOPLE = 40

QUESTION = "Which water problem should we mend first?"
OPTIONS = ("Broken taps", "High price", "Dirty drains", "Other")
# What the first of the people answer.
ANSWERS = ("1", "2", "1", "3", "2", "1", "4", "2", "1", "3", "1", "2")


def number(place: int) -> str:
    """Return the phone number of one of the people, 0 to 99."""
    return f"+120255501{place:02}"


async def seed(database: Database, alliance: Alliance, now: int) -> Round:
    """Fill an empty database, and return the open poll; a new one where the last has closed."""

    async def unit(tx: Tx) -> Round:
        if await platforms.root(tx) is None:
            await _people(tx, alliance, await _places(tx, now), now)
        found = await rounds.open_now(tx, now, 1)
        return found[0] if found else await _ask(tx, alliance, now)

    return await database.write(unit)


async def _places(tx: Tx, now: int) -> dict[str, int]:
    ids: dict[str, int] = {}
    root = None
    for code, name, level in PLACES:
        added = await platforms.add(tx, code, name, level, root, "", now)
        root = root or added
        ids[code] = added.id
    return ids


async def _people(tx: Tx, alliance: Alliance, places: Mapping[str, int], now: int) -> None:
    lines = []
    for at in range(PEOPLE):
        organisation, type_, place = ORGANISATIONS[at % len(ORGANISATIONS)]
        lines.append(
            Line(number(at), "", places[place], type_, organisation, alliance.languages[0])
        )
    given_on = local(now, alliance.zone).date().isoformat()
    await enrol.enrol(
        tx, alliance, [CHANNEL], lines, how="demo", given_on=given_on, by=None, now=now
    )
    first = await addresses.sender(tx, CHANNEL, number(0))
    if first is not None:
        await roles.grant(tx, first.member_id, places[PLACES[0][0]], "coordinator", None, now)


async def _ask(tx: Tx, alliance: Alliance, now: int) -> Round:
    """Open the poll: the first people have been asked and have answered, the rest are next."""
    form = polls.form(alliance, QUESTION, OPTIONS, named=False)
    round_, _ = await polls.poll(
        tx, alliance, All(), form, closes_at=now + polls.LASTS, by=None, now=now
    )
    while await queue_next(tx, now):
        pass
    values = {number(at): value for at, value in enumerate(ANSWERS)}
    queued = await claims.claim(tx, CHANNEL, most=10 * PEOPLE, most_kind=outbox.SOLICITED, now=now)
    await claims.take(tx, [(row.id, row.language, "", 0) for row in queued], now + MINUTE)
    asked = [row for row in queued if row.round_id == round_.id and row.to in values]
    others = [row for row in queued if row not in asked]
    await settling.put_back(
        tx, [{"id": row.id, "attempt": row.attempt, "until_at": 0} for row in others]
    )
    await _answer(tx, asked, values, round_.id, now)
    return round_


async def _answer(
    tx: Tx, asked: Sequence[Claimed], values: Mapping[str, str], round_id: int, now: int
) -> None:
    """Let these questions have been sent, and answered."""
    await settling.settle_sent(
        tx, [(row.id, row.attempt, f"demo-{row.id}", 1, now) for row in asked], now
    )
    await settling.introduced(tx, [row.id for row in asked])
    for row in asked:
        if row.member_id is not None and row.address_id is not None:
            await answers.put(tx, round_id, row.member_id, 0, values[row.to], now)
            await dialogs.put(
                tx, row.member_id, round_id, address_id=row.address_id, question=0,
                state="done", tries=0, opened_at=now, answered_at=now,
            )  # fmt: skip
