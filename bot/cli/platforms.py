"""platforms: the nodes of the alliance's tree."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

import click

from bot.cli.session import run, with_config, with_json
from storage import audit
from storage import platforms as nodes
from storage.errors import BadInput
from storage.instant import clock

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Tx
    from storage.platforms import Platform

LONGEST = 20  # so that a menu of them fits into an SMS
CODE = re.compile(rf"[a-z][a-z0-9_-]{{0,{LONGEST - 1}}}")
# What else stands in an audience expression.
RESERVED = {"all", "and", "not", "or", "type", "sector", "org", "lang", "role", "channel"}


@click.group(epilog="Example: switchboard platforms list")
def platforms() -> None:
    """Add and list platforms: the alliance as a whole, its cities, their neighbourhoods."""


@platforms.command(
    epilog='Example: switchboard platforms add nima "Nima" --parent accra --level neighbourhood'
)
@click.argument("code")
@click.argument("name")
@click.option("--parent", metavar="CODE", help="The platform it lies below.")
@click.option("--level", default="", help="national, city, neighbourhood or a word of your own.")
@click.option("--timezone", default="", metavar="ZONE", help="IANA name, if not the alliance's.")
@with_config
def add(path: Path, code: str, name: str, parent: str | None, level: str, timezone: str) -> None:
    """Add a platform. People send CODE behind JOIN; menus show NAME."""
    code = code.strip().lower()
    _check(code, name, level, timezone)

    async def unit(tx: Tx) -> None:
        now = clock()
        above = await nodes.by_code(tx, parent) if parent else None
        added = await nodes.add(tx, code, name, level, above, timezone, now)
        await audit.add(tx, "platform", "platform", added.id, now)

    run(path, lambda session: session.write(unit))
    click.echo(code)


def _check(code: str, name: str, level: str, timezone: str) -> None:
    """Raise BadInput where one of these can't be used."""
    if not CODE.fullmatch(code) or code in RESERVED:
        raise BadInput(
            f"a platform's code has 1 to {LONGEST} of a-z, 0-9, - and _, a letter first,"
            f" and is none of {', '.join(sorted(RESERVED))}"
        )
    for what, text, least in (("name", name, 1), ("level", level, 0)):
        if not least <= len(text) <= LONGEST or not text.isprintable() or text != text.strip():
            raise BadInput(f"a platform's {what} is one line of {least} to {LONGEST} characters")
    if timezone and timezone not in available_timezones():
        raise BadInput("a time zone has an IANA name such as Africa/Accra")


@platforms.command("list", epilog="Example: switchboard platforms list --json")
@with_json
@with_config
def list_(*, path: Path, as_json: bool) -> None:
    """List the platforms, each below its parent."""
    found = run(path, lambda session: session.read(lambda tx: nodes.listed(tx, 100_000)))
    if as_json:
        codes = {platform.id: platform.code for platform in found}
        rows = [
            {
                "code": p.code,
                "name": p.name,
                "level": p.level,
                "parent": codes.get(p.parent_id or 0),
            }
            for p in found
        ]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    below: dict[int, list[Platform]] = {}
    for platform in found:
        below.setdefault(platform.parent_id or 0, []).append(platform)
    _show(below, 0, "")


def _show(below: dict[int, list[Platform]], parent_id: int, indent: str) -> None:
    for platform in below.get(parent_id, ()):
        level = f" ({platform.level})" if platform.level else ""
        click.echo(f"{indent}{platform.code}: {platform.name}{level}")
        _show(below, platform.id, indent + "  ")
