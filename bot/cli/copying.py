"""copy: everything to another database, of either engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.progress import bar
from bot.cli.session import load, opened, place, with_config
from storage import backups, opening
from storage.errors import BadInput
from storage.instant import clock

if TYPE_CHECKING:
    from bot.config import Settings
    from storage.moving import Moved

AFTER = (
    "Now let storage.url name the copy, and let no server run on the old database again:"
    " both would send."
)


@click.command(
    epilog="Example: switchboard copy --to postgresql://switchboard@db.example.org/water"
)
@click.option("--to", "url", required=True, metavar="URL", help="As storage.url; it must be empty.")
@with_config
def copy(path: Path, url: str) -> None:
    """Copy everything to another database, and compare the two; the server must not run.

    It is all there in the end, or nothing. The database that is copied stays as it is.
    """
    moved = asyncio.run(_copy(load(path), url))
    for name, tally in moved.items():
        click.echo(f"{name:<17}{tally.rows:>12,}  {tally.digest:032x}", err=True)
    rows = sum(tally.rows for tally in moved.values())
    click.echo(f"copied: {rows} rows; counts and digests agree")
    click.echo(AFTER, err=True)


async def _copy(settings: Settings, url: str) -> Moved:
    source, where = place(settings), opening.place(url, Path())
    if source == where:
        raise BadInput("that is the database itself: --to names another one")
    async with opened(settings, new=False) as session, backups.ready(where) as target:
        with bar("rows") as progress:
            return await backups.copy(session.database, target, progress, clock())
