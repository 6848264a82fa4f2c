"""The composition root: the only file that knows every part, and puts them together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import structlog
import uvicorn
from prometheus_client import CollectorRegistry

import bot.channels
from bot import faults, numbers, polling
from bot.alliance import alliance_of
from bot.channels.base import Context
from bot.intake import Intake
from bot.sending.drain import Drain
from bot.sending.reconcile import Reconciler
from bot.web import doors
from bot.web.metrics import Metrics
from scheduler.clock import Clock
from storage import outbox
from storage.errors import BadConfig, StorageError
from storage.instant import SECOND, clock
from storage.opening import open_database, place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from bot.channels.base import Channel
    from bot.channels.simulator import SimulatorChannel
    from bot.config import Settings
    from storage.database import Database

log = structlog.get_logger()

LEAST_FREE = 200 * 1_000_000
WATCH = 5.0
GRACE = 20


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
        self, settings: Settings, database: Database, now: Callable[[], int] = clock
    ) -> None:
        self.settings = settings
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
        phones = (c for c in self.channels.values() if hasattr(c, "hang_up"))
        self.simulator = cast("SimulatorChannel | None", next(phones, None))
        self.web = doors.build(
            channels=self.channels,
            accept=self.intake.accept,
            ready=self.problems,
            metrics=self.metrics,
            simulator=self.simulator,
            numbers=lambda text: numbers.e164(text, self.alliance.country),
        )

    async def start(self) -> None:
        """Connect the channels and begin to send, poll and tick."""
        for channel in self.channels.values():
            await channel.open()
        self._drain_tasks = [self._go(drain.run()) for drain in self.drains]
        for reconciler in self.reconcilers:
            self._go(reconciler.run())
        for channel in self.channels.values():
            if channel.traits.polled:
                self._go(polling.poll_forever(channel, self.intake.accept))
        self._go(self._watch())
        self.clock.start()

    async def stop(self) -> None:
        """Finish what is in flight, put back what is claimed, and let go."""
        self.clock.stop()
        for drain in self.drains:
            drain.stop()
        await asyncio.wait(self._drain_tasks, timeout=GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self.channels.values():
            await channel.close()

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


def server_config(app: Any) -> uvicorn.Config:  # noqa: ANN401  an ASGI application
    """Return how the web server runs."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        server_header=False,
        date_header=False,
    )


def listening(settings: Settings) -> socket.socket:
    """Bind the configured address. Raises BadConfig where it is taken."""
    family = socket.AF_INET6 if ":" in settings.web.host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.web.host, settings.web.port))
    except OSError as error:
        bound.close()
        raise BadConfig(
            f"can't listen on {settings.web.listen}: {error.strerror}; choose another port"
            " with web.listen"
        ) from error
    bound.listen(1_024)
    return bound


def _spare_the_collector() -> None:
    """Let Python's cycle collector pass over what a server keeps for ever, and run less often.

    Messages leave next to no cycles behind; without this it took a quarter of a send's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _leave(server: uvicorn.Server, app: App) -> None:
    """Take no more requests, and let go of those that wait for news."""
    server.should_exit = True
    if app.simulator is not None:
        app.simulator.hang_up()


class _Server(uvicorn.Server):
    """uvicorn, without signal handlers of its own."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # noqa: ANN202
        """Leave signals to `serve`."""
        yield


async def serve(settings: Settings) -> None:
    """Run one process until SIGINT or SIGTERM. Raises BadConfig, StorageError."""
    async with contextlib.AsyncExitStack() as stack:
        bound = listening(settings)
        stack.callback(bound.close)
        database = await stack.enter_async_context(database_of(settings))
        app = App(settings, database)
        server = _Server(server_config(app.web))
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, lambda: _leave(server, app))
        await app.start()
        _spare_the_collector()
        log.info("serving", listen=settings.web.listen, channels=len(app.channels))
        try:
            await server.serve([bound])
        finally:
            await app.stop()
            log.info("stopped")
