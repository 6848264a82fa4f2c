"""serve and replay: the program itself, and what it could not handle once it is mended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from bot import app
from bot.cli.session import load, opened, with_config
from bot.intake import Intake
from bot.replay import replay as handle_again
from storage.errors import SwitchboardError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.config import Settings


@click.command(epilog="Example: switchboard serve -c config.toml")
@with_config
def serve(path: Path) -> None:
    """Run the server: webhooks, polling, sending, and what happens at a time."""
    serve_forever(load(path))


def serve_forever(settings: Settings) -> None:
    """Serve until told to stop. Raises BadConfig where the port is taken."""
    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        runner.run(app.serve(settings))


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
