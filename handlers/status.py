"""STATUS: what became of a broadcast, by recipient, and what waits for an answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from handlers.dialog import authority, named
from handlers.dialog.messages import CODE, NUMBER, WHEN, msg
from handlers.dialog.text import BEGINNING, quoting
from handlers.dialog.turn import command
from handlers.dialog.when import say_when
from storage import batches, outbox, releasing, rounds, tickets
from storage.restored import REASON as RESTORED

if TYPE_CHECKING:
    from handlers.dialog.authority import Reach
    from handlers.dialog.turn import Turn
    from storage.batches import Batch
    from storage.database import Tx

LISTED = 3

STANDS = msg(
    "Broadcast {number}: {people} person. {statuses}.",
    plural="Broadcast {number}: {people} people. {statuses}.",
    by="people", number=NUMBER, people=NUMBER,
    statuses=", ".join(f"{name} {NUMBER}" for name in ("delivered", "undelivered", "sending")),
)  # fmt: skip
HELD = msg("Held until {when}: {people}.", when=WHEN, people=NUMBER)
HELD_BACK = msg("Held by a restore: {people}.", people=NUMBER)
NONE_YET = msg("No broadcast yet.")
OPEN_POLLS = msg("Open: {polls}.", polls=", ".join([CODE] * LISTED))
NO_TICKETS = msg("No question waits for an answer.")
MANY = 100
# So many of the alliance's open polls are looked at, the soonest to close first.
MOST_OPEN = 200
TICKETS = msg("Questions that wait: {count}. The oldest:", count="100+")
TICKET = msg(
    "Question {number}: {text} To answer send REPLY {number} and your text.",
    number=NUMBER, text="Q" * BEGINNING,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """A broadcast: recipients by status; `held` is (reason, people, earliest instant in ms)."""

    number: int
    state: str
    recipients: int
    by_status: dict[str, int]
    held: tuple[tuple[str, int, int], ...]


async def status(tx: Tx, name: str) -> Standing:
    """Return how a broadcast stands, by its number or a poll's code. Raises NotFound."""
    return await _standing(tx, await batches.named(tx, name))


async def _standing(tx: Tx, batch: Batch) -> Standing:
    return Standing(
        number=batch.id,
        state="held by a restore" if releasing.is_held(batch) else batch.state,
        recipients=batch.recipients,
        by_status=await outbox.by_status(tx, batch.id),
        held=tuple((row[0], row[1], row[2]) for row in await outbox.held(tx, batch.id)),
    )


@command("STATUS", "role")
async def status_of(turn: Turn, rest: str) -> None:
    """Say how a broadcast stands; without its number or code what is under way, and what waits."""
    if rest.strip():
        batch = await named.broadcast(turn, rest, "status")
        if batch is not None:
            turn.reply(await _said(turn, batch))
        return
    found = await authority.required(turn, "status")
    if found is None:
        return
    parts = []
    latest = await batches.latest(turn.tx, turn.sender.member_id)
    parts.append(await _said(turn, latest) if latest else NONE_YET.say(turn.language))
    polls = [
        round_.code
        for round_ in await rounds.open_now(turn.tx, turn.now, MOST_OPEN)
        if round_.created_by == turn.sender.member_id
        or await authority.covers(turn.tx, found, round_.platform_id)
    ]
    if polls:
        parts.append(OPEN_POLLS.say(turn.language, polls=", ".join(polls[:LISTED])))
    for part in parts:
        turn.reply(part)
    may_answer = await authority.reach(turn.tx, turn.sender.member_id, "reply")
    if may_answer is not None:
        await _waiting(turn, may_answer)


async def _said(turn: Turn, batch: Batch) -> str:
    """Return how a broadcast stands in words."""
    found = await _standing(turn.tx, batch)
    listed = ", ".join(f"{name} {people}" for name, people in sorted(found.by_status.items()))
    parts = [
        STANDS.say(
            turn.language, number=found.number, people=found.recipients,
            statuses=listed or found.state,
        )
    ]  # fmt: skip
    for reason, people, at in found.held[:2]:
        if reason == RESTORED:
            parts.append(HELD_BACK.say(turn.language, people=people))
        else:
            when = say_when(at, turn.now, turn.alliance.zone, turn.language)
            parts.append(HELD.say(turn.language, when=when, people=people))
    return " ".join(parts)


async def _waiting(turn: Turn, found: Reach) -> None:
    """Say how many questions wait for an answer, and the oldest of them."""
    places = None if found.whole else [place.id for place in found.platforms]
    rows = await tickets.waiting(turn.tx, places, MANY)
    if not rows:
        turn.say(NO_TICKETS)
        return
    turn.say(TICKETS, count=len(rows) if len(rows) < MANY else f"{MANY}+")
    for number, text, media in rows[: 1 if turn.one_question else LISTED]:
        say = partial(TICKET.say, turn.language, number=number)
        turn.reply(quoting(say, text or media), ticket=number)
