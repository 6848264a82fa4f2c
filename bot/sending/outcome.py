"""Outcomes: what a provider's answer makes of a row, settled in groups soon after."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot import faults
from bot.channels.base import Again, Outcome, Refused, Sent, Unknown
from bot.receipts import mark
from bot.sending.gate import End, Hold
from handlers.dialog.manners import month_start
from storage import dialogs, outbox, pace, tickets
from storage.errors import Closed, StorageError
from storage.instant import DAY, MINUTE, SECOND
from storage.outbox import REPLY

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sending.claiming import Ready
    from bot.sending.gate import Verdict
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx

log = structlog.get_logger()

MOST_TRIES = 8
LONGEST_DELAY = 10 * MINUTE
LOOK_AFTER = 10 * SECOND

# Answers are gathered for so long, then settled in one unit of work.
GATHER = 0.010


@dataclass(frozen=True, slots=True)
class NotSent:
    """A claimed row that was not sent after all; None puts it back as it was."""

    verdict: Verdict | None


@dataclass(slots=True)
class Answer:
    """What became of one claimed row, and when (ms)."""

    ready: Ready
    outcome: Outcome | NotSent
    at: int


def delay(tries: int) -> int:
    """Return how long to wait (ms) after so many tries: growing, and bounded."""
    return min(2 ** min(tries, 20) * SECOND, LONGEST_DELAY)


class Settler:
    """Settles the answers of one channel. Nothing is dropped: a unit that fails runs again."""

    def __init__(
        self,
        name: str,
        database: Database,
        alliance: Alliance,
        now: Callable[[], int],
        *,
        counts_segments: bool,
    ) -> None:
        self._name = name
        self._counts_segments = counts_segments
        self._database = database
        self._alliance = alliance
        self._now = now
        self._waiting: list[Answer] = []
        self._arrived = asyncio.Event()
        self.unsettled = 0

    def put(self, answer: Answer) -> None:
        """Take an answer to settle."""
        self._waiting.append(answer)
        self.unsettled += 1
        self._arrived.set()

    async def run(self) -> None:
        """Settle for ever."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(GATHER)
            await self.flush()

    async def flush(self) -> None:
        """Settle what has arrived; a database that refuses is asked again."""
        self._arrived.clear()
        answers, self._waiting = self._waiting, []
        if not answers:
            return
        pause = 0.1
        while True:
            try:
                await self._database.write(lambda tx: self._settle(tx, answers))
                self.unsettled -= len(answers)
                return
            except Closed:
                raise
            except StorageError as error:
                log.warning("settling_waits", channel=self._name, trace=faults.where(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _settle(self, tx: Tx, answers: list[Answer]) -> None:
        now = self._now()
        sent = [a for a in answers if isinstance(a.outcome, Sent)]
        if sent:
            await self._sent(tx, sent, now)
        for answer in answers:
            match answer.outcome:
                case Sent():
                    continue
                case Refused():
                    await self._refused(tx, answer.ready, answer.outcome, now)
                case Again():
                    await self._again(tx, answer.ready, answer.outcome, now)
                case Unknown(error):
                    await outbox.settle_unknown(
                        tx, [_row(answer.ready, until_at=now + LOOK_AFTER, reason=error)]
                    )
                case NotSent(verdict):
                    await self._not_sent(tx, answer.ready, verdict, now)

    async def _sent(self, tx: Tx, sent: list[Answer], now: int) -> None:
        await outbox.settle_sent(
            tx,
            [
                _row(
                    a.ready, provider_id=a.outcome.provider_id,  # type: ignore[union-attr]
                    segments=a.ready.rendered.segments, at=a.at, now=now,
                )
                for a in sent
            ],
        )  # fmt: skip
        asked = [a.ready.row.id for a in sent if a.ready.row.question is not None]
        if asked:
            await dialogs.opened(tx, asked, now)
        greeted = [a.ready.row.id for a in sent if not a.ready.row.introduced]
        if greeted:
            await outbox.introduced(tx, greeted)

    async def _refused(self, tx: Tx, ready: Ready, refused: Refused, now: int) -> None:
        row = ready.row
        await self._refund(tx, ready, now)
        status = "stopped" if refused.effect == "stopped" else "failed"
        await outbox.settle_ended(tx, [_row(ready, status=status, reason=refused.error, now=now)])
        await mark(tx, refused.effect, row.member_id, row.address_id, now)
        if refused.alert:
            await tickets.alert(tx, f"{self._name}: error {refused.error}", now, DAY)
        if status == "failed" and row.kind != REPLY and row.member_id and row.address_id:
            await outbox.move_on(
                tx, row.id, row.attempt, row.member_id, row.address_id, refused.error, now
            )

    async def _again(self, tx: Tx, ready: Ready, again: Again, now: int) -> None:
        row = ready.row
        await self._refund(tx, ready, now)
        wait = round(again.seconds * SECOND) if again.seconds is not None else delay(row.tries)
        if again.whole_channel:
            await pace.pause(tx, self._name, (now + wait) * 1_000)
        elif row.tries >= MOST_TRIES:
            await outbox.settle_ended(
                tx, [_row(ready, status="failed", reason=again.error, now=now)]
            )
            return
        await outbox.keep_attempts(tx, [_row(ready, status="again", error=again.error, now=now)])
        await outbox.settle_again(
            tx,
            [
                _row(
                    ready, until_at=now + wait, reason=again.error,
                    uncounted=int(again.whole_channel), maybe_twice=False,
                )
            ],
        )  # fmt: skip

    async def _not_sent(self, tx: Tx, ready: Ready, verdict: Verdict | None, now: int) -> None:
        await self._refund(tx, ready, now)
        match verdict:
            case Hold(reason, until_at):
                await outbox.settle_held(tx, [_row(ready, reason=reason, until_at=until_at)])
            case End(status, reason):
                await outbox.settle_ended(tx, [_row(ready, status=status, reason=reason, now=now)])
            case _:  # it leaves by a later claim, which looks at it anew
                await outbox.put_back(tx, [_row(ready, until_at=0)])

    async def _refund(self, tx: Tx, ready: Ready, now: int) -> None:
        """Give back the segments of what has not been sent."""
        if self._counts_segments:
            month = month_start(now, self._alliance.zone)
            await pace.spend(tx, self._name, month, -ready.rendered.segments)


def _row(ready: Ready, **values: object) -> dict[str, object]:
    return {"id": ready.row.id, "attempt": ready.row.attempt, **values}
