"""serve and replay: the program itself, and what it could not handle once it is mended."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Any

import click

from bot.cli.session import load, with_config
from storage.errors import Conflict, SwitchboardError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.config import Settings
    from bot.config.sections import Web


@click.command(epilog="Example: switchboard serve -c config.toml")
@with_config
def serve(path: Path) -> None:
    """Run the server: webhooks, polling, sending, and what happens at a time."""
    settings = load(path)
    check_port(settings.web, "end that program, or set web.listen to another port")
    serve_forever(settings)


def serve_forever(settings: Settings) -> None:
    """Serve until told to stop."""
    from bot import app  # noqa: PLC0415  everything there is; a taken port is told before

    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        runner.run(app.serve(settings))


def check_port(web: Web, advice: str) -> None:
    """Raise Conflict, with advice, where nothing can listen at an address now."""
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((web.host, web.port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is taken by another program" if taken else f"can't be used ({error.strerror})"
            raise Conflict(f"port {web.port} of {web.host} {why}: {advice}") from None


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
    from bot.replay import replay as handle_again  # noqa: PLC0415  as above

    mended, failing = asyncio.run(handle_again(load(path)))
    click.echo(f"handled: {mended}")
    if failing:
        raise SwitchboardError(f"{failing} still can't be handled: the log says where it stopped")
