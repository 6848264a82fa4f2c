"""status and halt: what became of a broadcast, and stopping it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from bot.cli.session import run, with_config, with_json
from handlers.dialog.when import say_when
from handlers.halt import halt as stop
from handlers.status import Standing
from handlers.status import status as standing
from storage.instant import clock
from storage.restored import REASON as RESTORED

if TYPE_CHECKING:
    from pathlib import Path

    from bot.cli.session import Session


@click.command(epilog="Example: switchboard status 12 --json")
@click.argument("broadcast", metavar="NUMBER|CODE")
@with_json
@with_config
def status(*, path: Path, broadcast: str, as_json: bool) -> None:
    """Show the recipients of a broadcast by what became of their message."""

    async def act(session: Session) -> tuple[Standing, list[str]]:
        now = clock()
        found = await session.read(lambda tx: standing(tx, broadcast))
        held = [
            f"held by a restore until `switchboard release`: {people}"
            if reason == RESTORED
            else f"held until {say_when(at, now, session.alliance.zone)}: {people} ({reason})"
            for reason, people, at in found.held
        ]
        return found, held

    found, held = run(path, act)
    if as_json:
        shown = {
            "number": found.number,
            "recipients": found.recipients,
            "by_status": found.by_status,
        }
        click.echo(json.dumps(shown))
        return
    click.echo(f"broadcast {found.number}, {found.state}: {found.recipients} recipients")
    for name, people in sorted(found.by_status.items()):
        click.echo(f"{people:>8}  {name}")
    for line in held:
        click.echo(line)


@click.command(epilog="Example: switchboard halt 12")
@click.argument("number", type=click.IntRange(min=1))
@with_config
def halt(path: Path, number: int) -> None:
    """Stop a broadcast: what has not left, stays."""
    cancelled = run(path, lambda session: session.write(lambda tx: stop(tx, number, None, clock())))
    click.echo(f"broadcast {number} is halted: {cancelled} messages were cancelled")
