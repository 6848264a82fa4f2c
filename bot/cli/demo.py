"""demo: an alliance with virtual phones, in a folder of its own."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from bot import demo as alliance_of_the_demo
from bot.cli.server import serve_forever
from bot.cli.session import load, opened, place
from bot.config.keys import PREFIX
from bot.config.sections import Web
from handlers.dialog.when import say_when
from storage import opening
from storage.errors import BadInput, Conflict
from storage.instant import clock

if TYPE_CHECKING:
    from bot.config import Settings

LISTEN = "127.0.0.1:8080"
NEWCOMER = alliance_of_the_demo.number(50)
ASKED = alliance_of_the_demo.number(20)

TRY = """\
{alliance}: {people} people on virtual phones; poll {code} is open until {until}.
Nothing leaves this machine.

  Open      {url}/phones
  Answer    as {asked}, who is asked now: send 2
  Join      as {newcomer}, whom nobody knows yet: send JOIN
  Look      from a member's phone: send RESULT {code}, POLLS, ME or HELP
  Write     curl -s {url}/simulator/messages -H 'content-type: application/json' \\
                -d '{{"from": "{newcomer}", "text": "JOIN"}}'
  Read      curl -s '{url}/simulator/messages?to=%2B{newcomer_digits}'
  Announce  {announce} "Water is back" --audience northside --yes
  Close     {close} {code}
  End       Ctrl+C
"""


@click.command(epilog="Example: switchboard demo --listen 127.0.0.1:8081")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Where the demo keeps its settings and its data.",
)
@click.option("--listen", metavar="ADDRESS:PORT", help=f"Where its page is; {LISTEN} if not said.")
def demo(folder: Path, listen: str | None) -> None:
    """Run an alliance with virtual phones on a web page, without any account.

    A second run goes on with the data of the first. Remove the folder to begin anew.
    """
    _forget_variables()
    file = folder / "demo.toml"
    web = _web(listen) if listen or not file.exists() else load(file).web
    _check_port(web)
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(alliance_of_the_demo.CONFIG.format(listen=web.listen), encoding="utf-8")
    settings = load(file).model_copy(update={"web": web})
    click.echo(asyncio.run(_prepare(settings, file)))
    serve_forever(settings)


def _forget_variables() -> None:
    """Leave out the settings of a real alliance, whose data the demo must not touch."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


def _web(listen: str | None) -> Web:
    try:
        web = Web(listen=listen or LISTEN)
    except ValidationError:
        web = None
    if web is None or not web.loopback:
        raise BadInput(f"--listen is an address of this machine and a port, such as {LISTEN}")
    return web


def _check_port(web: Web) -> None:
    """Raise Conflict where the port is taken, before anything is written."""
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((web.host, web.port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is taken" if taken else f"can't be used ({error.strerror})"
            other = f"{web.listen.rpartition(':')[0]}:{web.port % 65_535 + 1}"
            raise Conflict(
                f"port {web.port} {why}; choose another: make demo LISTEN={other}, or"
                f" switchboard demo --listen {other}"
            ) from None


async def _prepare(settings: Settings, file: Path) -> str:
    """Fill the database where that is to do, and return what can be tried."""
    await opening.migrate(place(settings))
    async with opened(settings) as session:
        now = clock()
        poll = await alliance_of_the_demo.seed(session.database, session.alliance, now)
        until = say_when(poll.closes_at, now, session.alliance.zone)
    program = sys.argv[0] if Path(sys.argv[0]).name == "switchboard" else "switchboard"
    return TRY.format(
        alliance=settings.alliance.name,
        people=alliance_of_the_demo.PEOPLE,
        url=f"http://{settings.web.listen}",
        code=poll.code,
        until=until,
        asked=ASKED,
        newcomer=NEWCOMER,
        newcomer_digits=NEWCOMER.removeprefix("+"),
        announce=f"{program} announce -c {file}",
        close=f"{program} close -c {file}",
    )
