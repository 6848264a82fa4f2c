"""The gate, just before a send: may this row leave now, later, or not at all. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from handlers.dialog.manners import capped_until, quiet_until
from storage.instant import DAY, MINUTE
from storage.outbox import REPLY, TOLD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.dialog.turn import Alliance
    from storage.claims import Claimed
    from storage.outbox import Status

# How long a question waits for another that is on its way, before it is looked at again.
TURN_AGAIN = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Leave:
    """It may leave."""


@dataclass(frozen=True, slots=True)
class Hold:
    """It waits until an instant (ms)."""

    reason: str
    until_at: int


@dataclass(frozen=True, slots=True)
class End:
    """It does not leave at all."""

    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """This address can't be reached: the person's next one is tried."""

    reason: str


Verdict = Leave | Hold | End | Elsewhere
LEAVE = Leave()


def judge(
    row: Claimed, alliance: Alliance, told: Sequence[int], *, one_question: bool, now: int
) -> Verdict:
    """Judge one row. `told` are the instants at which the person was told something lately."""
    ended = _ended(row, now)
    if ended is not None:
        return ended
    if row.kind == REPLY:
        return LEAVE
    if row.address_state != "ok":
        return Elsewhere(row.address_state)
    if one_question and row.question is not None:
        if row.turn_at + DAY > now:
            return Hold("turn", min(row.turn_at + DAY, row.expires_at))
        if row.asking:
            return Hold("turn", min(now + TURN_AGAIN, row.expires_at))
    return _manners(row, alliance, told, now)


def _ended(row: Claimed, now: int) -> End | None:
    if row.member_state == "erased":
        return End("cancelled", "erased")
    if row.batch_state == "halted":
        return End("cancelled", "halted")
    if row.question is not None and (row.round_state != "open" or 0 < row.closes_at <= now):
        return End("expired", "closed")
    if row.expires_at <= now:
        return End("expired", "too late")
    if row.batch_id is None and (row.outdone or not row.text):
        return End("cancelled", "outdone" if row.text else "blanked")
    if row.address_state == "carrier":
        return End("stopped", "carrier")
    stopped_at = max(row.member_stopped_at, row.address_stopped_at)
    if row.kind == REPLY:
        # The answer to a STOP, and to what they send after it, still leaves.
        return End("stopped", "stopped") if row.queued_at < stopped_at else None
    if stopped_at:
        return End("stopped", "stopped")
    if row.question is not None and row.dialog == "done":
        # Of a message in doubt an answer to it is the proof that it arrived.
        return End("sent" if row.maybe_twice else "cancelled", "answered")
    return None


def _manners(row: Claimed, alliance: Alliance, told: Sequence[int], now: int) -> Verdict:
    zone = ZoneInfo(row.timezone) if row.timezone else alliance.zone
    rules = alliance.manners
    until = quiet_until(now, zone, rules.quiet)
    if until:
        return Hold("quiet", min(until, row.expires_at))
    if row.kind == TOLD and told:
        until = capped_until(now, zone, told, rules.per_day, rules.per_week, rules.quiet)
        if until:
            return Hold("cap", min(until, row.expires_at))
    return LEAVE


def in_turn(rows: Sequence[Claimed]) -> set[int]:
    """Return the questions of one claim that must let another to the same person go first.

    The one that closes soonest goes first.
    """
    first: dict[int, Claimed] = {}
    later: set[int] = set()
    for row in rows:
        if row.question is None or row.kind == REPLY or row.member_id is None:
            continue
        other = first.get(row.member_id)
        if other is None:
            first[row.member_id] = row
        elif (row.closes_at, row.id) < (other.closes_at, other.id):
            later.add(other.id)
            first[row.member_id] = row
        else:
            later.add(row.id)
    return later
