"""Units that go abreast: up to 32 share a transaction, and each trip serves every one.

A trip costs the program more than most statements cost the server.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, TypeVar

from storage import abreast
from storage.errors import Busy, Closed, SwitchboardError
from storage.job import Job
from storage.postgres.errors import DRIVER
from storage.postgres.trips import run_all
from storage.postgres.tx import AbreastTx
from storage.postgres.units import roll_back

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from storage.database import Tx
    from storage.postgres.connections import Connections
    from storage.postgres.units import Units

T = TypeVar("T")

# These statements find a few rows by their keys, joined in the order they are written.
_BEGIN = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL join_collapse_limit = 1"

# While one group waits for its commit another may run; more would only make them smaller.
MOST_GROUPS = 2


class Together:
    """Runs waiting units in groups; where a group fails, each of its units by itself."""

    def __init__(
        self, connections: Connections, units: Units, tell: Callable[[set[str]], None]
    ) -> None:
        self._connections = connections
        self._units = units
        self._tell = tell
        self._jobs: deque[Job] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """Run a unit until it is durable; a caller that is cancelled cuts none in half."""
        job = Job(unit, asyncio.get_running_loop().create_future(), abreast=True)
        self._jobs.append(job)
        if len(self._tasks) < MOST_GROUPS:
            task = asyncio.create_task(self._work(), name="postgres-together")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        result: T = await job.future
        return result

    async def close(self, seconds: float) -> None:
        """Wait for what is under way; whoever still waits then is refused."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
        for job in self._jobs:
            job.refuse(Closed("the database is closed"))
            job.resume()

    async def _work(self) -> None:
        while self._jobs:
            jobs = [self._jobs.popleft() for _ in range(min(len(self._jobs), abreast.MOST))]
            try:
                later = await self._units.patiently(lambda j=jobs: self._group(j))  # type: ignore[misc]
            except Busy as error:  # nobody waits as long in turn
                jobs += self._jobs
                self._jobs.clear()
                _refuse(jobs, error)
                later = []
            except (abreast.Undone, SwitchboardError):
                await asyncio.gather(*map(self._alone, jobs))
                later = []
            except BaseException:
                _refuse(jobs, Closed("the database is closed"))
                for job in jobs:
                    job.resume()
                raise
            self._jobs.extendleft(reversed(later))
            for job in jobs:
                if job not in later:
                    job.resume()
        # Now, and not as its end is told: a unit that comes in between would wait for nobody.
        self._tasks.discard(asyncio.current_task())

    async def _group(self, jobs: list[Job]) -> list[Job]:
        """Run units in one transaction; return those that must come later."""
        async with self._connections.taken() as connection:
            try:
                await connection.execute(_BEGIN)
                lefts, later = await abreast.run(
                    jobs,
                    lambda taken: AbreastTx(connection, taken),
                    lambda lefts, asked: run_all(connection, lefts, asked),
                )
                await run_all(connection, lefts, [])
                await connection.execute("COMMIT")
            except BaseException as error:
                with contextlib.suppress(*DRIVER):  # a lost connection has been taken back
                    if not connection.is_closed():
                        await roll_back(connection)
                if isinstance(error, DRIVER):
                    raise abreast.Undone from error
                raise
        self._tell({topic for job in jobs for topic in job.topics})
        return later

    async def _alone(self, job: Job) -> None:
        job.forget()
        try:
            job.result = await self._units.write(job.unit)
        except Exception as error:  # noqa: BLE001  a unit's error is its caller's
            job.refuse(error)


def _refuse(jobs: Sequence[Job], error: Exception) -> None:
    for job in jobs:
        job.refuse(error)
