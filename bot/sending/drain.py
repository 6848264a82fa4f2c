"""The drain: sends what waits on one channel, and settles what became of it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

import structlog

from bot import faults
from bot.channels.base import Again, Unknown
from bot.sending import gate
from bot.sending.claiming import LEASE, Claimer
from bot.sending.outcome import Answer, NotSent, Settler
from bot.sending.pace import Pace
from bot.sending.render import Renderer
from storage import outbox
from storage.database import GATE
from storage.errors import Closed, StorageError
from storage.instant import clock
from storage.outbox import REPLY, SOLICITED

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.channels.base import Channel
    from bot.sending.claiming import Ready
    from handlers.dialog.turn import Alliance
    from storage.database import Database

log = structlog.get_logger()

IDLE = 1.0  # seconds until the outbox is looked at again without being told to
RENEW = 5.0
CLAIM_AHEAD = 5  # seconds of the channel's rate that are claimed at most


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
        self._woken = asyncio.Event()
        self._room = asyncio.Event()
        self._ready: asyncio.Queue[Ready] = asyncio.Queue()
        self._unsent: dict[int, Ready] = {}
        self._flying: set[int] = set()
        # Rows that wait for an earlier one to the same address, so that they arrive in order.
        self._behind: dict[int, deque[Ready]] = {}
        self._epoch = 0
        self._looking = asyncio.Lock()
        self._stopping = False
        self._renewed = 0.0
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
        most = self._most()
        if most < max(1, self._limit() // 4):
            self._room.clear()
            await self._room.wait()
            return
        self._woken.clear()
        try:
            claimed = await self._claim(most)
        except Closed:
            self._stopping = True
            return
        except StorageError as error:
            log.warning("claim_waits", channel=self._channel.name, trace=faults.where(error))
            claimed = 0
        except Exception as error:  # the loop goes on, whatever one row may do
            log.error("claim_failed", channel=self._channel.name, trace=faults.where(error))
            await asyncio.sleep(IDLE)
            claimed = 0
        if not claimed:
            try:
                await asyncio.wait_for(self._woken.wait(), IDLE)
            except TimeoutError:
                return

    def _limit(self) -> int:
        by_rate = max(1, int(self._traits.rate * CLAIM_AHEAD))
        return min(2 * self._traits.in_flight, by_rate)

    def _most(self) -> int:
        return self._limit() - len(self._unsent)

    async def _claim(self, most: int) -> int:
        epoch = self._epoch
        most_kind = SOLICITED if self._bulk() else REPLY
        claimed, ready = await self._database.write(
            lambda tx: self._claimer.claim(tx, most, most_kind, self._now())
        )
        for item in ready:
            item.seen = epoch
            self._unsent[item.row.id] = item
            self._line_up(item)
        return claimed

    def _line_up(self, item: Ready) -> None:
        address = item.row.address_id
        if address is not None and address in self._behind:
            self._behind[address].append(item)
            return
        if address is not None:
            self._behind[address] = deque()
        self._ready.put_nowait(item)

    async def _finish(self) -> None:
        """Let what is in flight end, and put back what has not left."""
        for item in list(self._unsent.values()):
            if item.row.id not in self._flying:
                self._unsent.pop(item.row.id)
                self._settler.put(Answer(item, NotSent(None), self._now()))
        while self._flying:
            await asyncio.sleep(0.01)
        await self._settler.flush()
        while self._settler.unsettled:
            await asyncio.sleep(0.01)

    # --- one row ---

    async def _work(self) -> None:
        while True:
            item = await self._ready.get()
            try:
                await self._one(item)
            except Exception as error:  # the worker goes on, whatever one row may do
                log.error("send_failed", channel=self._channel.name, trace=faults.where(error))
                self._settled(item, Unknown("error of ours"))

    async def _one(self, item: Ready) -> None:
        await asyncio.sleep(max(0.0, item.leaves_us / 1_000_000 - self._now() / 1_000))
        await self._pace.turn(self._claimer.units(item.rendered))
        if item.seen != self._epoch:
            await self._look_again()
        if self._stopping:
            return
        if self._unsent.get(item.row.id) is not item:
            self._next(item)
            return
        self._flying.add(item.row.id)
        began = time.perf_counter()
        outcome = await self._channel.send(item.outgoing(self._now()))
        self._sent(self._channel.name, type(outcome).__name__.lower(), time.perf_counter() - began)
        if isinstance(outcome, Again) and outcome.whole_channel:
            self._pace.pause(outcome.seconds if outcome.seconds is not None else 1.0)
        self._settled(item, outcome)

    def _settled(self, item: Ready, outcome: object) -> None:
        self._settler.put(Answer(item, outcome, self._now()))  # type: ignore[arg-type]
        self._unsent.pop(item.row.id, None)
        self._flying.discard(item.row.id)
        self._room.set()
        self._next(item)

    def _next(self, item: Ready) -> None:
        """Let the next row to this address go, after the gap that its channel keeps."""
        address = item.row.address_id
        if address is None:
            return
        if self._traits.gap_ms:
            asyncio.get_running_loop().call_later(
                self._traits.gap_ms / 1_000, self._next_now, address
            )
        else:
            self._next_now(address)

    def _next_now(self, address: int) -> None:
        behind = self._behind.get(address)
        while behind:
            item = behind.popleft()
            if self._unsent.get(item.row.id) is item:
                self._ready.put_nowait(item)
                return
        self._behind.pop(address, None)

    # --- judging again, and leases ---

    async def _look_again(self) -> None:
        """Judge anew all that is claimed and not in flight: somebody stopped or halted."""
        async with self._looking:
            epoch = self._epoch
            stale = {
                row: item
                for row, item in self._unsent.items()
                if item.seen != epoch and row not in self._flying
            }
            if not stale:
                return
            now = self._now()
            found = await self._database.read(lambda tx: outbox.facts(tx, list(stale)))
            fresh = {row.id: row for row in found}
            for row_id, item in stale.items():
                row = fresh.get(row_id)
                verdict = gate.LEAVE if row is None else self._claimer.verdict(row, (), now)
                if row is not None and row.attempt == item.row.attempt and verdict is gate.LEAVE:
                    item.seen = epoch
                    continue
                if self._unsent.pop(row_id, None) is not None:
                    self._settler.put(Answer(item, NotSent(verdict), now))
                    self._room.set()

    async def _renew(self) -> None:
        """Keep the leases of what waits to be sent or is being sent."""
        while True:
            await asyncio.sleep(RENEW)
            rows = list(self._unsent)
            if not rows:
                continue
            until = self._now() + LEASE
            try:
                await self._database.write(lambda tx, r=rows, u=until: outbox.renew(tx, r, u))  # type: ignore[misc]
            except StorageError as error:
                log.warning("renewal_waits", channel=self._channel.name, trace=faults.where(error))
