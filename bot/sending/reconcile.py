"""Reconciling: finding out what became of messages whose outcome is not known."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot import faults
from bot.channels.base import Outgoing
from bot.sending.claiming import LEASE
from bot.sending.outcome import LOOK_AFTER, MOST_TRIES, delay
from handlers.dialog.manners import month_start
from storage import claims, dialogs, pace, settling
from storage.database import OUTBOX
from storage.errors import CannotTell, Closed, StorageError
from storage.instant import DAY, HOUR, SECOND, clock
from storage.outbox import REPLY

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.channels.base import Channel
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Row, Tx

log = structlog.get_logger()

EVERY = 1.0
AT_ONCE = 20  # look-ups under way together
ASK_AGAIN = 30 * SECOND
NEVER = 3_650 * DAY

# The provider's clock may differ from ours; what is found and ours already is left aside.
SLACK = HOUR


@dataclass(frozen=True, slots=True)
class Doubt:
    """A row whose outcome is not known; `said` is the digest of what left. Instants in ms."""

    id: int
    attempt: int
    to: str
    said: str
    segments: int
    kind: int
    question: int | None
    tries: int
    queued_at: int
    expires_at: int
    lease_until: int
    edits: str

    @classmethod
    def of(cls, row: Row) -> Doubt:
        """Return the doubt that a row of `claims.doubtful` is."""
        return cls(*row)


class Reconciler:
    """Looks into the unknown rows of one channel."""

    def __init__(
        self,
        channel: Channel,
        database: Database,
        alliance: Alliance,
        now: Callable[[], int] = clock,
    ) -> None:
        self._channel = channel
        self._database = database
        self._alliance = alliance
        self._now = now

    async def run(self) -> None:
        """Look into what is due, for ever."""
        while True:
            try:
                while await self.look():
                    pass
            except Closed:
                return
            except StorageError as error:
                log.warning("reconciling_waits", trace=faults.where(error))
            except Exception as error:  # noqa: BLE001  the loop goes on, whatever one row may do
                log.error("reconciling_failed", trace=faults.where(error))  # noqa: TRY400
            await asyncio.sleep(EVERY)

    async def look(self) -> int:
        """Look into the rows that are due once, and return how many there were."""
        now = self._now()

        async def take(tx: Tx) -> list[Doubt]:
            # The lease alone tells that a sender is gone: also this process's own, killed before.
            await claims.lapsed(tx, now, now + LOOK_AFTER)
            rows = await claims.doubtful(tx, self._channel.name, now, now + ASK_AGAIN, AT_ONCE)
            return [Doubt.of(row) for row in rows]

        doubts = await self._database.write(take)
        ended = await asyncio.gather(*map(self._one, doubts), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        return len(doubts)

    async def _one(self, doubt: Doubt) -> None:
        """Clear up one doubt; where that fails it is looked into later, after the others."""
        try:
            if self._channel.traits.findable:
                await self._ask(doubt)
            else:
                await self._database.write(lambda tx: self._may_have_left(tx, doubt))
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  one row holds up no other
            event = "can_not_tell" if isinstance(error, CannotTell) else "reconciling_failed"
            log.warning(event, channel=self._channel.name, trace=faults.where(error))
            await self._defer(doubt, ASK_AGAIN)

    async def _defer(self, doubt: Doubt, wait: int) -> None:
        until = self._now() + wait
        await self._database.write(lambda tx: claims.defer(tx, doubt.id, until))

    async def _ask(self, doubt: Doubt) -> None:
        """Ask the provider. Raises CannotTell."""
        message = Outgoing(doubt.id, doubt.attempt, doubt.to, "", digest=doubt.said)
        found = await self._channel.find(message, doubt.queued_at - SLACK)

        async def unit(tx: Tx) -> None:
            # Of two that say the same to one number each must find a message of its own.
            await tx.lock("found", f"{self._channel.name} {doubt.to}")
            if not await self._is_open(tx, doubt):
                return
            for sent in found:
                if not await settling.knows(tx, self._channel.name, sent.provider_id):
                    await self._found(tx, doubt, sent.provider_id)
                    return
            await self._not_found(tx, doubt)

        await self._database.write(unit)

    async def _is_open(self, tx: Tx, doubt: Doubt) -> bool:
        """Tell whether nobody has settled it meanwhile: a receipt, or its own late answer."""
        return (doubt.id, doubt.attempt) in await claims.ours(tx, [doubt.id])

    async def _found(self, tx: Tx, doubt: Doubt, provider_id: str) -> None:
        now = self._now()
        found = (doubt.id, doubt.attempt, provider_id, doubt.segments, now)
        await settling.settle_sent(tx, [found], now)
        if doubt.question is not None:
            await dialogs.opened(tx, [doubt.id], now)
        if doubt.kind != REPLY:
            await settling.introduced(tx, [doubt.id])

    async def _not_found(self, tx: Tx, doubt: Doubt) -> None:
        """Send what has not left again, unless it has become too late or too often."""
        now = self._now()
        if self._channel.traits.segments:
            claimed_at = doubt.lease_until - LEASE
            month = month_start(claimed_at, self._alliance.zone)
            await pace.spend(tx, self._channel.name, month, -doubt.segments)
        if doubt.expires_at > now and doubt.tries < MOST_TRIES:
            await self._send_again(tx, doubt, now, maybe_twice=False)
            return
        status = "expired" if doubt.expires_at <= now else "failed"
        await settling.settle_ended(
            tx,
            [
                {"id": doubt.id, "attempt": doubt.attempt, "status": status,
                 "reason": "not found", "now": now}
            ],
        )  # fmt: skip

    async def _may_have_left(self, tx: Tx, doubt: Doubt) -> None:
        """Send once more what nobody can be asked about, and mark that it may come twice."""
        now = self._now()
        if not await self._is_open(tx, doubt):
            return
        if doubt.expires_at > now and doubt.tries < MOST_TRIES:
            # What replaces a message twice leaves the same one.
            await self._send_again(tx, doubt, now, maybe_twice=not doubt.edits)
        else:
            # It is not sent again, and nobody can say whether it arrived: it stays unknown.
            await claims.give_up(tx, doubt.id, now + NEVER)

    async def _send_again(self, tx: Tx, doubt: Doubt, now: int, *, maybe_twice: bool) -> None:
        named = {"id": doubt.id, "attempt": doubt.attempt}
        await settling.keep_attempts(
            tx, [named | {"status": "unknown", "error": "no answer", "now": now}]
        )
        # The first time at once: it has waited for its lease, and for a receipt.
        until_at = now + (delay(doubt.tries) if doubt.tries > 1 else 0)
        await settling.settle_again(
            tx, [named | {"until_at": until_at, "reason": "unknown", "maybe_twice": maybe_twice}]
        )
        await tx.notify(OUTBOX)
