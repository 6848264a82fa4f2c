"""members import: people of a CSV file who have agreed become members."""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.app import channels_of
from bot.cli import roster
from bot.cli.session import chosen, run, with_config
from handlers.enrol import Enrolled, enrol, survey
from storage import platforms
from storage.errors import BadInput, Conflict, NotFound
from storage.instant import clock, local

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.channels.base import Channel
    from bot.cli.roster import Roster
    from bot.cli.session import Session
    from handlers.enrol import Line

UNIT = 500  # lines in one transaction: replies of a running server pass between them
MANY = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for."""

    file: Path
    skip_bad: bool
    dry_run: bool
    consent_on: str
    consent_how: str
    channel: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """How and on which day consent was given, and the instant (ms) of the import."""

    how: str
    on: str
    now: int


@click.command("import", epilog="Example: switchboard members import members.csv --dry-run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--skip-bad", is_flag=True, help="Leave bad lines out, and write them beside FILE.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--consent-on", default="", metavar="DATE", help="When they agreed; today if not.")
@click.option("--consent-how", default="", metavar="TEXT", help="How; FILE's name if not said.")
@click.option("--channel", default="", metavar="NAME", help="The SMS channel, if not the first.")
@with_config
def import_(
    *,
    path: Path,
    file: Path,
    skip_bad: bool,
    dry_run: bool,
    consent_on: str,
    consent_how: str,
    channel: str,
) -> None:
    """Make members of the people in FILE, who have all agreed to it.

    FILE is a CSV whose first line names its columns: phone and consent (yes), and if you
    like name, platform, type, organisation and language. One bad line, and nothing is
    imported. People who are known, who stopped or who had themselves erased are counted
    and left as they are.
    """
    wanted = Wanted(file, skip_bad, dry_run, consent_on, consent_how, channel)
    run(path, lambda session: _import(session, wanted))


async def _import(session: Session, wanted: Wanted) -> None:
    now = clock()
    given_on = _day(wanted.consent_on, local(now, session.alliance.zone).date())
    channels = _carriers(channels_of(session.settings), wanted.channel)
    found = roster.read(wanted.file, await _known(session, channels[0]))
    _report(found, wanted)
    if found.bad and not wanted.dry_run:
        _write_bad(found, _beside(wanted.file))
    names = [channel.name for channel in channels]
    how = wanted.consent_how or wanted.file.name
    agreed = Agreed(how, given_on, now)
    total = Enrolled()
    for part in _parts(found.lines):
        total.add(await _unit(session, names, part, None if wanted.dry_run else agreed))
    _sum_up(total, found, wanted)


async def _unit(
    session: Session, names: Sequence[str], part: Sequence[Line], agreed: Agreed | None
) -> Enrolled:
    """Enrol some lines in one transaction; without `agreed` only count them."""
    alliance = session.alliance
    if agreed is None:
        return await session.read(lambda tx: survey(tx, alliance, names, part))
    how, given_on, now = agreed.how, agreed.on, agreed.now
    return await session.write(
        lambda tx: enrol(tx, alliance, names, part, how=how, given_on=given_on, by=None, now=now)
    )


def _day(text: str, today: date) -> str:
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError:
        raise BadInput("--consent-on is a day such as 2026-09-30") from None
    if day > today:
        raise BadInput("--consent-on is a day to come")
    return day.isoformat()


def _carriers(channels: dict[str, Channel], name: str) -> list[Channel]:
    """Return the channels that carry SMS, the one to use first. Raises NotFound, BadInput."""
    found = [channel for channel in channels.values() if channel.traits.segments]
    if name:
        first = chosen(channels, name)
        if first not in found:
            raise BadInput(f"{name} carries no messages to phone numbers")
        found.sort(key=lambda channel: channel is not first)
    if not found:
        raise NotFound("no channel carries messages to phone numbers")
    return found


async def _known(session: Session, channel: Channel) -> roster.Known:
    listed = await session.read(lambda tx: platforms.listed(tx, 100_000))
    root = await session.read(platforms.root)
    return roster.Known(
        country=session.alliance.country,
        countries=channel.traits.countries,
        platforms={platform.code: platform.id for platform in listed},
        platform_id=root.id if root else None,
        types=[entry.code for entry in session.alliance.types],
        languages=session.alliance.languages,
    )


def _report(found: Roster, wanted: Wanted) -> None:
    """Say what is wrong with which line. Raises BadInput where that forbids the import."""
    for number, earlier in found.twice:
        click.echo(f"line {number}: left out, its number is that of line {earlier}", err=True)
    for bad in found.bad:
        click.echo(f"line {bad.number}: {bad.why}", err=True)
    if found.bad and not wanted.skip_bad:
        lines = "1 bad line" if len(found.bad) == 1 else f"{len(found.bad)} bad lines"
        raise BadInput(f"{lines}, so nothing was imported: mend the file, or add --skip-bad")
    if not found.lines and not found.bad:
        raise BadInput(f"{wanted.file} holds nobody")


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name.removesuffix('.csv')}.bad.csv")


def _write_bad(found: Roster, target: Path) -> None:
    """Write the bad lines as they were, to be mended and imported; for their owner alone."""
    try:
        handle = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise Conflict(f"{target} is there already: nothing was imported") from None
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=found.delimiter)
        writer.writerow(found.header)
        writer.writerows(bad.cells for bad in found.bad)


def _parts(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Yield the lines a unit at a time, with a bar on stderr where there are many."""
    with click.progressbar(
        length=len(lines), label="lines", file=sys.stderr, hidden=len(lines) <= MANY
    ) as bar:
        for start in range(0, len(lines), UNIT):
            part = lines[start : start + UNIT]
            yield part
            bar.update(len(part))


def _sum_up(total: Enrolled, found: Roster, wanted: Wanted) -> None:
    counts = total.counts
    click.echo(f"{'would import' if wanted.dry_run else 'imported'}: {counts['new']}")
    for what, count in (
        ("are members already", counts["existing"]),
        ("asked us to stop", counts["stopped"]),
        ("said no when they were asked", counts["no"]),
        ("had themselves erased", counts["erased"]),
        ("are twice in the file", len(found.twice)),
    ):
        if count:
            click.echo(f"left as they were, since they {what}: {count}")
    if found.bad:
        beside = "" if wanted.dry_run else f", now in {_beside(wanted.file)}"
        click.echo(f"bad lines: {len(found.bad)}{beside}")
