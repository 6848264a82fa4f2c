"""The drain: sends what waits on one channel, and settles what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import structlog

from bot import faults
from bot.channels.base import Again, Sent, Unknown
from bot.sending import gate
from bot.sending.claiming import LEASE, Claimer
from bot.sending.lanes import Lanes
from bot.sending.outcome import Answer, NotSent, Settler
from bot.sending.pace import Pace
from bot.sending.render import Renderer
from storage import claims
from storage.database import GATE
from storage.errors import Closed, StorageError
from storage.instant import SECOND, clock
from storage.outbox import REPLY, SOLICITED

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.channels.base import Channel, Outcome
    from bot.sending.claiming import Ready
    from bot.sending.gate import Verdict
    from handlers.dialog.turn import Alliance
    from storage.database import Database

log = structlog.get_logger()

IDLE = 1.0  # seconds until the outbox is looked at again without being told to
AFTER_PAUSE = 0.005  # what was put back in a pause is due by another clock
TICK = 0.001  # the event loop's timers are no finer; the pace sees to the rest
RENEW = 5.0
CLAIM_AHEAD = 5  # seconds of the channel's rate that are claimed at most
JUDGED_FOR = 10 * SECOND  # a verdict older than that is taken again before the send


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
        self._channel = channel
        self._traits = channel.traits
        self._database = database
        self._sent = sent
        self._bulk = bulk
        self._now = now
        self._renderer = Renderer(alliance)
        self._claimer = Claimer(channel.name, channel.traits, alliance, self._renderer)
        self._settler = Settler(
            channel.name, database, alliance, now, counts_segments=channel.traits.segments
        )
        self._pace = Pace(channel.traits.rate)
        self._lanes = Lanes(channel.traits.gap_ms)
        self._woken = asyncio.Event()
        self._room = asyncio.Event()
        # What is claimed and has no answer yet, by row; of these, what is on its way.
        self._unsent: dict[int, Ready] = {}
        self._flying: set[int] = set()
        self._epoch = 0
        self._turns = asyncio.Lock()
        self._stopping = False
        database.listen(self.wake)

    def wake(self, topic: str) -> None:
        """Hear that something was queued, or that what is claimed must be judged again."""
        if topic == GATE:
            self._epoch += 1
            self._renderer.forget()
        self._woken.set()

    # --- the loop ---

    async def run(self) -> None:
        """Send until `stop`; then finish what is in flight and put the rest back."""
        workers = [asyncio.create_task(self._work()) for _ in range(self._traits.in_flight)]
        settling = asyncio.create_task(self._settler.run())
        renewing = asyncio.create_task(self._renew())
        try:
            while not self._stopping:
                await self._claim_some()
            await self._finish()
        finally:
            for task in (*workers, settling, renewing):
                task.cancel()
            await asyncio.gather(*workers, settling, renewing, return_exceptions=True)

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping = True
        self._woken.set()
        self._room.set()

    async def _claim_some(self) -> None:
        """Claim as many rows as there is room for, or wait."""
        most = self._limit() - len(self._unsent)
        if most < max(1, self._limit() // 2):
            self._room.clear()
            await self._room.wait()
            return
        self._woken.clear()
        if rest := self._pace.rest(_loop_time()):
            # What is not claimed can still be overtaken by a reply, or be stopped.
            await self._idle(min(rest + AFTER_PAUSE, IDLE))
            return
        try:
            claimed = await self._claim(most)
        except Closed:
            self._stopping = True
            return
        except StorageError as error:
            log.warning("claim_waits", channel=self._channel.name, trace=faults.where(error))
            claimed = 0
        except Exception as error:  # noqa: BLE001  the loop goes on, whatever one row may do
            log.error("claim_failed", channel=self._channel.name, trace=faults.where(error))  # noqa: TRY400
            await asyncio.sleep(IDLE)
            claimed = 0
        if not claimed:
            await self._idle(IDLE)

    async def _idle(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    def _limit(self) -> int:
        by_rate = max(1, int(self._traits.rate * CLAIM_AHEAD))
        return min(2 * self._traits.in_flight, by_rate)

    async def _claim(self, most: int) -> int:
        epoch = self._epoch
        most_kind = SOLICITED if self._bulk() else REPLY
        claimed, ready = await self._database.write(
            lambda tx: self._claimer.claim(tx, most, most_kind, self._now())
        )
        for item in ready:
            item.seen = epoch
            self._unsent[item.row.id] = item
            self._lanes.put(item)
        return claimed

    async def _finish(self) -> None:
        """Let what is in flight end, and put back what has not left."""
        for item in list(self._unsent.values()):
            if item.row.id not in self._flying:
                self._drop(item, None)
        while self._flying or self._settler.unsettled:
            await self._settler.flush()
            await asyncio.sleep(0.01)

    # --- one row ---

    async def _work(self) -> None:
        while True:
            item = await self._lanes.take()
            left = False
            try:
                left = await self._one(item)
            except Exception as error:  # noqa: BLE001  the worker goes on, whatever one row may do
                log.error("send_failed", channel=self._channel.name, trace=faults.where(error))  # noqa: TRY400
                if self._is_ours(item):
                    self._drop(item, None)
            finally:
                self._lanes.let_go(item, left=left)

    async def _one(self, item: Ready) -> bool:
        """Send a message when its turn comes, if it may still leave; tell whether it did."""
        early = item.leaves_us / 1_000_000 - self._now() / 1_000
        if early > TICK:
            await asyncio.sleep(early)
        async with self._turns:
            if not await self._may_leave(item):
                return False
            # From here to the first byte nothing else is waited for: this is when it leaves.
            self._pace.write(self._claimer.units(item.rendered), _loop_time())
            self._flying.add(item.row.id)
        began = time.perf_counter()
        outcome: Outcome
        try:
            outcome = await self._channel.send(item.outgoing(self._now()))
        except Exception as error:  # noqa: BLE001  a channel never raises; if it does, the message may have left
            log.error("channel_raised", channel=self._channel.name, trace=faults.where(error))  # noqa: TRY400
            outcome = Unknown("error of ours")
        self._settled(item, outcome)
        self._sent(self._channel.name, type(outcome).__name__.lower(), time.perf_counter() - began)
        return True

    async def _may_leave(self, item: Ready) -> bool:
        """Wait for the turn of a message, and judge it again where something has changed."""
        while self._is_ours(item):
            if self._is_stale(item):
                await self._look_again()
            elif wait := self._pace.wait(self._claimer.units(item.rendered), _loop_time()):
                await asyncio.sleep(wait)
            else:
                return True
        return False

    def _is_ours(self, item: Ready) -> bool:
        return not self._stopping and self._unsent.get(item.row.id) is item

    def _is_stale(self, item: Ready) -> bool:
        now = self._now()
        return (
            item.seen != self._epoch
            or now >= item.judged_at + JUDGED_FOR
            or now >= item.lease_until
        )

    def _settled(self, item: Ready, outcome: Outcome) -> None:
        pause = 0.0
        if isinstance(outcome, Again) and outcome.whole_channel:
            pause = self._pace.trouble(outcome.seconds, _loop_time())
        elif isinstance(outcome, Sent):
            self._pace.well()
        self._settler.put(Answer(item, outcome, self._now(), round(pause * SECOND)))
        self._unsent.pop(item.row.id, None)
        self._flying.discard(item.row.id)
        self._room.set()

    def _drop(self, item: Ready, verdict: Verdict | None) -> None:
        """Give a row back that has not left."""
        self._unsent.pop(item.row.id, None)
        self._settler.put(Answer(item, NotSent(verdict), self._now()))
        self._room.set()

    # --- judging again, and leases ---

    async def _look_again(self) -> None:
        """Judge anew all that is claimed and not in flight: somebody stopped, or time passed.

        Only whoever holds `_turns` comes here, so that nothing takes flight meanwhile.
        """
        epoch, now = self._epoch, self._now()
        stale = [
            item
            for row, item in self._unsent.items()
            if row not in self._flying and self._is_stale(item)
        ]
        verdicts = await self._database.read(lambda tx: self._claimer.again(tx, stale, now))
        for item in stale:
            if self._unsent.get(item.row.id) is not item:
                continue
            verdict = verdicts.get(item.row.id)
            if verdict is gate.LEAVE:
                item.seen, item.judged_at = epoch, now
            else:
                self._drop(item, verdict)

    async def _renew(self) -> None:
        """Keep the leases of what waits to be sent or is being sent."""
        while True:
            await asyncio.sleep(RENEW)
            items = list(self._unsent.values())
            if not items:
                continue
            until, rows = self._now() + LEASE, [item.row.id for item in items]
            try:
                kept = await self._database.write(
                    lambda tx, r=rows, u=until: claims.renew(tx, r, u)  # type: ignore[misc]
                )
            except Closed:
                return
            except Exception as error:  # noqa: BLE001  the loop goes on: the next renewal may come in time
                log.warning("renewal_waits", channel=self._channel.name, trace=faults.where(error))
                continue
            for item in items:
                if (item.row.id, item.row.attempt) in kept:
                    item.lease_until = until


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
