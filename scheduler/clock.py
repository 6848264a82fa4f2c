"""The clock: APScheduler ticks the jobs. What is due stands in the tables, not here."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from scheduler import jobs
from storage.errors import Closed, StorageError
from storage.instant import clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

    from handlers.dialog.turn import Alliance
    from storage.database import Database

log = structlog.get_logger()

# How often the clock on the wall is compared with one that never goes back, and what is a jump.
LOOK = 1.0
BACK = 1.0


def found() -> list[ModuleType]:
    """Return every job: the modules of `scheduler.jobs`."""
    return [
        importlib.import_module(f"scheduler.jobs.{module.name}")
        for module in pkgutil.iter_modules(jobs.__path__)
    ]


async def _keep_time(scheduler: AsyncIOScheduler) -> None:
    """Tick at once when the machine's clock is set back, for ever.

    The library goes by that clock: an hour back, and no job would run for an hour.
    """
    loop = asyncio.get_running_loop()
    ahead = datetime.now(UTC).timestamp() - loop.time()
    while True:
        await asyncio.sleep(LOOK)
        before, ahead = ahead, datetime.now(UTC).timestamp() - loop.time()
        if ahead < before - BACK:
            log.warning("clock_set_back", seconds=round(before - ahead))
            for job in scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))


class Clock:
    """Runs each job at its pace, never twice at once."""

    def __init__(
        self, database: Database, alliance: Alliance, now: Callable[[], int] = clock
    ) -> None:
        self._database = database
        self._alliance = alliance
        self._now = now

    async def run(self) -> None:
        """Tick until cancelled."""
        scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )
        for job in found():
            scheduler.add_job(
                self.tick, IntervalTrigger(seconds=job.EVERY), args=[job.__name__, job.run],
                next_run_time=datetime.now(UTC),  # at once: something may be long due
            )  # fmt: skip
        scheduler.start()
        try:
            await _keep_time(scheduler)
        finally:
            scheduler.shutdown(wait=False)

    async def tick(
        self, name: str, run: Callable[[Database, Alliance, int], Awaitable[None]]
    ) -> None:
        """Run a job once; its failure is logged and it runs again at its next tick."""
        try:
            await run(self._database, self._alliance, self._now())
        except Closed:
            return
        except StorageError as error:
            log.warning("job_waits", job=name, error=type(error).__name__)
        except Exception as error:  # the clock goes on, whatever one job may do
            log.exception("job_failed", job=name, exc_info=error)
