"""Keeping what is claimed and has not left: its leases, and verdicts that hold still."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from bot import faults
from bot.sending import gate
from bot.sending.claiming import LEASE
from storage import claims
from storage.errors import Closed
from storage.instant import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.sending.claiming import Claimer, Ready
    from bot.sending.gate import Verdict
    from storage.database import Database

log = structlog.get_logger()

RENEW = 5.0
JUDGED_FOR = 10 * SECOND  # a verdict older than that is taken again before the send


class Keeper:
    """Keeps the messages `unsent` of one channel; those `flying` can't be called back."""

    def __init__(
        self,
        name: str,
        database: Database,
        claimer: Claimer,
        unsent: Mapping[int, Ready],
        flying: Mapping[int, object],
        now: Callable[[], int],
    ) -> None:
        self._name = name
        self._database = database
        self._claimer = claimer
        self._unsent = unsent
        self._flying = flying
        self._now = now
        self._doubted = False
        # How many gate notices were heard.
        self.epoch = 0

    def doubt(self) -> None:
        """Hear that somebody stopped, or that something was halted, closed or extended."""
        self.epoch += 1
        self._doubted = True

    def holds(self, item: Ready) -> bool:
        """Tell whether a message's verdict holds still; if not it is soon judged again."""
        now = self._now()
        if item.seen == self.epoch and now < item.judged_at + JUDGED_FOR and now < item.lease_until:
            return True
        self._doubted = True
        return False

    async def look_again(self) -> list[tuple[Ready, Verdict | None]]:
        """Judge anew what has not left, where that may matter; return what may not leave now."""
        if not self._doubted:
            return []
        epoch, now, self._doubted = self.epoch, self._now(), False
        stale = [
            item
            for row, item in self._unsent.items()
            if row not in self._flying and not self.holds(item)
        ]
        try:
            verdicts = await self._database.read(lambda tx: self._claimer.again(tx, stale, now))
        except BaseException:
            self._doubted = True
            raise
        self._doubted = self.epoch != epoch
        waiting = [item for item in stale if item.row.id not in self._flying]
        for item in waiting:
            if verdicts.get(item.row.id) is gate.LEAVE:
                item.seen, item.judged_at = epoch, now
        return [
            (item, verdicts.get(item.row.id))
            for item in waiting
            if verdicts.get(item.row.id) is not gate.LEAVE
        ]

    async def renew(self) -> None:
        """Keep the leases of what waits to be sent or is being sent, for ever."""
        while True:
            await asyncio.sleep(RENEW)
            try:
                await self._renew_all()
            except Closed:
                return
            except Exception as error:  # noqa: BLE001  the loop goes on: the next renewal may come in time
                log.warning("renewal_waits", channel=self._name, trace=faults.where(error))

    async def _renew_all(self) -> None:
        items, until = list(self._unsent.values()), self._now() + LEASE
        if not items:
            return
        rows = [item.row.id for item in items]
        kept = await self._database.write(lambda tx: claims.renew(tx, rows, until), repeatable=True)
        for item in items:
            if (item.row.id, item.row.attempt) in kept:
                item.lease_until = until
