"""What storage offers to the floors above: units of work over one of two engines.

A unit of work is an async function of a `Tx` with no effect outside it, so that it can
be run again. SQL is written once, with `:name` parameters, and registered by `sql()`, so
that a test can PREPARE every statement on a real PostgreSQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

T = TypeVar("T")

# A row of a result: read by position or by column name (sqlite3.Row, asyncpg.Record).
Row = Any
Value = str | int | float | bytes | bool | None

# What `Tx.notify` can tell once its unit is committed.
OUTBOX = "outbox"  # something was queued: the sender wakes
GATE = "gate"  # a stop, a halt or an erasure: what is claimed must be looked at again

# What every server leads together with others; what must not run beside one leads it alone.
SERVING = "serving"

Engine = Literal["sqlite", "postgresql"]

STATEMENTS: list[str] = []


def sql(text: str, engine: Engine | None = None) -> str:
    """Register a statement, of one engine or of both, and return it."""
    if engine != "sqlite":
        STATEMENTS.append(text)
    return text


def sql_among(text: str) -> dict[Engine, str]:
    """Register a statement with `IN ({ids})` where the ids of the JSON array `:ids` stand."""
    # An array's length is known to PostgreSQL's planner: a few rows are found by their ids.
    ids = "CAST(TRANSLATE(:ids, '[]', '{}') AS BIGINT[])"
    of_postgres = text.replace("NOT IN ({ids})", f"<> ALL ({ids})")
    return {
        "sqlite": sql(text.replace("{ids}", "SELECT value FROM json_each(:ids)"), "sqlite"),
        "postgresql": sql(of_postgres.replace("IN ({ids})", f"= ANY ({ids})"), "postgresql"),
    }


def sql_chosen(text: str, **of_postgres: str) -> dict[Engine, str]:
    """Register a change of the rows whose ids a `[SELECT ... LIMIT ...]` in it chooses.

    PostgreSQL chooses them once, before all else, whatever it thinks of its tables. Where
    `{name}` stands comes what is given under that name, on PostgreSQL alone.
    """
    sqlite = postgres = text
    for name, more in of_postgres.items():
        sqlite = sqlite.replace(f"{{{name}}}", "")
        postgres = postgres.replace(f"{{{name}}}", more)
    return {
        "sqlite": sql(sqlite.replace("[", "(").replace("]", ")"), "sqlite"),
        "postgresql": sql(
            postgres.replace("IN [", "= ANY (ARRAY(").replace("]", "))"), "postgresql"
        ),
    }


class Tx(Protocol):
    """The inside of one unit of work."""

    engine: Engine

    async def rows(self, statement: str, **values: Value) -> list[Row]:
        """Run a statement and return all its rows."""

    async def row(self, statement: str, **values: Value) -> Row | None:
        """Run a statement and return its first row, if any."""

    async def run(self, statement: str, **values: Value) -> int:
        """Run a statement without a result and return how many rows it changed."""

    async def post(self, statement: str, **values: Value) -> None:
        """Run a statement whose result nobody needs, by the end of the unit, in its order.

        What it raises comes with a later statement, or as the unit ends.
        """

    async def many(self, statement: str, values: Iterable[Mapping[str, Value]]) -> None:
        """Run one statement for each set of values; see `post`."""

    async def fill(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]
    ) -> None:
        """Add many rows to a table, by the fastest way that the engine has."""

    async def lock(self, kind: str, key: int | str, *, shared: bool = False) -> bool:
        """Order this unit against others that lock the same thing, until it ends.

        Tells whether another may have changed meanwhile what this one has read before.
        """

    async def notify(self, topic: str) -> None:
        """Tell the listeners of a topic once this unit is committed."""

    async def scrub(self) -> None:
        """Leave nothing in the files of what this unit deletes or blanks, within a day.

        Also of what earlier units did. It takes as long as writing the whole database anew, so
        it is soon after its commit where that is short, else when there is little to do.
        """


class Database(Protocol):
    """An open database. Any number of tasks may use it at once."""

    async def write(
        self,
        unit: Callable[[Tx], Awaitable[T]],
        *,
        abreast: bool = False,
        repeatable: bool = False,
    ) -> T:
        """Run a unit of work and return its result once it is durable.

        A unit that begins by locking all that must not change beside it, and that knows by
        itself when it has been run before, may run `abreast` with others; any other has the
        whole database, or is ordered by its locks. One that does no harm when it is done twice
        is `repeatable`: it runs again where nobody can tell whether it was committed.

        Raises what the unit raised, with nothing of it kept; or Busy, DiskFull, Corrupt.
        """

    async def read(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """Run a unit that only reads, on one consistent snapshot."""

    def listen(self, heard: Callable[[str], None]) -> None:
        """Call `heard(topic)` after each commit that notified, also of other processes."""

    def leading(
        self, name: str, *, shared: bool = False, wait: bool = True
    ) -> AbstractAsyncContextManager[asyncio.Event]:
        """Have a part that only one process may have, within the block; wait for it before.

        The event tells that it is lost, as a connection was: another process may have it by
        now. Whoever has it `shared` lets others have it so. Raises Conflict where it is taken
        and is not waited for.
        """

    async def free_bytes(self) -> int | None:
        """Return the free space where the data lies, or None where it can't be told."""

    async def sound(self, *, whole: bool = False) -> None:
        """Check that the data can be written, and that the `whole` of it can be read.

        The whole takes as long as reading every page. Raises StorageError.
        """

    async def close(self) -> None:
        """Finish what is under way and let go."""
