"""Units abreast: several run in step, so that each hop carries a statement of every one.

They interleave, as units of different processes do on PostgreSQL, and are ordered by their
locks alone. Nothing is undone singly: where one fails the caller undoes them all, and runs
each by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storage.sqlite import hop
from storage.sqlite.tx import SqliteTx

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Sequence

    from storage.database import Row
    from storage.sqlite.hop import Statement
    from storage.sqlite.job import Job

# So many at once hold up the event loop for some three milliseconds.
MOST = 32


class Undone(Exception):
    """A unit failed, or did what units abreast can't do: none of them may be kept."""


class _Later(Exception):
    """Another unit has what this one wants to lock, which has done nothing yet."""


class _Ask:
    """What a unit waits for: the outcome of its statements."""

    __slots__ = ("statements",)

    def __init__(self, statements: list[Statement]) -> None:
        self.statements = statements

    def __await__(self) -> Generator[_Ask, tuple[list[Row], int], tuple[list[Row], int]]:
        return (yield self)


class AbreastTx(SqliteTx):
    """The inside of a unit that runs in step with others; see Tx."""

    def __init__(self, connection: hop.Connection, taken: set[tuple[str, int]]) -> None:
        super().__init__(connection)
        self._taken = taken
        self._asked = False

    async def _hop(self) -> tuple[list[Row], int]:
        statements, self._waiting = self._waiting, []
        self._asked = True
        return await _Ask(statements)

    async def lock(self, kind: str, key: int, *, shared: bool = False) -> None:
        """See Tx.lock: whoever comes second waits for the next round of units."""
        if (kind, key) in self._taken:
            raise Undone if self._asked or self._waiting else _Later
        if not shared:
            self._taken.add((kind, key))


class _Steps:
    """The units of one round, each driven from statement to statement."""

    def __init__(self, connection: hop.Connection, left: list[Statement]) -> None:
        self._connection = connection
        self._taken: set[tuple[str, int]] = set()
        self._asking: list[tuple[Job, Coroutine[Any, Any, Any], AbreastTx, _Ask]] = []
        self.left = left
        self.later: list[Job] = []

    def begin(self, job: Job) -> None:
        """Drive a unit to its first statement."""
        tx = AbreastTx(self._connection, self._taken)
        self._step(job, job.unit(tx), tx, None)  # type: ignore[arg-type]

    def _step(
        self,
        job: Job,
        unit: Coroutine[Any, Any, Any],
        tx: AbreastTx,
        found: tuple[list[Row], int] | None,
    ) -> None:
        try:
            ask = unit.send(found)
        except StopIteration as end:
            job.result, job.topics = end.value, tx.topics
            self.left += tx.left()
        except _Later:
            self.later.append(job)
        except Exception as error:
            raise Undone from error
        else:
            if not isinstance(ask, _Ask):
                unit.close()
                raise Undone("a unit awaits storage alone")
            self._asking.append((job, unit, tx, ask))

    async def finish(self) -> None:
        """Run what the units ask, a hop for all, until each has ended."""
        while self._asking:
            asking, self._asking = self._asking, []
            before, self.left = self.left, []
            try:
                found = await self._connection.batches(
                    [before, *(ask.statements for _, _, _, ask in asking)]
                )
            except hop.Failed as failed:
                self._asking = asking
                raise Undone from failed
            for position, (job, unit, tx, _) in enumerate(asking, 1):
                try:
                    self._step(job, unit, tx, found[position])
                except Undone:
                    self._asking += asking[position:]
                    raise

    def close(self) -> None:
        """Let go of the units that have not ended."""
        for _, unit, _, _ in self._asking:
            unit.close()


async def run(
    connection: hop.Connection, jobs: Sequence[Job], left: list[Statement]
) -> tuple[list[Statement], list[Job]]:
    """Run units in step; `left` is run before them.

    Returns what they leave to be run, and those that must come later. Raises Undone.
    """
    steps = _Steps(connection, left)
    try:
        for job in jobs:
            steps.begin(job)
        await steps.finish()
    finally:
        steps.close()
    return steps.left, steps.later
