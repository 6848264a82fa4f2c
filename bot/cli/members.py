"""members: listing and exporting them, giving them roles; importing stands in its own file."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot import numbers
from bot.app import channels_of
from bot.cli.importing import import_
from bot.cli.session import run, with_config, with_json
from storage import addresses, audit, platforms, roles
from storage import members as people
from storage.errors import BadNumber, Conflict, NotFound
from storage.instant import clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import TextIO

    from bot.cli.session import Session
    from storage.database import Tx
    from storage.roles import Role

PAGE = 1_000
FIELDS = ("id", "alias", "platform", "type", "language", "state")
EXPORTED = ("id", "alias", "platform", "type", "organisation", "language", "state")


@click.group(epilog="Example: switchboard members list")
def members() -> None:
    """Import, list and export members, and give them roles."""


members.add_command(import_)


async def _all(session: Session) -> AsyncIterator[dict[str, Any]]:
    """Yield every member, without numbers and names."""
    after = 0
    while rows := await session.read(lambda tx, a=after: people.listed(tx, a, PAGE)):  # type: ignore[misc]
        for row in rows:
            found = {name: row[name] for name in EXPORTED}
            if row["stopped_at"] and found["state"] == "member":
                found["state"] = "stopped"
            yield found
        after = rows[-1]["id"]


@members.command("list", epilog="Example: switchboard members list --json")
@with_json
@with_config
def list_(*, path: Path, as_json: bool) -> None:
    """List the members, without their names and numbers."""

    async def as_list(session: Session) -> None:
        sign = "["
        async for member in _all(session):
            shown = {name: member[name] for name in FIELDS}
            click.echo(f"{sign}{json.dumps(shown, ensure_ascii=False)}", nl=False)
            sign = ",\n "
        click.echo("]" if sign != "[" else "[]")

    async def as_lines(session: Session) -> None:
        async for member in _all(session):
            said = ", ".join(str(member[name]) for name in FIELDS[2:] if member[name])
            click.echo(f"{member['id']:>7}  {member['alias']}: {said}")

    run(path, as_list if as_json else as_lines)


@members.command(epilog="Example: switchboard members export members-of-may.csv")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@with_config
def export(path: Path, file: Path | None) -> None:
    """Write the members as CSV to FILE or stdout, without their names and numbers."""
    target = sys.stdout if file is None else _made(file)
    try:
        run(path, lambda session: _export(session, target))
    finally:
        if file is not None:
            target.close()


def _made(file: Path) -> TextIO:
    """Open a new file that its owner alone can read. Raises Conflict, OSError."""
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise Conflict(f"{file} is there already") from None
    return os.fdopen(handle, "w", encoding="utf-8", newline="")


async def _export(session: Session, target: TextIO) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, EXPORTED, lineterminator="\n")
    writer.writeheader()
    async for member in _all(session):
        writer.writerow({name: _harmless(value) for name, value in member.items()})
        click.echo(text.getvalue(), file=target, nl=False)
        text.seek(0)
        text.truncate()
    click.echo(text.getvalue(), file=target, nl=False)


def _harmless(value: object) -> object:
    """Return a cell that no spreadsheet runs as a formula: an alias is what a person typed."""
    return f"'{value}" if str(value).startswith(("=", "+", "-", "@", "\t")) else value


@members.command(epilog="Example: switchboard members grant +12025550123 coordinator")
@click.argument("address")
@click.argument("role")
@click.option("--platform", metavar="CODE", help="Where; the whole alliance if not said.")
@with_config
def grant(path: Path, address: str, role: str, platform: str | None) -> None:
    """Give the member with ADDRESS a role on a platform and below it.

    ADDRESS is a phone number in any form, or the id of a Telegram chat. ROLE is one of
    documenter, facilitator, secretariat, coordinator and support.
    """
    read = roles.read(role)
    fresh = run(path, lambda session: _role(session, address, read, platform, give=True))
    click.echo("granted" if fresh else "granted before")


@members.command(epilog="Example: switchboard members revoke +12025550123 coordinator")
@click.argument("address")
@click.argument("role")
@click.option("--platform", metavar="CODE", help="Where; the whole alliance if not said.")
@with_config
def revoke(path: Path, address: str, role: str, platform: str | None) -> None:
    """Take a role on a platform away from the member with ADDRESS; see `grant`.

    What they have proposed and not confirmed yet can't be confirmed any more.
    """
    read = roles.read(role)
    had = run(path, lambda session: _role(session, address, read, platform, give=False))
    click.echo("revoked" if had else "they did not have it")


async def _role(
    session: Session, address: str, role: Role, code: str | None, *, give: bool
) -> bool:
    """Give a role or take it away; False where that changes nothing."""
    values = {
        name: _value(address, session.alliance.country, is_number=channel.traits.segments)
        for name, channel in channels_of(session.settings).items()
    }

    async def unit(tx: Tx) -> bool:
        now = clock()
        member_id = await _member(tx, values)
        where = await platforms.by_code(tx, code) if code else await platforms.root(tx)
        if where is None:
            raise NotFound('there is no platform: switchboard platforms add CODE "Name"')
        if give:
            changed = await roles.grant(tx, member_id, where.id, role, None, now)
        else:
            changed = await roles.revoke(tx, member_id, where.id, role)
        if changed:
            act = "grant" if give else "revoke"
            await audit.add(tx, f"{act} {role}", "member", member_id, now)
        return changed

    return await session.write(unit)


def _value(address: str, country: str, *, is_number: bool) -> str:
    """Return an address as a channel keeps it, "" where it can't be one of its."""
    if not is_number:
        return address if address.isascii() and address.isdigit() else ""
    try:
        return numbers.e164(address, country)
    except BadNumber:
        return ""


async def _member(tx: Tx, values: dict[str, str]) -> int:
    """Return the one member whose address it is. Raises NotFound, Conflict."""
    found = set()
    for channel, value in values.items():
        sender = await addresses.sender(tx, channel, value) if value else None
        if sender is not None and sender.member_state == "member":
            found.add(sender.member_id)
    if not found:
        raise NotFound("no member has that address: they send JOIN first, or are imported")
    if len(found) > 1:
        raise Conflict("a phone and a chat have that address: write the number with its +")
    return found.pop()
