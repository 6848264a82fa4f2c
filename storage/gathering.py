"""A unit's statements, gathered until it needs a result: what every engine's Tx begins with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from storage.database import Row, Value

Statement: TypeAlias = "tuple[str, Mapping[str, Any] | list[Mapping[str, Any]]]"

# The last statement's rows, and how many it changed.
Found: TypeAlias = "tuple[list[Row], int]"


class GatheringTx(ABC):
    """See Tx. An engine says how what has been gathered is run, how it locks and scrubs."""

    def __init__(self) -> None:
        self._waiting: list[Statement] = []
        self.topics: set[str] = set()

    @abstractmethod
    async def _hop(self) -> Found:
        """Run what has been gathered, and return what its last statement found."""

    @abstractmethod
    async def lock(self, kind: str, key: int | str, *, shared: bool = False) -> bool:
        """See Tx.lock."""

    async def rows(self, statement: str, **values: Value) -> list[Row]:
        """See Tx.rows."""
        self._waiting.append((statement, values))
        return (await self._hop())[0]

    async def row(self, statement: str, **values: Value) -> Row | None:
        """See Tx.row."""
        found = await self.rows(statement, **values)
        return found[0] if found else None

    async def run(self, statement: str, **values: Value) -> int:
        """See Tx.run."""
        self._waiting.append((statement, values))
        return (await self._hop())[1]

    async def post(self, statement: str, **values: Value) -> None:
        """See Tx.post."""
        self._waiting.append((statement, values))

    async def many(self, statement: str, values: Iterable[Mapping[str, Value]]) -> None:
        """See Tx.many."""
        self._waiting.append((statement, list(values)))

    async def finish(self) -> None:
        """Run what was posted and not run yet."""
        if self._waiting:
            await self._hop()

    async def notify(self, topic: str) -> None:
        """See Tx.notify."""
        self.topics.add(topic)


def together(lists: Sequence[list[Statement]]) -> list[Statement]:
    """Return several units' statements as one list, like ones as one; each keeps its order."""
    found: list[Statement] = []
    queues = [deque(statements) for statements in lists if statements]
    while queues:
        statement = Counter(queue[0][0] for queue in queues).most_common(1)[0][0]
        given: list[Mapping[str, Any]] = []
        for queue in queues:
            if queue[0][0] == statement:
                values = queue.popleft()[1]
                given += values if isinstance(values, list) else [values]
        found.append((statement, given))
        queues = [queue for queue in queues if queue]
    return found
