"""What several units ask, in few trips: a trip costs the program more than most statements do."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from storage.postgres.statements import for_each, independent, numbered, written
from storage.postgres.tx import run_one

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from storage.gathering import Found, Statement
    from storage.postgres.connections import Connection

    Sets: TypeAlias = list[Mapping[str, Any]]


class Step(NamedTuple):
    """One statement of several units. `wanted` are the positions of those who ask what it finds,
    each with one set of values; none where nobody asks.
    """

    statement: str
    given: Sets
    wanted: list[int]

    @property
    def writes(self) -> bool:
        """Whether it is one of several that go in one statement: no row is changed twice."""
        form = numbered(self.statement)
        return not self.wanted and (form.inserts or (form.updates and _differ(self.given)))


async def run_all(
    connection: Connection, lefts: Sequence[list[Statement]], asked: Sequence[list[Statement]]
) -> list[Found]:
    """Run several units' statements, and return what the last of each `asked` list finds.

    Each list keeps its order. Raises what the driver does.
    """
    found: list[Found] = [([], 0)] * len(asked)
    together: list[Step] = []
    for step in _steps(lefts, asked):
        statements = [*(one.statement for one in together), step.statement]
        if not step.writes or not independent(tuple(statements)):
            await _write(connection, together)
            together = []
        if step.writes:
            together.append(step)
        elif step.wanted:
            outcomes = await _each(connection, step)
            for position, one in zip(step.wanted, outcomes, strict=True):
                found[position] = one
        else:
            await _for_effect(connection, step)
    await _write(connection, together)
    return found


def _steps(lefts: Sequence[list[Statement]], asked: Sequence[list[Statement]]) -> Iterator[Step]:
    """Put like statements together; each list keeps its order."""
    queues = [(-1, deque(left)) for left in lefts if left]
    queues += [(position, deque(one)) for position, one in enumerate(asked)]
    while queues:
        heads: dict[tuple[str, bool], list[tuple[int, deque[Statement]]]] = {}
        for position, queue in queues:
            wanted = position >= 0 and len(queue) == 1
            heads.setdefault((queue[0][0], wanted), []).append((position, queue))
        (statement, wanted), group = max(heads.items(), key=lambda item: len(item[1]))
        given: Sets = []
        for _, queue in group:
            values = queue.popleft()[1]
            given += values if isinstance(values, list) else [values]
        yield Step(statement, given, [position for position, _ in group] if wanted else [])
        queues = [(position, queue) for position, queue in queues if queue]


def _differ(given: Sets) -> bool:
    """Tell whether no row is changed twice: one statement would change it once."""
    return len({one["id"] for one in given}) == len(given)


async def _write(connection: Connection, steps: list[Step]) -> None:
    """Run writes that look at nothing of each other's in one trip."""
    if len(steps) == 1 and len(steps[0].given) == 1:
        await run_one(connection, steps[0].statement, steps[0].given[0])
    elif steps:
        types = [await _types(connection, step.statement) for step in steps]
        text = written(tuple(step.statement for step in steps), tuple(types))
        await connection.execute(text, *(json.dumps(step.given) for step in steps))


async def _for_effect(connection: Connection, step: Step) -> None:
    """Run a statement for several sets of values; locks in one order, so that none dead."""
    if numbered(step.statement).selects:
        step.given.sort(key=numbered(step.statement).values)
        await _select(connection, step.statement, step.given)
    else:
        given = step.given if len(step.given) != 1 else step.given[0]
        await run_one(connection, step.statement, given)


async def _each(connection: Connection, step: Step) -> list[Found]:
    if numbered(step.statement).selects:
        return await _select(connection, step.statement, step.given)
    return [await run_one(connection, step.statement, one) for one in step.given]


async def _select(connection: Connection, statement: str, given: Sets) -> list[Found]:
    """Run a SELECT for each set of values, all in one trip."""
    if all(one == given[0] for one in given):
        return [await run_one(connection, statement, given[0])] * len(given)
    rows: list[list[Any]] = [[] for _ in given]
    text = for_each(statement, await _types(connection, statement))
    for row in await connection.fetch(text, json.dumps(given)):
        rows[row[0] - 1].append(row[1:])
    return [(found, len(found)) for found in rows]


_TYPES: dict[str, tuple[str, ...]] = {}


async def _types(connection: Connection, statement: str) -> tuple[str, ...]:
    """Return the types of a statement's parameters, as the server infers them."""
    if statement not in _TYPES:
        prepared = await connection.prepare(numbered(statement).text)
        _TYPES[statement] = tuple(parameter.name for parameter in prepared.get_parameters())
    return _TYPES[statement]
