"""migrate and backup: the care of the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from bot.cli.progress import bar
from bot.cli.session import load, opened, place, with_config
from storage import backups, opening
from storage.migrations import HEAD


@click.command(epilog="Example: switchboard migrate -c config.toml")
@with_config
def migrate(path: Path) -> None:
    """Make the database, or bring its schema up to date; a copy is laid aside first."""
    changed = asyncio.run(opening.migrate(place(load(path))))
    click.echo(f"schema {HEAD}" if changed else f"schema {HEAD} already")


@click.command(epilog="Example: switchboard backup monday.db")
@click.argument("file", type=click.Path(path_type=Path))
@with_config
def backup(path: Path, file: Path) -> None:
    """Write a copy of the database that only you can read; the server may run meanwhile."""
    asyncio.run(_backup(path, file))
    click.echo(f"{file}: {file.stat().st_size:,} bytes")


async def _backup(path: Path, file: Path) -> None:
    async with opened(load(path), new=False) as session:
        with bar("copying") as progress:
            await backups.backup(session.database, file, progress)
