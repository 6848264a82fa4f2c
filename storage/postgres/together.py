"""Units that go abreast: up to 32 share a transaction, and each trip serves every one.

A trip costs the program more than most statements cost the server.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from storage import abreast
from storage.errors import Busy, Closed, SwitchboardError
from storage.job import Job
from storage.postgres.errors import DRIVER
from storage.postgres.statements import for_each, numbered
from storage.postgres.tx import AbreastTx, run_one
from storage.postgres.units import roll_back

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from storage.database import Tx
    from storage.gathering import Found, Statement
    from storage.postgres.connections import Connection, Connections
    from storage.postgres.units import Units

T = TypeVar("T")

# These statements find a few rows by their keys, joined in the order they are written.
_BEGIN = (
    "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL join_collapse_limit = 1"
)

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
                raise
            self._jobs.extendleft(reversed(later))
            for job in jobs:
                if job not in later:
                    job.resume()

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


async def run_all(
    connection: Connection, lefts: Sequence[list[Statement]], asked: Sequence[list[Statement]]
) -> list[Found]:
    """Run several units' statements, like ones in one trip; return what is asked for.

    Each list keeps its order. Raises what the driver does.
    """
    found: list[Found] = [([], 0)] * len(asked)
    queues = [(None, deque(left)) for left in lefts if left]
    queues += [(index, deque(one)) for index, one in enumerate(asked)]  # type: ignore[misc]
    while queues:
        heads: dict[tuple[str, bool], list[tuple[int | None, deque[Statement]]]] = {}
        for index, queue in queues:
            wanted = index is not None and len(queue) == 1
            heads.setdefault((queue[0][0], wanted), []).append((index, queue))
        (statement, wanted), group = max(heads.items(), key=lambda item: len(item[1]))
        given = [queue.popleft()[1] for _, queue in group]
        if wanted:
            for (index, _), one in zip(
                group, await _each(connection, statement, given), strict=True
            ):
                found[index] = one  # type: ignore[index]
        else:
            await _for_effect(connection, statement, given)
        queues = [(index, queue) for index, queue in queues if queue]
    return found


async def _for_effect(connection: Connection, statement: str, given: list[Any]) -> None:
    """Run a statement for several sets of values; locks in one order, so that none dead."""
    sets = [one for values in given for one in (values if isinstance(values, list) else [values])]
    form = numbered(statement)
    if form.selects:
        sets.sort(key=form.values)
        await _select(connection, statement, sets)
    elif len(sets) > 1 and (form.inserts or (form.updates and _differ(sets))):
        await connection.execute(await _for_each(connection, statement), json.dumps(sets))
    else:
        await run_one(connection, statement, sets if len(sets) != 1 else sets[0])


def _differ(sets: list[Any]) -> bool:
    """Tell whether no row is changed twice: one statement would change it once."""
    return len({one["id"] for one in sets}) == len(sets)


async def _each(connection: Connection, statement: str, given: list[Any]) -> list[Found]:
    if numbered(statement).selects:
        return await _select(connection, statement, given)
    return [await run_one(connection, statement, one) for one in given]


async def _select(connection: Connection, statement: str, given: list[Any]) -> list[Found]:
    """Run a SELECT for each set of values, all in one trip."""
    if all(one == given[0] for one in given):
        return [await run_one(connection, statement, given[0])] * len(given)
    rows: list[list[Any]] = [[] for _ in given]
    text = await _for_each(connection, statement)
    for row in await connection.fetch(text, json.dumps(given)):
        rows[row[0] - 1].append(row[1:])
    return [(found, len(found)) for found in rows]


_TYPES: dict[str, tuple[str, ...]] = {}


async def _for_each(connection: Connection, statement: str) -> str:
    """Return a statement over sets of values, of the types that the server infers."""
    if statement not in _TYPES:
        prepared = await connection.prepare(numbered(statement).text)
        _TYPES[statement] = tuple(parameter.name for parameter in prepared.get_parameters())
    return for_each(statement, _TYPES[statement])
