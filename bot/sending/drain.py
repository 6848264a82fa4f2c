"""The drain: sends what waits on one channel, and settles what became of it."""

from __future__ import annotations

import asyncio
import contextlib
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from bot import faults
from bot.channels.base import Again, Sent, Unknown
from bot.sending.claiming import Claimer
from bot.sending.departures import Departures, turn
from bot.sending.keeping import Keeper
from bot.sending.lanes import Lanes
from bot.sending.lines import Lines
from bot.sending.outcome import Answer, NotSent, Settler
from bot.sending.pace import Pause
from bot.sending.render import Renderer
from bot.sending.reserving import Reserver
from storage.database import GATE
from storage.errors import Closed, StorageError
from storage.instant import SECOND, clock
from storage.outbox import REPLY, SOLICITED

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.channels.base import Channel, Outcome
    from bot.sending.claiming import Ready
    from bot.sending.gate import Verdict
    from bot.sending.reserving import Stretch
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx

log = structlog.get_logger()

IDLE = 1.0  # seconds until the outbox is looked at again without being told to
AFTER_PAUSE = 0.005  # what was put back in a pause is due by another clock
# What is claimed at most beside what flies: so many seconds of the rate, so many lines' worth.
CLAIM_AHEAD = 0.5
CLAIM_LINES = 6


