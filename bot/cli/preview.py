"""What a person at the command line hears before anything reaches many, and their yes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bot.alliance import tariffs_of
from bot.app import channels_of
from handlers.dialog.preview import preview
from handlers.dialog.preview_words import clock_time, span
from handlers.dialog.when import say_when
from storage.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bot.cli.session import Session
    from handlers.dialog.preview import Preview
    from handlers.dialog.turn import Alliance
    from storage.audience import Audience


async def show(
    session: Session,
    audience: Audience,
    texts: Mapping[str, str],
    *,
    at: int,
    ends_at: int,
    now: int,
) -> None:
    """Write to stderr what telling an audience these texts from `at` to `ends_at` would do."""
    tariffs = tariffs_of(channels_of(session.settings))
    found = await session.read(
        lambda tx: preview(tx, session.alliance, audience, texts, tariffs, max(at, now))
    )
    for text in texts.values():
        click.echo(f"  {text}", err=True)
    for line in lines(found, session.alliance, at=at, ends_at=ends_at, now=now):
        click.echo(line, err=True)


def lines(found: Preview, alliance: Alliance, *, at: int, ends_at: int, now: int) -> Iterator[str]:
    """Yield the preview line by line, in plain words."""
    yield f"people: {found.people}, of whom {found.unreachable} can't be reached"
    if found.stopped:
        yield f"left out, as they asked us to stop: {found.stopped}"
    parts = f"segments: {found.segments}, {found.longest} for each SMS"
    cost = ", ".join(f"{amount:,.2f} {currency}" for currency, amount in found.cost.items())
    yield f"{parts}; cost: {cost or 'none known'}"
    yield f"takes: {span(found.seconds)} at the channels' rate"
    if at > now:
        yield f"leaves: {say_when(at, now, alliance.zone)}"
    for until, people in sorted(found.held.items()):
        yield f"held until {clock_time(until, max(at, now), alliance)}: {people} (quiet hours)"
    if found.capped:
        yield f"held for a day or more: {found.capped} (had their messages of the day or the week)"
    if found.over_budget:
        yield f"held until next month: {found.over_budget} segments (over the month's budget)"
    yield f"what has not left by {say_when(ends_at, now, alliance.zone)} will not be sent"
    for language, people in sorted(found.other_language.items()):
        yield f"read {language}, and get {next(iter(alliance.languages))}: {people}"
    if found.drafts:
        drafts = ", ".join(found.drafts)
        yield f"drafts, so our own words are in another language: {drafts} (see languages accept)"
    if found.types_with_nobody:
        yield f"nobody of: {', '.join(found.types_with_nobody)}"


def asks() -> bool:
    """Tell whether somebody sits at the terminal."""
    return sys.stdin.isatty()


def confirm(*, yes: bool) -> None:
    """Ask for a yes, unless it was given. Raises BadInput where nobody can be asked."""
    if yes:
        return
    if not asks():
        raise BadInput("nothing was sent: add --yes to send it")
    if not click.confirm("Send it?", err=True):
        raise BadInput("nothing was sent")
