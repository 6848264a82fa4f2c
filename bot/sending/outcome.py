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
from storage import claims, dialogs, pace, settling, tickets
from storage.database import OUTBOX
from storage.errors import Busy, Closed, DiskFull, StorageError
from storage.instant import DAY, MINUTE, SECOND
from storage.outbox import REPLY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.sending.claiming import Ready
    from bot.sending.gate import Verdict
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx
    from storage.outbox import Status

log = structlog.get_logger()

MOST_TRIES = 8
LONGEST_DELAY = 10 * MINUTE
LOOK_AFTER = 10 * SECOND

# Answers are gathered for so long, then settled in one unit of work.
GATHER = 0.020
MOST_WRITES = 3


@dataclass(frozen=True, slots=True)
class NotSent:
    """A claimed row that was not sent after all; None puts it back as it was."""

    verdict: Verdict | None


@dataclass(slots=True)
class Answer:
    """What became of one claimed row, when (ms), and for how long (ms) the channel rests."""

    ready: Ready
    outcome: Outcome | NotSent
    at: int
    pause: int = 0


def delay(tries: int) -> int:
    """Return how long to wait (ms) after so many tries: growing, and bounded."""
    return min(SECOND << min(tries, 20), LONGEST_DELAY)


class Settler:
    """Settles the answers of one channel. Nothing is dropped: a unit that fails runs again.

    `pause(tx, milliseconds, now)` lets the whole channel rest; `settled` hears of each commit.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        alliance: Alliance,
        now: Callable[[], int],
        *,
        counts_segments: bool,
        pause: Callable[[Tx, int, int], Awaitable[None]],
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._counts_segments = counts_segments
        self._pause = pause
        self._settled = settled
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
        try:
            await self._write(answers)
        except Closed:
            raise
        except Exception as error:  # noqa: BLE001  one answer may not take the others with it
            log.error("settling_failed", channel=self._name, trace=faults.where(error))  # noqa: TRY400
            for answer in answers:
                await self._alone(answer)
        finally:
            self.unsettled -= len(answers)

    async def _alone(self, answer: Answer) -> None:
        """Settle one answer; where that can't be done its lease lapses, and it is looked into."""
        try:
            await self._write([answer])
        except Closed:
            raise
        except Exception as error:  # noqa: BLE001  as above
            row = answer.ready.row.id
            log.error("settling_failed", channel=self._name, row=row, trace=faults.where(error))  # noqa: TRY400

    async def _write(self, answers: list[Answer]) -> None:
        pause, tries = 0.1, 0
        while True:
            try:
                await self._database.write(lambda tx: self._settle(tx, answers), repeatable=True)
                self._settled()
                return
            except Closed:
                raise
            except StorageError as error:
                # A lock or a full disk passes; anything else may be one answer's fault.
                tries += not isinstance(error, Busy | DiskFull)
                if tries == MOST_WRITES:
                    raise
                log.warning("settling_waits", channel=self._name, trace=faults.where(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _settle(self, tx: Tx, answers: list[Answer]) -> None:
        now = self._now()
        sent = [answer for answer in answers if isinstance(answer.outcome, Sent)]
        if sent:
            await self._sent(tx, sent, now)
        others = [answer for answer in answers if not isinstance(answer.outcome, Sent)]
        if not others:
            return
        # A receipt, or a look-up, may have settled some of them already.
        ours = await claims.ours(tx, [answer.ready.row.id for answer in others])
        for answer in others:
            if (answer.ready.row.id, answer.ready.row.attempt) in ours:
                await self._other(tx, answer, now)

    async def _other(self, tx: Tx, answer: Answer, now: int) -> None:
        match answer.outcome:
            case Refused():
                await self._refused(tx, answer.ready, answer.outcome, now)
            case Again():
                await self._again(tx, answer, answer.outcome, now)
            case Unknown(error):
                await settling.settle_unknown(
                    tx, [_row(answer.ready, until_at=now + LOOK_AFTER, reason=error)]
                )
            case NotSent(verdict):
                await self._not_sent(tx, answer.ready, verdict, now)

    async def _sent(self, tx: Tx, sent: list[Answer], now: int) -> None:
        await settling.settle_sent(
            tx,
            [
                (a.ready.row.id, a.ready.row.attempt, a.outcome.provider_id,  # type: ignore[union-attr]
                 a.ready.rendered.segments, a.at)
                for a in sent
            ],
            now,
        )  # fmt: skip
        asked = [a.ready.row.id for a in sent if a.ready.row.question is not None]
        if asked:
            await dialogs.opened(tx, asked, now)
        bulk = [a.ready.row for a in sent if a.ready.row.kind != REPLY]  # replies greet nobody
        greeted = [row.id for row in bulk if not row.introduced]
        if greeted:
            await settling.introduced(tx, greeted)

    async def _refused(self, tx: Tx, ready: Ready, refused: Refused, now: int) -> None:
        await mark(tx, refused.effect, ready.row.member_id, ready.row.address_id, now)
        if refused.alert:
            await tickets.alert(tx, f"{self._name}: error {refused.error}", now, DAY)
        status: Status = "stopped" if refused.effect == "stopped" else "failed"
        await self._end(tx, ready, status, refused.error, now)

    async def _end(self, tx: Tx, ready: Ready, status: Status, error: str, now: int) -> None:
        """End a row that was not sent, unless the person's next address is tried."""
        row = ready.row
        await self._refund(tx, ready)
        await settling.settle_ended(tx, [_row(ready, status=status, reason=error, now=now)])
        if status == "failed" and row.kind != REPLY and row.member_id and row.address_id:
            await settling.move_on(
                tx, row.id, row.attempt, row.member_id, row.address_id, error, now
            )

    async def _again(self, tx: Tx, answer: Answer, again: Again, now: int) -> None:
        ready, row = answer.ready, answer.ready.row
        if again.whole_channel:
            # It was not this message's fault, and no attempt at it was made.
            until_at = answer.at + answer.pause
            await self._refund(tx, ready)
            # No longer than it was meant to last: the clock may have been set back meanwhile.
            await self._pause(tx, min(max(until_at - now, 0), answer.pause), now)
            await settling.put_back(tx, [_row(ready, until_at=until_at)])
            return
        if again.anew:
            await self._refund(tx, ready)
            await settling.settle_anew(tx, [_row(ready)])
            await tx.notify(OUTBOX)
            return
        if row.tries >= MOST_TRIES:
            await self._end(tx, ready, "failed", again.error, now)
            return
        wait = round(again.seconds * SECOND) if again.seconds is not None else delay(row.tries)
        await self._refund(tx, ready)
        await settling.keep_attempts(tx, [_row(ready, status="again", error=again.error, now=now)])
        await settling.settle_again(
            tx, [_row(ready, until_at=now + wait, reason=again.error, maybe_twice=False)]
        )

    async def _not_sent(self, tx: Tx, ready: Ready, verdict: Verdict | None, now: int) -> None:
        await self._refund(tx, ready)
        match verdict:
            case Hold(reason, until_at):
                await settling.settle_held(tx, [_row(ready, reason=reason, until_at=until_at)])
            case End(status, reason):
                await settling.settle_ended(
                    tx, [_row(ready, status=status, reason=reason, now=now)]
                )
            case _:  # it leaves by a later claim, which looks at it anew
                await settling.put_back(tx, [_row(ready, until_at=0)])
                await tx.notify(OUTBOX)

    async def _refund(self, tx: Tx, ready: Ready) -> None:
        """Give back the segments of what has not been sent, to the month they were taken from."""
        if self._counts_segments:
            month = month_start(ready.claimed_at, self._alliance.zone)
            await pace.spend(tx, self._name, month, -ready.rendered.segments)


def _row(ready: Ready, **values: object) -> dict[str, object]:
    return {"id": ready.row.id, "attempt": ready.row.attempt, **values}
