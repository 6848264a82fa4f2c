"""Reconciling: finding out what became of messages whose outcome is not known."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot import faults
from bot.channels.base import Choice, Outgoing
from bot.sending.render import Renderer
from storage import dialogs, outbox
from storage.errors import CannotTell, Closed, StorageError
from storage.instant import DAY, SECOND, clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.channels.base import Channel
    from bot.sending.render import Rendered
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Row, Tx

log = structlog.get_logger()

EVERY = 1.0
AT_ONCE = 50
LOOK_AFTER = 10 * SECOND
ASK_AGAIN = 30 * SECOND
NEVER = 3_650 * DAY


@dataclass(frozen=True, slots=True)
class Doubt:
    """A row whose outcome is not known. Instants in ms."""

    id: int
    attempt: int
    address_id: int | None
    to: str
    text: str
    choices: str
    language: str
    batch_id: int | None
    queued_at: int
    expires_at: int
    lease_until: int
    tries: int
    member_id: int | None
    kind: int
    round_id: int | None
    question: int | None
    introduced: bool

    @classmethod
    def of(cls, row: Row) -> Doubt:
        """Return the doubt that a row of `outbox.doubtful` is."""
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
        self._renderer = Renderer(alliance)
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
            except Exception as error:  # the loop goes on, whatever one row may do
                log.error("reconciling_failed", trace=faults.where(error))
            await asyncio.sleep(EVERY)

    async def look(self) -> int:
        """Look into the rows that are due once, and return how many there were."""
        now = self._now()

        async def take(tx: Tx) -> list[Doubt]:
            # The lease alone tells that a sender is gone: also this process's own, killed before.
            await outbox.lapsed(tx, now, now + LOOK_AFTER)
            rows = await outbox.doubtful(tx, self._channel.name, now, AT_ONCE)
            return [Doubt.of(row) for row in rows]

        doubts = await self._database.write(take)
        for doubt in doubts:
            await self._one(doubt)
        return len(doubts)

    async def _one(self, doubt: Doubt) -> None:
        if not self._channel.traits.findable:
            await self._database.write(lambda tx: self._send_again(tx, doubt, maybe_twice=True))
            return
        rendered = await self._database.read(lambda tx: self._render(tx, doubt))
        try:
            found = await self._channel.find(_outgoing(doubt, rendered), doubt.queued_at)
        except CannotTell as error:
            log.warning("can_not_tell", channel=self._channel.name, trace=faults.where(error))
            later = self._now() + ASK_AGAIN
            await self._database.write(lambda tx: outbox.defer(tx, doubt.id, later))
            return

        async def unit(tx: Tx) -> None:
            for sent in found:
                if not await outbox.knows(tx, self._channel.name, sent.provider_id):
                    await self._found(tx, doubt, sent.provider_id, rendered.segments)
                    return
            await self._send_again(tx, doubt, maybe_twice=False)

        await self._database.write(unit)

    async def _render(self, tx: Tx, doubt: Doubt) -> Rendered:
        return await self._renderer.render(
            tx, batch_id=doubt.batch_id, kind=doubt.kind, text=doubt.text, choices=doubt.choices,
            language=doubt.language, round_id=doubt.round_id, question=doubt.question,
            introduced=doubt.introduced,
        )  # fmt: skip

    async def _found(self, tx: Tx, doubt: Doubt, provider_id: str, parts: int) -> None:
        now = self._now()
        await outbox.settle_sent(
            tx,
            [
                {"id": doubt.id, "attempt": doubt.attempt, "provider_id": provider_id,
                 "segments": parts, "at": now, "now": now}
            ],
        )  # fmt: skip
        if doubt.question is not None:
            await dialogs.opened(tx, [doubt.id], now)
        if not doubt.introduced:
            await outbox.introduced(tx, [doubt.id])

    async def _send_again(self, tx: Tx, doubt: Doubt, *, maybe_twice: bool) -> None:
        now = self._now()
        if doubt.expires_at <= now:
            # Too late to send again, and nobody can say whether it arrived: it stays unknown.
            await outbox.defer(tx, doubt.id, now + NEVER)
            return
        named = {"id": doubt.id, "attempt": doubt.attempt}
        await outbox.keep_attempts(
            tx, [named | {"status": "unknown", "error": "not found", "now": now}]
        )
        await outbox.settle_again(
            tx,
            [
                named
                | {"until_at": now, "reason": "unknown", "uncounted": 0, "maybe_twice": maybe_twice}
            ],
        )
        await tx.notify("outbox")


def _outgoing(doubt: Doubt, rendered: Rendered) -> Outgoing:
    return Outgoing(
        row=doubt.id, attempt=doubt.attempt, to=doubt.to, text=rendered.text,
        choices=tuple(Choice(c.label, c.data) for c in rendered.choices),
    )  # fmt: skip
