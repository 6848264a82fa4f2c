"""restore and hold: a backup in the place of the database, with what it says is waiting held."""

from __future__ import annotations

import asyncio
import glob
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from bot.alliance import alliance_of
from bot.cli.preview import asks
from bot.cli.progress import bar
from bot.cli.session import load, opened, place, with_config, with_yes
from handlers.dialog.when import say_when
from scheduler.jobs import close_rounds, start_due
from storage import backups, opening, restored
from storage.errors import BadInput
from storage.instant import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.config import Settings
    from handlers.dialog.turn import Alliance
    from storage.database import Database
    from storage.restored import Contents, Held


@dataclass(frozen=True, slots=True)
class Ready:
    """A copy of a backup that may take the database's place. Instants in ms."""

    copy: Path
    version: str
    contents: Contents
    held: Held


@click.command(epilog="Example: switchboard restore monday.db")
@click.argument("file", type=click.Path(path_type=Path))
@with_yes
@with_config
def restore(*, path: Path, file: Path, yes: bool) -> None:
    """Put a backup in the place of the database; the server must not run.

    FILE is checked whole before, and what it replaces is kept. What the backup says is
    waiting is held: see `switchboard release`.
    """
    settings = load(path)
    where = place(settings)
    if isinstance(where, opening.Place) and file.resolve() == where.path.resolve():
        raise BadInput("that is the database itself, not a backup of it")
    asyncio.run(_restore(settings, file, yes=yes))


async def _restore(settings: Settings, file: Path, *, yes: bool) -> None:
    where, now = place(settings), clock()
    async with backups.alone(where, now) as room:
        with _folder(where) as folder:
            ready = await _made_ready(settings, file, Path(folder) / "copy.db", now)
            stopped = room.carry(ready.copy)
            for line in _lines(settings, file, ready, stopped, now):
                click.echo(line, err=True)
            _confirm(str(where), yes=yes)
            with bar("restoring") as progress:
                kept = await room.put(ready.copy, progress)
    click.echo(f"restored: {ready.contents.members} members, {ready.contents.messages} messages")
    if kept is not None:
        click.echo(f"kept: {kept}")


def _folder(where: opening.Where) -> TemporaryDirectory[str]:
    """Make a folder that only its owner can read, for a copy that is gone in the end.

    What a restore left there that was killed is gone now.
    """
    beside = where.path.parent if isinstance(where, opening.Place) else Path()
    prefix = f".restoring-{where}-"
    for left in beside.glob(f"{glob.escape(prefix)}*"):
        shutil.rmtree(left)
    return TemporaryDirectory(prefix=prefix, dir=beside)


async def _made_ready(settings: Settings, file: Path, copy: Path, now: int) -> Ready:
    """Copy and check a backup, and do in the copy what must be done before a server sees it."""
    with bar("checking") as progress:
        version = backups.take(file, copy, progress)
    database = await opening.open_database(opening.Place(copy))
    try:
        contents = await database.read(restored.contents)
        held = await _hold(database, alliance_of(settings), now)
    finally:
        await database.close()
    return Ready(copy, version, contents, held)


async def _hold(database: Database, alliance: Alliance, now: int) -> Held:
    """Let nothing leave of what waits: polls whose time is over, and broadcasts, too."""
    for job in (close_rounds, start_due):
        await job.run(database, alliance, now)
    return await database.write(lambda tx: restored.hold(tx, now))


def _said(held: Held) -> str:
    return (
        f"{held.held} messages, {held.unknown} that may have left,"
        f" {held.batches} planned broadcasts"
    )


@click.command(epilog="Example: switchboard hold")
@with_config
def hold(path: Path) -> None:
    """Hold what waits in a database that was restored by other means; the server must not run.

    Whoever puts back a disk's snapshot, or a PostgreSQL dump, calls it before the server runs
    again. `switchboard restore` does so by itself.
    """

    async def act() -> Held:
        async with opened(load(path), new=False) as session, backups.to_oneself(session.database):
            return await _hold(session.database, session.alliance, clock())

    click.echo(f"held until `switchboard release`: {_said(asyncio.run(act()))}")


def _lines(
    settings: Settings, file: Path, ready: Ready, stopped: int | None, now: int
) -> Iterator[str]:
    """Yield what somebody should know before they say yes."""
    found, zone = ready.contents, alliance_of(settings).zone
    newest = say_when(found.newest_at, now, zone) if found.newest_at else "never"
    yield f"{file}, schema {ready.version}: {found.members} members, {found.messages} messages"
    yield f"the newest is of {newest}; no sign-up, answer or erasure since then is in it"
    if stopped is None:
        yield "NOR IS ANY STOP: whoever sent one since then will be written to again"
    else:
        yield f"STOPs since then are taken from the database that it replaces: {stopped} phones"
    if ready.held.held or ready.held.unknown or ready.held.batches:
        yield f"held until `switchboard release`: {_said(ready.held)}"


def _confirm(where: str, *, yes: bool) -> None:
    """Ask for a yes, unless it was given. Raises BadInput where nobody can be asked."""
    if yes:
        return
    if not asks():
        raise BadInput("nothing was replaced: add --yes to go ahead")
    if not click.confirm(f"Replace {where}?", err=True):
        raise BadInput("nothing was replaced")