class Drain:
    """Sends what waits on one channel. `sent(channel, outcome, seconds)` is told of each send.

    `bulk` says whether bulk may leave: it may not while the disk is nearly full.
    """

    def __init__(
        self,
        channel: Channel,
        database: Database,
        alliance: Alliance,
        *,
        sent: Callable[[str, str, float], None],
        bulk: Callable[[], bool] = lambda: True,
        now: Callable[[], int] = clock,
    ) -> None:
        name, traits = channel.name, channel.traits
        self._channel = channel
        self._database = database
        self._sent = sent
        self._bulk = bulk
        self._now = now
        self._renderer = Renderer(alliance)
        self._claimer = Claimer(name, traits, alliance, self._renderer)
        self._reserver = Reserver(name, traits)
        self._settler = Settler(
            name, database, alliance, now,
            counts_segments=traits.segments, pause=self._reserver.pause,
            settled=self._someone_is_free,
        )  # fmt: skip
        self._pause = Pause()
        self._lines = Lines(traits.in_flight, traits.rate)
        self._departures = Departures(self._depart)
        self._lanes = Lanes(traits.gap_ms, self._handed_out)
        most = max(1, int(traits.rate * CLAIM_AHEAD))
        self._limit = min(CLAIM_LINES * traits.in_flight, most)
        self._woken = asyncio.Event()
        # What is claimed and has no answer yet, by row.
        self._unsent: dict[int, Ready] = {}
        self._reserving: asyncio.Task[None] | None = None
        self._keeper = Keeper(name, database, self._claimer, self._unsent, self._lines.flying, now)
        self._dry_until = 0.0  # by then there may be more to claim, though nobody says so
        self._passes_over = False
        self._stopping = False
        database.listen(self.wake)

    def wake(self, topic: str) -> None:
        """Hear that something was queued, or that what is claimed must be judged again."""
        if topic == GATE:
            self._keeper.doubt()
            self._renderer.forget()
        self._look_behind()

    def _look_behind(self) -> None:
        """Look at the outbox anew."""
        self._dry_until = 0.0
        self._woken.set()

    def _someone_is_free(self) -> None:
        """Look for what was passed over because its person was being sent something."""
        if self._passes_over:
            self._look_behind()

    # --- the loop ---

    async def run(self) -> None:
        """Send until `stop`; then finish what is in flight and put the rest back."""
        tasks = [asyncio.create_task(part()) for part in (self._settler.run, self._keeper.renew)]
        try:
            while not self._stopping:
                await self._turn()
            await self._finish()
        finally:
            self._departures.stop()
            tasks += self._lines.flying.values()
            if self._reserving is not None:
                tasks.append(self._reserving)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping = True
        self._woken.set()

    async def _turn(self) -> None:
        """Judge again what must be, claim as many rows as there is room for, or wait."""
        self._woken.clear()
        rest = self._pause.rest(monotonic())
        if rest:
            # What is not claimed can still be overtaken by a reply, or be stopped.
            await self._idle(min(rest + AFTER_PAUSE, IDLE))
            return
        try:
            for item, verdict in await self._keeper.look_again():
                if self._is_ours(item):
                    self._drop(item, verdict)
            self._depart()
            if not await self._claim():
                await self._idle(IDLE)
        except Closed:
            self._stopping = True
        except StorageError as error:
            log.warning("claim_waits", channel=self._channel.name, trace=faults.where(error))
            await self._idle(IDLE)
        except Exception as error:  # noqa: BLE001  the loop goes on, whatever one row may do
            log.error("claim_failed", channel=self._channel.name, trace=faults.where(error))  # noqa: TRY400
            await asyncio.sleep(IDLE)

    async def _idle(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    async def _finish(self) -> None:
        """Let what is in flight end, and put back what has not left."""
        for item in list(self._unsent.values()):
            if item.row.id not in self._lines.flying:
                self._drop(item, None)
        while self._lines.flying or self._settler.unsettled:
            await self._settler.flush()
            await asyncio.sleep(0.01)

    # --- claiming, and reserving the time to leave ---

    async def _claim(self) -> bool:
        """Claim rows, in the same unit slots where none wait for any; tell whether some came."""
        most, epoch = self._room(), self._keeper.epoch
        if not most:
            return False
        most_kind = SOLICITED if self._bulk() else REPLY
        slots = 0 if self._departures.waiting else self._slots()

        async def unit(tx: Tx) -> tuple[int, list[Ready], Stretch | None]:
            now = self._now()
            self._passes_over = tx.engine != "sqlite"
            claimed, ready = await self._claimer.claim(tx, most, most_kind, now)
            leaving = self._first(ready)[:slots]
            if not leaving:
                return claimed, ready, None
            return claimed, ready, await self._reserver.reserve(tx, leaving, now)

        claimed, ready, stretch = await self._database.write(unit, repeatable=True)
        if claimed < most:
            self._dry_until = monotonic() + IDLE
        for item in ready:
            item.seen = epoch
        self._take(ready, stretch)
        return bool(claimed)

    async def _reserve(self) -> None:
        """Reserve slots for what waits, as long as there are few; a claim may be under way."""
        try:
            while not self._stopping and self._wants_slots():
                waiting = self._departures.first(self._slots())
                stretch = await self._database.write(
                    lambda tx, items=waiting: self._reserver.reserve(tx, items, self._now()),  # type: ignore[misc]
                    repeatable=True,
                )
                self._take([], stretch)
        except Closed:
            self.stop()
        except Exception as error:  # noqa: BLE001  the loop goes on: what waits asks again
            log.warning("slots_wait", channel=self._channel.name, trace=faults.where(error))
            await asyncio.sleep(IDLE)
        finally:
            self._reserving = None

    def _room(self) -> int:
        """Return how many rows to claim: as many as there is room for, once a quarter of it is."""
        ahead = len(self._unsent) - len(self._lines.flying)
        if ahead > self._limit * 3 // 4 or monotonic() < self._dry_until:
            return 0
        return self._limit - ahead

    def _slots(self) -> int:
        """Return how many slots to reserve: one that no line is free for is lost."""
        return max(0, self._lines.soon() - len(self._departures.timed))

    def _wants_slots(self) -> bool:
        """Tell whether slots alone are worth a unit: many together cost no more than one."""
        return bool(self._departures.waiting) and self._slots() > self._lines.soon() // 3

    def _first(self, claimed: list[Ready]) -> list[Ready]:
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
                elif self._is_ours(item):
                    self._departures.put(item)
        for item in new.values():
            self._add(item)
        self._depart()

    def _add(self, item: Ready) -> None:
        self._unsent[item.row.id] = item
        self._lanes.put(item)

    # --- one row ---

    def _handed_out(self, item: Ready) -> bool:
        """Let the first message of a lane wait for its slot, if it is still to leave."""
        if not self._is_ours(item):
            return False
        self._departures.put(item)
        self._freed()
        return True

    def _depart(self) -> None:
        """Send what is due, as far as there are lines free."""
        while self._lines.is_free and (item := self._next()):
            self._lines.flying[item.row.id] = asyncio.create_task(self._line(item))
        self._freed()

    def _freed(self) -> None:
        """Look whether there is room for more."""
        if self._room():
            self._woken.set()
        if self._reserving is None and self._wants_slots() and not self._stopping:
            self._reserving = asyncio.create_task(self._reserve())

    def _next(self) -> Ready | None:
        """Return the next message whose slot has come, if it may leave."""
        if self._stopping or self._pause.rest(monotonic()):
            return None
        while (item := self._departures.next()) and not self._is_ours(item):
            self._departures.timed.popleft()  # its lease lapsed, and its row was claimed anew
            self._lanes.let_go(item, left=False)
        if item is None:
            return None
        if not self._keeper.holds(item):
            self._woken.set()
            return None
        self._departures.timed.popleft()
        return item

    async def _line(self, item: Ready) -> None:
        """Send a message, and what is due after it."""
        following: Ready | None = item
        while following:
            item, left = following, True
            try:
                left = await self._one(item)
            except Exception as error:  # noqa: BLE001  the others go on, whatever one row may do
                log.error("send_failed", channel=self._channel.name, trace=faults.where(error))  # noqa: TRY400
            finally:
                task = self._lines.flying.pop(item.row.id)
            if left:
                self._lanes.let_go(item, left=True)
            following = self._next()
            if following:
                self._lines.flying[following.row.id] = task
            self._freed()

    async def _one(self, item: Ready) -> bool:
        """Send a message, if it may still leave; tell whether it did."""
        began = monotonic()
        if self._stopping:
            self._drop(item, None)
            return False
        if began > item.late_at or not self._keeper.holds(item):
            self._departures.lose(item)
            return False
        # From here to the first byte nothing else is waited for: this is when it leaves.
        outcome: Outcome
        try:
            outcome = await self._channel.send(item.outgoing(self._now()))
        except Exception as error:  # noqa: BLE001  a channel never raises; if it does, the message may have left
            log.error("channel_raised", channel=self._channel.name, trace=faults.where(error))  # noqa: TRY400
            outcome = Unknown("error of ours")
        took = monotonic() - began
        self._lines.answered(took)
        self._settled(item, outcome)
        self._sent(self._channel.name, type(outcome).__name__.lower(), took)
        return True

    def _is_ours(self, item: Ready) -> bool:
        return self._unsent.get(item.row.id) is item

    def _settled(self, item: Ready, outcome: Outcome) -> None:
        pause = 0.0
        if isinstance(outcome, Sent):
            self._pause.well()
        elif isinstance(outcome, Again) and outcome.whole_channel:
            pause = self._pause.trouble(outcome.seconds, monotonic())
        self._settler.put(Answer(item, outcome, self._now(), round(pause * SECOND)))
        if self._is_ours(item):
            del self._unsent[item.row.id]

    def _drop(self, item: Ready, verdict: Verdict | None) -> None:
        """Give a row back that has not left."""
        self._unsent.pop(item.row.id, None)
        self._settler.put(Answer(item, NotSent(verdict), self._now()))
        if self._departures.drop(item):
            self._lanes.let_go(item, left=False)
