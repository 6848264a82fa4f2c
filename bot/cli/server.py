"""serve and replay: the program itself, and what it could not handle once it is mended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import click
from pydantic import ValidationError

from bot import app
from bot.cli.session import load, opened, with_config
from bot.config.sections import Web
from bot.intake import Intake
from bot.replay import replay as handle_again
from storage.errors import BadInput, SwitchboardError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.config import Settings


@click.command(epilog="Example: switchboard serve -c config.toml")
@click.option(
    "--only",
    metavar="ROLES",
    default=",".join(sorted(app.EVERY_ROLE)),
    help="Which of web, sender and clock this process is for; all of them by default.",
)
@click.option("--listen", metavar="ADDRESS", help="Listen here, not at web.listen.")
@with_config
def serve(path: Path, only: str, listen: str | None) -> None:
    """Run the server: webhooks, polling, sending, and what happens at a time.

    With PostgreSQL any number of servers may run, on one machine or on many.
    """
    settings = _listening(load(path), listen)
    serve_forever(settings, _roles(settings, only))


def _listening(settings: Settings, listen: str | None) -> Settings:
    """Return the settings with another address to listen on. Raises BadInput."""
    if listen is None:
        return settings
    try:
        web = Web(listen=listen, public_url=settings.web.public_url)
    except ValidationError:
        raise BadInput("--listen is an address and a port such as 127.0.0.1:8081") from None
    return settings.model_copy(update={"web": web})


def _roles(settings: Settings, only: str) -> frozenset[app.Role]:
    """Return the roles that are named. Raises BadInput."""
    named = frozenset(word.strip() for word in only.split(","))
    if not named <= app.EVERY_ROLE:
        raise BadInput("--only names one or more of web, sender and clock: --only web,clock")
    if named < app.EVERY_ROLE and any(c.driver == "simulator" for c in settings.channels.values()):
        raise BadInput("virtual phones live in one process: run it without --only")
    return cast("frozenset[app.Role]", named)


def serve_forever(settings: Settings, roles: frozenset[app.Role] = app.EVERY_ROLE) -> None:
    """Serve until told to stop. Raises BadConfig where the port is taken."""
    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        runner.run(app.serve(settings, roles))


def _fastest_loop() -> Callable[[], Any] | None:
    try:
        import uvloop  # noqa: PLC0415  not to be had everywhere
    except ImportError:
        return None
    return uvloop.new_event_loop


@click.command(epilog="Example: switchboard replay -c config.toml")
@with_config
def replay(path: Path) -> None:
    """Handle again the messages that a fault in the program kept from being handled."""
    mended, failing = asyncio.run(_replay(load(path)))
    click.echo(f"handled: {mended}")
    if failing:
        raise SwitchboardError(f"{failing} still can't be handled: the log says where it stopped")


async def _replay(settings: Settings) -> tuple[int, int]:
    async with opened(settings, new=False) as session:
        channels = app.channels_of(settings)
        intake = Intake(session.database, session.alliance, channels, lambda _, __: None)
        return await handle_again(session.database, intake)
