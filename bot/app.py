"""The composition root: the only file that knows every part, and puts them together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import structlog
from prometheus_client import CollectorRegistry

import bot.channels
from bot import faults, numbers, polling
from bot.alliance import alliance_of
from bot.channels.base import Context
from bot.intake import Intake
from bot.leading import lead
from bot.sending.drain import Drain
from bot.sending.reconcile import Reconciler
from bot.web import doors
from bot.web.metrics import Metrics
from bot.web.serving import Server, listening, server_config
from handlers.dialog import drafts
from scheduler.clock import Clock
from storage import outbox
from storage.database import SERVING
from storage.errors import Busy, Conflict, StorageError
from storage.instant import SECOND, clock
from storage.opening import open_database, place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from bot.channels.base import Channel, Event
    from bot.channels.simulator import SimulatorChannel
    from bot.config import Settings
    from storage.database import Database

log = structlog.get_logger()

# web: what comes in, by request or by polling; sender: what leaves; clock: what is due.
Role = Literal["web", "sender", "clock"]
EVERY_ROLE: frozenset[Role] = frozenset(get_args(Role))

LEAST_FREE = 200 * 1_000_000
WATCH = 5.0
GRACE = 20
# A provider hears in time that it must come again: Twilio waits 15 s for an answer.
LONGEST_ACCEPT = 10.0


def channels_of(settings: Settings) -> dict[str, Channel]:
    """Build the configured channels, without connecting them. Raises BadConfig."""
    context = Context(settings.web.public_url, (settings.alliance.country,))
    return {
        name: bot.channels.driver(chosen.driver).build(name, chosen, context)
        for name, chosen in settings.channels.items()
    }


@contextlib.asynccontextmanager
async def database_of(settings: Settings, *, migrating: bool = True) -> AsyncIterator[Database]:
    """Open the configured storage. Raises StorageError, BadConfig."""
    database = await open_database(place(settings.storage.url, Path.cwd()), migrating=migrating)
    try:
        yield database
    finally:
        await database.close()


class App:
    """One process of Switchboard: the doors, the senders and the clock over one storage."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        now: Callable[[], int] = clock,
        roles: frozenset[Role] = EVERY_ROLE,
    ) -> None:
        self.settings = settings
        self.roles = roles
        self._now = now
        self.database = database
        self.alliance = alliance_of(settings)
        self.channels = channels_of(settings)
        self.metrics = Metrics(CollectorRegistry())
        self.intake = Intake(database, self.alliance, self.channels, self.metrics.inbound, now)
        self.drains = [
            Drain(
                channel, database, self.alliance,
                sent=self.metrics.sent, bulk=lambda: self._disk_is_free, now=now,
            )
            for channel in self.channels.values()
        ]  # fmt: skip
        self.reconcilers = [
            Reconciler(channel, database, self.alliance, now) for channel in self.channels.values()
        ]
        self.clock = Clock(database, self.alliance, now)
        self._disk_is_free = True
        self._tasks: list[asyncio.Task[Any]] = []
        self._drain_tasks: list[asyncio.Task[None]] = []
        phones = (c for c in self.channels.values() if hasattr(c, "hang_up"))
        self.simulator = cast("SimulatorChannel | None", next(phones, None))
        self.web = doors.build(
            channels=self.channels if "web" in roles else {},
            accept=self._accept,
            ready=self.problems,
            metrics=self.metrics,
            simulator=self.simulator,
            numbers=lambda text: numbers.e164(text, self.alliance.country),
        )

    async def start(self) -> None:
        """Connect the channels and begin to send, poll and tick."""
        for channel in self.channels.values():
            await channel.open()
        if "sender" in self.roles:
            self._drain_tasks = [self._go(drain.run()) for drain in self.drains]
            for reconciler in self.reconcilers:
                self._go(reconciler.run())
        if "web" in self.roles:
            for channel in self.channels.values():
                if channel.traits.polled:
                    self._poll(channel)
        if "clock" in self.roles:
            self._go(lead(self.database, "clock", self.clock.run))
        self._go(self._watch())

    async def stop(self) -> None:
        """Finish what is in flight, put back what is claimed, and let go."""
        for drain in self.drains:
            drain.stop()
        if self._drain_tasks:
            await asyncio.wait(self._drain_tasks, timeout=GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self.channels.values():
            await channel.close()

    async def _accept(self, events: Sequence[Event]) -> None:
        """Accept what a request brings, soon or not at all. Raises StorageError.

        What is under way then may still be done: it comes again, and is found to be here.
        """
        try:
            async with asyncio.timeout(LONGEST_ACCEPT):
                await self.intake.accept(events)
        except TimeoutError as error:
            raise Busy("the database does not answer in time") from error

    def _poll(self, channel: Channel) -> None:
        """Poll a channel for as long as no other process does."""
        self._go(
            lead(
                self.database,
                f"poll-{channel.name}",
                lambda: polling.poll_forever(channel, self.intake.accept),
            )
        )

    async def stay(self, lost: asyncio.Event) -> None:
        """Go on telling that a server is here, whenever the word for it is lost."""
        while True:
            await lost.wait()
            try:
                async with self.database.leading(SERVING, shared=True) as lost_again:
                    await lost_again.wait()
            except StorageError:
                await asyncio.sleep(WATCH)

    def _go(self, what: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(what)
        self._tasks.append(task)
        return task

    async def problems(self) -> list[str]:
        """Return what keeps this process from doing its work."""
        found = []
        try:
            await self.database.sound()
        except StorageError as error:
            found.append(f"storage: {error}")
        if not self._disk_is_free:
            found.append("disk: less than 200 MB free, broadcasts wait")
        for channel in self.channels.values():
            trouble = getattr(channel, "trouble", "")
            if trouble:
                found.append(f"{channel.name}: {trouble}")
        return found

    async def _watch(self) -> None:
        """Look at the disk and at what waits, now and then."""
        while True:
            try:
                free = await self.database.free_bytes()
                if free is not None:
                    self._disk_is_free = free >= LEAST_FREE
                    self.metrics.disk_free(free)
                await self._measure()
            except Exception as error:  # noqa: BLE001  the loop goes on, whatever was measured
                log.warning("measuring_failed", trace=faults.where(error))
            await asyncio.sleep(WATCH)

    async def _measure(self) -> None:
        depths: dict[tuple[str, str], int] = {}
        oldest = self._now()
        for name in self.channels:
            found = await self.database.read(lambda tx, n=name: outbox.depth(tx, n))  # type: ignore[misc]
            for kind, count in found.items():
                depths[name, "reply" if kind == outbox.REPLY else "bulk"] = count
            queued_at = await self.database.read(lambda tx, n=name: outbox.oldest(tx, n))  # type: ignore[misc]
            oldest = min(oldest, queued_at or oldest)
        self.metrics.outbox(depths, (self._now() - oldest) / SECOND)


def _spare_the_collector() -> None:
    """Let Python's cycle collector pass over what a server keeps for ever, and run less often.

    Messages leave next to no cycles behind; without this it took a quarter of a send's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _leave(server: Server, app: App) -> None:
    """Take no more requests, and let go of those that wait for news."""
    server.should_exit = True
    if app.simulator is not None:
        app.simulator.hang_up()


async def serve(settings: Settings, roles: frozenset[Role] = EVERY_ROLE) -> None:
    """Run one process until SIGINT or SIGTERM. Raises BadConfig, StorageError, Conflict."""
    async with contextlib.AsyncExitStack() as stack:
        bound = listening(settings.web)
        stack.callback(bound.close)
        database = await stack.enter_async_context(database_of(settings))
        lost = await stack.enter_async_context(_here(database))
        app = App(settings, database, roles=roles)
        server = Server(server_config(app.web))
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, lambda: _leave(server, app))
        await app.start()
        staying = asyncio.create_task(app.stay(lost))
        stack.callback(staying.cancel)
        _spare_the_collector()
        log.info("serving", listen=settings.web.listen, channels=len(app.channels))
        waiting = await database.read(lambda tx: drafts.unaccepted(tx, app.alliance.languages))
        if waiting:
            log.warning("drafts_not_accepted", languages=waiting)
        try:
            await server.serve([bound])
        finally:
            await app.stop()
            log.info("stopped")


@contextlib.asynccontextmanager
async def _here(database: Database) -> AsyncIterator[asyncio.Event]:
    """Say that a server runs on this storage. Raises Conflict where nothing may run now."""
    try:
        async with database.leading(SERVING, shared=True, wait=False) as lost:
            yield lost
    except Conflict as error:
        raise Conflict("the storage is being copied or restored: start again afterwards") from error
