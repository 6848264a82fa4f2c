"""Claiming: one unit of work that takes rows, judges them, and says what each of them says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from bot import faults
from bot.channels.base import Outgoing
from bot.sending import gate
from bot.sending.gate import Elsewhere, End, Hold
from handlers.dialog.manners import month_start, next_month
from storage import claims, pace, settling, tickets
from storage.errors import StorageError
from storage.instant import DAY, SECOND
from storage.outbox import REPLY, TOLD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.channels.base import Picture, Traits
    from bot.sending.gate import Verdict
    from bot.sending.render import Rendered, Renderer
    from handlers.dialog.turn import Alliance
    from storage.claims import Claimed
    from storage.database import Tx

log = structlog.get_logger()

# A lease is renewed while its row waits; once it lapses the row's outcome is unknown.
LEASE = 20 * SECOND
TOLD_SINCE = 8 * DAY


@dataclass(slots=True, eq=False)
class Ready:
    """A row that may leave, with what it says.

    It was judged at `judged_at`, when `seen` was the count of gate notices, and is ours until
    `lease_until`; instants in ms. Its slot is from `leaves_at` to `late_at`, in seconds of the
    monotonic clock; both are 0 while it has none.
    """

    row: Claimed
    rendered: Rendered
    claimed_at: int
    judged_at: int
    lease_until: int
    seen: int = 0
    leaves_at: float = 0.0
    late_at: float = 0.0

    def outgoing(self, now: int, picture: Picture | None = None) -> Outgoing:
        """Return the message as the channel takes it, with its picture where it has been drawn."""
        row = self.row
        return Outgoing(
            row.id, row.attempt, row.to, self.rendered.text, self.rendered.choices,
            max(1, (row.expires_at - now) // SECOND), picture=picture, edits=row.edits,
        )  # fmt: skip


@dataclass(slots=True)
class _Judged:
    leaves: list[tuple[Claimed, Rendered]] = field(default_factory=list)
    held: list[dict[str, object]] = field(default_factory=list)
    ended: list[dict[str, object]] = field(default_factory=list)
    elsewhere: list[tuple[Claimed, str]] = field(default_factory=list)


class Claimer:
    """Claims the rows of one channel."""

    def __init__(self, name: str, traits: Traits, alliance: Alliance, renderer: Renderer) -> None:
        self._name = name
        self._traits = traits
        self._alliance = alliance
        self._renderer = renderer

    async def claim(self, tx: Tx, most: int, most_kind: int, now: int) -> tuple[int, list[Ready]]:
        """Claim at most so many rows; return how many were claimed, and those that leave."""
        await claims.alone(tx, self._name)
        rows = await claims.claim(tx, self._name, most=most, most_kind=most_kind, now=now)
        if not rows:
            return 0, []
        judged = await self._judge(tx, rows, now)
        if self._traits.segments:
            await self._budget(tx, judged, now)
        await self._take(tx, rows, judged, now + LEASE)
        await self._settle(tx, judged, now)
        until = now + LEASE
        return len(rows), [Ready(row, said, now, now, until) for row, said in judged.leaves]

    async def _take(self, tx: Tx, rows: Sequence[Claimed], judged: _Judged, until: int) -> None:
        """Mark rows as being sent, also those that don't leave, which are settled next."""
        leaving = {row.id: said for row, said in judged.leaves} if self._traits.findable else {}
        await claims.take(
            tx, [
                (row.id, row.language, said.digest, said.segments)
                if (said := leaving.get(row.id)) else (row.id, row.language, "", 0)
                for row in rows
            ],
            until,
        )  # fmt: skip

    async def _judge(self, tx: Tx, rows: Sequence[Claimed], now: int) -> _Judged:
        judged = _Judged()
        told = await self._told(tx, rows, now)
        later = self._later(rows, told, now) if self._traits.one_question else set()
        for row in rows:
            verdict = self.verdict(row, told.get(row.member_id or 0, ()), now)
            if verdict is gate.LEAVE and row.id in later:
                verdict = Hold("turn", min(now + gate.TURN_AGAIN, row.expires_at))
            match verdict:
                case Hold(reason, until_at):
                    judged.held.append(_held(row, reason, until_at))
                case End(status, reason):
                    judged.ended.append(_ended(row, status, reason, now))
                case Elsewhere(reason):
                    judged.elsewhere.append((row, reason))
                case _:
                    await self._leaves(tx, judged, row, now)
                    if row.kind == TOLD and row.member_id:
                        told.setdefault(row.member_id, []).append(now)
        return judged

    def _later(self, rows: Sequence[Claimed], told: dict[int, list[int]], now: int) -> set[int]:
        """Return the questions that let another go first, of those that may leave at all."""
        if not gate.in_turn(rows):
            return set()
        return gate.in_turn(
            [r for r in rows if self.verdict(r, told.get(r.member_id or 0, ()), now) is gate.LEAVE]
        )

    async def _leaves(self, tx: Tx, judged: _Judged, row: Claimed, now: int) -> None:
        """Render a row that may leave; one that can't be ends, so that it holds up no other."""
        try:
            judged.leaves.append((row, await self._render(tx, row)))
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  whatever one row's text or form may do
            log.error("render_failed", row=row.id, trace=faults.where(error))  # noqa: TRY400
            judged.ended.append(_ended(row, "failed", "can't be rendered", now))

    def verdict(self, row: Claimed, told: Sequence[int], now: int) -> Verdict:
        """Judge one row as it stands."""
        return gate.judge(
            row, self._alliance, told, one_question=self._traits.one_question, now=now
        )

    async def again(self, tx: Tx, items: Sequence[Ready], now: int) -> dict[int, Verdict]:
        """Judge claimed rows anew; those to be claimed anew, or ours no more, are left out."""
        ready = {item.row.id: item for item in items}
        found: dict[int, Verdict] = {}
        for row in await claims.facts(tx, list(ready)):
            item = ready[row.id]
            if row.attempt != item.row.attempt or item.lease_until <= now:
                continue
            verdict = self.verdict(row, (), now)
            if verdict is gate.LEAVE and await self._render(tx, row) != item.rendered:
                continue
            found[row.id] = verdict
        return found

    async def _told(self, tx: Tx, rows: Sequence[Claimed], now: int) -> dict[int, list[int]]:
        rules = self._alliance.manners
        ids = [row.id for row in rows if row.kind == TOLD]
        if not ids or not (rules.per_day or rules.per_week):
            return {}
        return await claims.told(tx, ids, now - TOLD_SINCE, now)

    async def _render(self, tx: Tx, row: Claimed) -> Rendered:
        return self._renderer.kept(row) or await self._renderer.render(
            tx, batch_id=row.batch_id, kind=row.kind, text=row.text, choices=row.choices,
            language=row.language, round_id=row.round_id, question=row.question,
            introduced=row.introduced, picture=row.picture,
        )  # fmt: skip

    async def _budget(self, tx: Tx, judged: _Judged, now: int) -> None:
        """Count what leaves against the month, and hold what exceeds its budget."""
        month = month_start(now, self._alliance.zone)
        budget = self._alliance.manners.monthly_segments
        spent = await pace.spent(tx, month) if budget else 0
        kept, used = [], 0
        for row, rendered in judged.leaves:
            if budget and row.kind != REPLY and spent + used + rendered.segments > budget:
                until = min(next_month(now, self._alliance.zone), row.expires_at)
                judged.held.append(_held(row, "budget", until))
            else:
                used += rendered.segments
                kept.append((row, rendered))
        if len(kept) < len(judged.leaves):
            await tickets.alert(tx, "the month's SMS budget is used up", now, DAY)
        judged.leaves = kept
        if used:
            await pace.spend(tx, self._name, month, used)

    async def _settle(self, tx: Tx, judged: _Judged, now: int) -> None:
        if judged.held:
            await settling.settle_held(tx, judged.held)
        for row, reason in judged.elsewhere:
            moved = row.member_id and await settling.move_on(
                tx, row.id, row.attempt, row.member_id, row.address_id or 0, reason, now
            )
            if not moved:
                judged.ended.append(_ended(row, "unreachable", reason, now))
        if judged.ended:
            await settling.settle_ended(tx, judged.ended)


def _held(row: Claimed, reason: str, until_at: int) -> dict[str, object]:
    return {"id": row.id, "attempt": row.attempt, "reason": reason, "until_at": until_at}


def _ended(row: Claimed, status: str, reason: str, now: int) -> dict[str, object]:
    return {"id": row.id, "attempt": row.attempt, "status": status, "reason": reason, "now": now}
