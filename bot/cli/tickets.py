"""tickets: what people asked, and what somebody has to look at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from bot.cli.session import run, with_config, with_json
from storage.instant import local
from storage.tickets import open_now

if TYPE_CHECKING:
    from pathlib import Path

    from bot.cli.session import Session

MOST = 10_000


@click.command(epilog="Example: switchboard tickets --json")
@with_json
@with_config
def tickets(*, path: Path, as_json: bool) -> None:
    """List the open tickets, oldest first, with what the people wrote."""

    async def act(session: Session) -> list[dict[str, Any]]:
        zone = session.alliance.zone
        return [
            {
                "number": number,
                "kind": kind,
                "member": member_id,
                "text": text,
                "media": media,
                "at": local(at, zone).isoformat(timespec="seconds"),
            }
            for number, member_id, kind, text, media, at in await session.read(
                lambda tx: open_now(tx, MOST)
            )
        ]

    found = run(path, act)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for ticket in found:
        who = f"member {ticket['member']}" if ticket["member"] else "no member"
        said = " ".join(f"{ticket['text']} {ticket['media']}".split())
        click.echo(f"{ticket['number']:>5}  {ticket['at']}  {ticket['kind']}, {who}: {said}")
    if not found:
        click.echo("There are no open tickets.")
