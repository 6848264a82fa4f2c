"""release: what a restore holds leaves, or is discarded."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from bot.app import channels_of
from bot.cli import preview
from bot.cli.progress import bar
from bot.cli.session import run, with_config, with_yes
from bot.sending.render import Renderer
from handlers.dialog.when import say_when
from storage import audit, batches, releasing
from storage.errors import BadInput
from storage.instant import clock
from storage.restored import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bot.channels.base import Channel
    from bot.cli.session import Session
    from storage.database import Tx
    from storage.releasing import Waiting

AT_ONCE = 2_000
REPLIES = "replies"


@click.command(epilog="Example: switchboard release 12")
@click.argument("which", metavar="[NUMBER|replies]", default="")
@click.option("--discard", is_flag=True, help="Let nothing of it leave.")
@with_yes
@with_config
def release(*, path: Path, which: str, discard: bool, yes: bool) -> None:
    """Let what a restore holds leave: one broadcast, the replies, or all.

    What left after the backup was made is not known to it: it would come a second time.
    What is past its time to live doesn't leave.
    """
    batch_id = _read(which)

    async def act(session: Session) -> tuple[int, int]:
        channels = channels_of(session.settings)
        await _show(session, channels, batch_id)
        _confirm(discard=discard, yes=yes)
        return await _do(session, channels, batch_id, discard=discard)

    messages, going_on = run(path, act)
    if discard:
        click.echo(f"discarded: {messages} messages, {going_on} planned broadcasts")
    else:
        click.echo(f"released: {messages} messages, {going_on} planned broadcasts")


def _read(which: str) -> int | None:
    """Return a batch's number, that of replies, or None for all. Raises BadInput."""
    if not which:
        return None
    if which.lower() == REPLIES:
        return releasing.REPLIES
    if not which.isascii() or not which.isdigit() or not 0 < int(which) < 2**63:
        raise BadInput(f"{which!r} is no broadcast's number, nor {REPLIES!r}")
    return int(which)


def _confirm(*, discard: bool, yes: bool) -> None:
    if not discard:
        preview.confirm(yes=yes)
    elif not yes:
        if not preview.asks():
            raise BadInput("nothing was discarded: add --yes to discard it")
        if not click.confirm("Discard it?", err=True):
            raise BadInput("nothing was discarded")


async def _show(session: Session, channels: Mapping[str, Channel], batch_id: int | None) -> None:
    """Write to stderr what waits, a line for each broadcast. Raises BadInput for nothing."""
    now = clock()

    async def lines(tx: Tx) -> list[str]:
        renderer = Renderer(session.alliance)
        found = []
        for number, group in groupby(await releasing.waiting(tx, now), lambda w: w.batch_id):
            if batch_id in (None, number or releasing.REPLIES):
                name = f"broadcast {number}" if number else REPLIES
                found.append(await _line(tx, name, list(group), channels, renderer))
        for number in await releasing.held_batches(tx):
            if batch_id in (None, number):
                due_at = (await batches.by_id(tx, number)).due_at - NEVER
                when = say_when(due_at, now, session.alliance.zone)
                found.append(f"broadcast {number}: planned for {when}")
        _, unknown, _ = await releasing.count(tx, now)
        if unknown:
            found.append(f"may have left before the backup was made: {unknown}")
        return found

    found = await session.read(lines)
    if not found:
        raise BadInput("nothing is held by a restore")
    for line in found:
        click.echo(line, err=True)


async def _line(
    tx: Tx, name: str, held: list[Waiting], channels: Mapping[str, Channel], renderer: Renderer
) -> str:
    parts = 0
    for one in held:
        channel = channels.get(one.channel)
        if channel is not None and channel.traits.segments:
            said = await renderer.render(
                tx, batch_id=one.batch_id, kind=one.kind, text=one.text, choices="",
                language=one.language, round_id=one.round_id, question=one.question,
                introduced=one.introduced,
            )  # fmt: skip
            parts += said.segments * one.people
    return f"{name}: {sum(one.people for one in held)} people, {parts} segments"


async def _do(
    session: Session, channels: Mapping[str, Channel], batch_id: int | None, *, discard: bool
) -> tuple[int, int]:
    """Release or discard, in chunks; return how many messages, and planned broadcasts."""
    act = releasing.discard if discard else releasing.release
    findable = [name for name, channel in channels.items() if channel.traits.findable]
    total, _, _ = await session.read(lambda tx: releasing.count(tx, clock()))
    messages = 0
    with bar("messages") as progress:
        while changed := await session.write(lambda tx: act(tx, batch_id, clock(), AT_ONCE)):
            messages += changed
            progress(messages, max(total, messages))

    async def rest(tx: Tx) -> int:
        now = clock()
        if discard:
            found = await releasing.discard_rest(tx, batch_id)
        else:
            found = await releasing.release_rest(tx, batch_id, findable, now)
        name = "discard" if discard else "release"
        await audit.add(tx, name, "batch", batch_id or 0, now, count=messages)
        return found

    return messages, await session.write(rest)
