"""The stock: what is claimed of one channel and has no answer yet, and when of it may leave.

Rows are claimed, and slots reserved for them, while others are still being sent.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from bot import faults
from bot.sending.departures import Departures, turn
from bot.sending.lanes import Lanes
from storage.errors import Closed
from storage.outbox import REPLY, SOLICITED

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.channels.base import Traits
    from bot.sending.claiming import Claimer, Ready
    from bot.sending.lines import Lines
    from bot.sending.reserving import Reserver, Stretch
    from storage.database import Database, Tx

log = structlog.get_logger()

IDLE = 1.0  # seconds until the outbox is looked at again without being told to
# What is claimed at most beside what flies: so many seconds of the rate, so many lines' worth.
CLAIM_AHEAD = 0.5
CLAIM_LINES = 6
# So many have their slots by the unit that claims them: more would take too long for the first.
SOON = 32


class Stock:
    """The messages of one channel that are claimed, `unsent` by their rows.

    `due` is called when one may leave, `short` when more should be claimed; nothing is reserved
    while nothing leaves, as `rests` says. `bulk` says whether bulk may be claimed.
    """

    def __init__(
        self,
        name: str,
        traits: Traits,
        database: Database,
        claimer: Claimer,
        reserver: Reserver,
        lines: Lines,
        now: Callable[[], int],
        *,
        due: Callable[[], None],
        short: Callable[[], None],
        rests: Callable[[], bool],
        bulk: Callable[[], bool],
    ) -> None:
        self._name = name
        self._database = database
        self._claimer = claimer
        self._reserver = reserver
        self._lines = lines
        self._now = now
        self._due = due
        self._short = short
        self._rests = rests
        self._bulk = bulk
        self._limit = min(CLAIM_LINES * traits.in_flight, max(1, int(traits.rate * CLAIM_AHEAD)))
        self._departures = Departures(due)
        self._lanes = Lanes(traits.gap_ms, self._handed_out)
        self._reserving: asyncio.Task[None] | None = None
        self._dry_until = 0.0  # by then there may be more to claim, though nobody says so
        self._heard = 0  # how often we were told to look
        self._passes_over = False
        self._closed = False
        self.unsent: dict[int, Ready] = {}

    # --- what is in it ---

    def has(self, item: Ready) -> bool:
        """Tell whether a message is here still, and its row was not claimed anew."""
        return self.unsent.get(item.row.id) is item

    def first(self) -> Ready | None:
        """Return the next message whose slot has come; it stays first."""
        return self._departures.next()

    def leave(self) -> None:
        """Let the first message go to a line."""
        self._departures.timed.popleft()

    def left(self, item: Ready) -> None:
        """Let the next message to the same address follow one that was sent."""
        self._lanes.let_go(item, left=True)

    def lose(self, item: Ready) -> None:
        """Take back a message that missed its slot, unless its row was claimed anew."""
        if self.has(item):
            self._departures.lose(item)
        else:
            self._lanes.let_go(item, left=False)

    def answered(self, item: Ready) -> None:
        """Forget a message that has an answer."""
        if self.has(item):
            del self.unsent[item.row.id]

    def drop(self, item: Ready) -> None:
        """Forget a message that does not leave after all."""
        self.unsent.pop(item.row.id, None)
        if self._departures.drop(item):
            self._lanes.let_go(item, left=False)

    def _handed_out(self, item: Ready) -> bool:
        """Let the first message of a lane wait for its slot, if it is still to leave."""
        if not self.has(item):
            return False
        self._departures.put(item)
        self.look()
        return True

    # --- what comes into it ---

    def look_behind(self) -> None:
        """Hear that there may be something to claim."""
        self._heard += 1
        self._dry_until = 0.0

    @property
    def passes_over(self) -> bool:
        """Whether a claim passes over whoever is being sent something."""
        return self._passes_over

    def look(self) -> None:
        """Look whether there is room for more, and whether something needs slots."""
        if self._room():
            self._short()
        if self._reserving is None and not self._closed and self._wants_slots():
            self._reserving = asyncio.create_task(self._reserve())

    async def claim(self, epoch: int) -> bool:
        """Claim rows, and slots for a few where nothing else waits; tell whether some came.

        Their verdicts are of an `epoch` of gate notices.
        """
        most = self._room()
        if not most:
            return False
        most_kind = SOLICITED if self._bulk() else REPLY
        slots = 0 if self._departures.waiting else self._slots()

        async def unit(tx: Tx) -> tuple[int, list[Ready], Stretch | None]:
            now = self._now()
            self._passes_over = tx.engine != "sqlite"
            claimed, ready = await self._claimer.claim(tx, most, most_kind, now)
            leaving = self._at_once(ready)[:slots]
            if not leaving or len(ready) > SOON:
                return claimed, ready, None
            return claimed, ready, await self._reserver.reserve(tx, leaving, now)

        heard = self._heard
        claimed, ready, stretch = await self._database.write(unit)
        if claimed < most and self._heard == heard:
            self._dry_until = monotonic() + IDLE
        for item in ready:
            item.seen = epoch
        self._take(ready, stretch)
        return bool(claimed)

    async def _reserve(self) -> None:
        """Reserve slots for what waits, as long as there are few; a claim may be under way."""
        try:
            while self._wants_slots():
                waiting = self._departures.first(self._slots())
                stretch = await self._database.write(
                    lambda tx, items=waiting: self._reserver.reserve(tx, items, self._now()),  # type: ignore[misc]
                    repeatable=True,
                )
                self._take([], stretch)
        except Closed:
            return
        except Exception as error:  # noqa: BLE001  the loop goes on: what waits asks again
            log.warning("slots_wait", channel=self._name, trace=faults.where(error))
            await asyncio.sleep(IDLE)
        finally:
            self._reserving = None

    def _room(self) -> int:
        """Return how many rows to claim: as many as there is room for, once a quarter of it is."""
        ahead = len(self.unsent) - len(self._lines.flying)
        if ahead > self._limit * 3 // 4 or monotonic() < self._dry_until:
            return 0
        return self._limit - ahead

    def _slots(self) -> int:
        """Return how many slots to reserve: one that no line is free for is lost."""
        return max(0, self._lines.soon() - len(self._departures.timed))

    def _wants_slots(self) -> bool:
        """Tell whether slots alone are worth a unit: many together cost no more than one."""
        if not self._departures.waiting or self._rests():
            return False
        return self._slots() > self._lines.soon() // 3

    def _at_once(self, claimed: list[Ready]) -> list[Ready]:
        """Return what may leave at once of what is claimed, in order."""
        found: list[Ready] = []
        lanes: set[str] = set()
        for item in claimed:
            if self._lanes.is_free(item.row.to) and item.row.to not in lanes:
                lanes.add(item.row.to)
                found.append(item)
        return sorted(found, key=turn)

    def _take(self, claimed: list[Ready], stretch: Stretch | None) -> None:
        """Let what was claimed, and what has a slot now, wait for its turn."""
        new = {item.row.id: item for item in claimed}
        if stretch is not None:
            self._reserver.committed(stretch)
            self._departures.give(stretch)
            for item in stretch.items:
                if new.pop(item.row.id, None):
                    self._add(item)
                elif self.has(item):
                    self._departures.put(item)
        for item in new.values():
            self._add(item)
        self._due()

    def _add(self, item: Ready) -> None:
        if old := self.unsent.get(item.row.id):
            self.drop(old)  # its lease lapsed, and it was queued again before we looked at it
        self.unsent[item.row.id] = item
        self._lanes.put(item)

    async def close(self) -> None:
        """Ring no more, and reserve nothing more."""
        self._closed = True
        self._departures.stop()
        if self._reserving is not None:
            self._reserving.cancel()
            await asyncio.gather(self._reserving, return_exceptions=True)
