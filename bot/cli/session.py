"""What most commands begin with: the configuration, the database it names, and its channels."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from bot import config, logs
from bot.alliance import alliance_of
from storage import opening
from storage.errors import NotFound
from storage.migrations import HEAD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from bot.channels.base import Channel
    from bot.config import Settings
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx

T = TypeVar("T")

with_config = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("config.toml"),
    show_default=True,
    metavar="FILE",
    help="The configuration.",
)
with_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
with_yes = click.option("--yes", is_flag=True, help="Go ahead without being asked.")


@dataclass(frozen=True, slots=True)
class Session:
    """An alliance, with its database open."""

    settings: Settings
    alliance: Alliance
    database: Database

    async def read(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """Run a unit that only reads."""
        return await self.database.read(unit)

    async def write(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """Run a unit of work."""
        return await self.database.write(unit)


def load(path: Path) -> Settings:
    """Read the configuration, with logs going where they disturb no output. Raises BadConfig."""
    logs.configure()
    return config.load(path)


def run(path: Path, act: Callable[[Session], Awaitable[T]]) -> T:
    """Let a command act on the alliance that a configuration describes."""
    return asyncio.run(_run(load(path), act))


async def _run(settings: Settings, act: Callable[[Session], Awaitable[T]]) -> T:
    async with opened(settings) as session:
        return await act(session)


@asynccontextmanager
async def opened(settings: Settings, *, new: bool = True) -> AsyncIterator[Session]:
    """Open the database; where `new` is allowed one that isn't there is made.

    Nothing older is migrated, since a server of that age may be running beside us.
    Raises NotFound, WrongSchema, StorageError.
    """
    where = place(settings)
    found = await opening.version(where)
    if found is None and not new:
        raise NotFound(f"there is no database {where}: is storage.url right?")
    if isinstance(where, opening.Place) and (found is None or found > HEAD):
        await opening.migrate(where)
    database = await opening.open_database(where, migrating=False)
    try:
        yield Session(settings, alliance_of(settings), database)
    finally:
        await database.close()


def place(settings: Settings) -> opening.Where:
    """Return where the data lies. Raises BadConfig."""
    return opening.place(settings.storage.url, Path())


def chosen(found: Mapping[str, Channel], name: str) -> Channel:
    """Return the channel with a name. Raises NotFound."""
    if name not in found:
        raise NotFound(f"there is no channel {name!r}; there are {', '.join(found)}")
    return found[name]
