"""Units abreast: several run in step, so that each trip to the database serves every one.

They interleave, as units of different processes do, and are ordered by their locks alone.
Nothing is undone singly: where one fails the caller undoes them all, and runs each by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from storage.gathering import GatheringTx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence

    from storage.gathering import Found, Statement
    from storage.job import Job

# So many at once hold up the event loop for some three milliseconds.
MOST = 32


class Undone(Exception):
    """A unit failed, or did what units abreast can't do: none of them may be kept."""


class Later(Exception):
    """Another unit has what this one wants to lock, which has done nothing yet."""


class Ask:
    """What a unit waits for: what its last statement finds."""

    __slots__ = ("statements",)

    def __init__(self, statements: list[Statement]) -> None:
        self.statements = statements

    def __await__(self) -> Generator[Ask, Found, Found]:
        return (yield self)


class Steady(Protocol):
    """The Tx of a unit that runs in step: each statement it runs it awaits as an Ask."""

    topics: set[str]

    def left(self) -> list[Statement]:
        """Return what was posted and not run yet."""


class Taken:
    """What the units of one round have locked, of which each runs on the same connection."""

    __slots__ = ("_alone", "_shared")

    def __init__(self) -> None:
        self._alone: set[tuple[str, int | str]] = set()
        self._shared: set[tuple[str, int | str]] = set()

    def take(self, kind: str, key: int | str, *, shared: bool, begun: bool) -> None:
        """Let a unit have a lock. Raises Later, or Undone where it has `begun`."""
        what = (kind, key)
        if what in self._alone or (not shared and what in self._shared):
            raise Undone if begun else Later
        (self._shared if shared else self._alone).add(what)


class InStep(GatheringTx):
    """What makes an engine's Tx the inside of a unit in step: it asks, and waits for no lock."""

    _taken: Taken
    _asked = False

    async def _hop(self) -> Found:
        statements, self._waiting = self._waiting, []
        self._asked = True
        return await Ask(statements)

    async def lock(self, kind: str, key: int | str, *, shared: bool = False) -> bool:
        """See Tx.lock: whoever comes second waits for the next round of units."""
        begun = self._asked or bool(self._waiting)
        self._taken.take(kind, key, shared=shared, begun=begun)
        return await super().lock(kind, key, shared=shared)  # type: ignore[safe-super]


class _Steps:
    """The units of one round, each driven from statement to statement."""

    def __init__(self, lefts: list[list[Statement]]) -> None:
        self._asking: list[tuple[Job, Coroutine[Any, Any, Any], Steady, Ask]] = []
        self.lefts = lefts
        self.later: list[Job] = []

    def begin(self, job: Job, tx: Steady) -> None:
        """Drive a unit to its first statement."""
        self._step(job, job.unit(tx), tx, None)  # type: ignore[arg-type]

    def _step(
        self, job: Job, unit: Coroutine[Any, Any, Any], tx: Steady, found: Found | None
    ) -> None:
        try:
            ask = unit.send(found)
        except StopIteration as end:
            job.result, job.topics = end.value, tx.topics
            self.lefts.append(tx.left())
        except Later:
            self.later.append(job)
        except Exception as error:
            raise Undone from error
        else:
            if not isinstance(ask, Ask):
                unit.close()
                raise Undone("a unit awaits storage alone")
            self._asking.append((job, unit, tx, ask))

    async def finish(self, run_all: RunAll) -> None:
        """Run what the units ask, a trip for all, until each has ended."""
        while self._asking:
            asking, self._asking = self._asking, []
            before, self.lefts = self.lefts, []
            try:
                found = await run_all(before, [ask.statements for _, _, _, ask in asking])
            except BaseException:
                self._asking = asking
                raise
            for position, (job, unit, tx, _) in enumerate(asking):
                try:
                    self._step(job, unit, tx, found[position])
                except Undone:
                    self._asking += asking[position + 1 :]
                    raise

    def close(self) -> None:
        """Let go of the units that have not ended."""
        for _, unit, _, _ in self._asking:
            unit.close()


if TYPE_CHECKING:
    # Runs what some units leave, then what others ask; returns what their last ones find.
    RunAll = Callable[
        [Sequence[list[Statement]], Sequence[list[Statement]]], Awaitable[Sequence[Found]]
    ]


async def run(
    jobs: Sequence[Job],
    new_tx: Callable[[Taken], Steady],
    run_all: RunAll,
    before: Sequence[Statement] = (),
) -> tuple[list[list[Statement]], list[Job]]:
    """Run units in step, each with a Tx that `new_tx` makes; what is to be run `before` first.

    Returns what each leaves to be run, and those that must come later. Raises Undone, and
    what `run_all` raises.
    """
    steps, taken = _Steps([list(before)]), Taken()
    try:
        for job in jobs:
            steps.begin(job, new_tx(taken))
        await steps.finish(run_all)
    finally:
        steps.close()
    return steps.lefts, steps.later
