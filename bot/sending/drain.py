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
from bot.sending.gallery import Gallery
from bot.sending.keeping import Keeper
from bot.sending.lines import Lines
from bot.sending.outcome import Answer, NotSent, Settler
from bot.sending.pace import Pause
from bot.sending.render import Renderer
from bot.sending.reserving import Reserver
from bot.sending.stock import IDLE, Stock
from storage.database import GATE
from storage.errors import Closed, StorageError
from storage.instant import SECOND, clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.channels.base import Channel, Outcome
    from bot.sending.claiming import Ready
    from bot.sending.gate import Verdict
    from handlers.dialog.turn import Alliance
    from storage.database import Database

log = structlog.get_logger()

AFTER_PAUSE = 0.005  # what was put back in a pause is due by another clock


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
        self._sent = sent
        self._now = now
        self._renderer = Renderer(alliance, basic=traits.segments, pictures=traits.pictures)
        self._gallery = Gallery()
        claimer = Claimer(name, traits, alliance, self._renderer)
        reserver = Reserver(name, traits)
        self._settler = Settler(
            name, database, alliance, now,
            counts_segments=traits.segments, pause=reserver.pause,
            settled=self._someone_is_free,
        )  # fmt: skip
        self._pause = Pause()
        self._lines = Lines(traits.in_flight, traits.rate)
        self._woken = asyncio.Event()
        self._stopping = False
        self._stock = Stock(
            name, traits, database, claimer, reserver, self._lines, now,
            due=self._depart, short=self._woken.set, rests=self._rests, bulk=bulk,
        )  # fmt: skip
        self._keeper = Keeper(name, database, claimer, self._stock.unsent, self._lines.flying, now)
        database.listen(self.wake)

    def wake(self, topic: str) -> None:
        """Hear that something was queued, or that what is claimed must be judged again."""
        if topic == GATE:
            self._keeper.doubt()
            self._renderer.forget()
        self._look_behind()

    def _look_behind(self) -> None:
        """Look at the outbox anew."""
        self._stock.look_behind()
        self._woken.set()

    def _someone_is_free(self) -> None:
        """Look for what was passed over because its person was being sent something."""
        if self._stock.passes_over:
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
            await self._stock.close()
            tasks += self._lines.flying.values()
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
                if self._stock.has(item):
                    self._drop(item, verdict)
            self._depart()
            if not await self._stock.claim(self._keeper.epoch):
                await self._idle(IDLE)
        except Closed:
            self._stopping = True
        except StorageError as error:
            log.warning("claim_waits", channel=self._channel.name, trace=faults.where(error))
            if not self._stopping:
                self._woken.clear()  # there is room, as before, and no hurry
            await self._idle(IDLE)
        except Exception as error:  # noqa: BLE001  the loop goes on, whatever one row may do
            log.error("claim_failed", channel=self._channel.name, trace=faults.where(error))  # noqa: TRY400
            await asyncio.sleep(IDLE)

    async def _idle(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    async def _finish(self) -> None:
        """Let what is in flight end, and put back what has not left."""
        for item in list(self._stock.unsent.values()):
            if item.row.id not in self._lines.flying:
                self._drop(item, None)
        while self._lines.flying or self._settler.unsettled:
            await self._settler.flush()
            await asyncio.sleep(0.01)

    # --- one row ---

    def _depart(self) -> None:
        """Send what is due, as far as there are lines free."""
        while self._lines.is_free and (item := self._next()):
            self._lines.flying[item.row.id] = asyncio.create_task(self._line(item))
        self._stock.look()

    def _rests(self) -> bool:
        """Tell whether nothing at all may leave at present."""
        return self._stopping or self._pause.rest(monotonic()) > 0

    def _next(self) -> Ready | None:
        """Return the next message whose slot has come, if it may leave."""
        if self._rests() or not (item := self._stock.first()):
            return None
        if not self._keeper.holds(item):
            self._woken.set()
            return None
        self._stock.leave()
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
                self._stock.left(item)
            following = self._next()
            if following:
                self._lines.flying[following.row.id] = task
            self._stock.look()

    async def _one(self, item: Ready) -> bool:
        """Send a message, if it may still leave; tell whether it did."""
        picture = item.rendered.picture
        if picture and not self._gallery.has(picture):
            # Here only a line waits. If its slot has passed by then it gets another, as ever.
            await self._gallery.draw(picture)
        began = monotonic()
        if self._stopping:
            self._drop(item, None)
            return False
        if began > item.late_at or not self._keeper.holds(item):
            self._stock.lose(item)
            return False
        # From here to the first byte nothing else is waited for: this is when it leaves.
        outcome: Outcome
        try:
            shown = self._gallery.shown(picture) if picture else None
            outcome = await self._channel.send(item.outgoing(self._now(), shown))
        except Exception as error:  # noqa: BLE001  a channel never raises; if it does, the message may have left
            log.error("channel_raised", channel=self._channel.name, trace=faults.where(error))  # noqa: TRY400
            outcome = Unknown("error of ours")
        took = monotonic() - began
        self._lines.answered(took)
        self._settled(item, outcome)
        self._sent(self._channel.name, type(outcome).__name__.lower(), took)
        return True

    def _settled(self, item: Ready, outcome: Outcome) -> None:
        pause = 0.0
        if isinstance(outcome, Sent):
            self._pause.well()
        elif isinstance(outcome, Again) and outcome.whole_channel:
            pause = self._pause.trouble(outcome.seconds, monotonic())
        self._settler.put(Answer(item, outcome, self._now(), round(pause * SECOND)))
        self._stock.answered(item)

    def _drop(self, item: Ready, verdict: Verdict | None) -> None:
        """Give a row back that has not left."""
        self._settler.put(Answer(item, NotSent(verdict), self._now()))
        self._stock.drop(item)
