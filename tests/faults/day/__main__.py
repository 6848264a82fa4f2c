"""`python -m tests.faults.day`: a day of a real alliance, faster than real, on one of the engines.

It prints what was seen, and fails where the carriers' ledger and the database do not agree,
memory grows, a statement is slow, or anything is left undone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from storage.instant import HOUR
from tests.faults import world as faults
from tests.faults.__main__ import say
from tests.faults.audit import keep
from tests.faults.day import serve
from tests.faults.day.books import books
from tests.faults.day.people import Calendar
from tests.faults.day.schedule import BEGINS, CLOSES, MARGIN, pass_by, timetable
from tests.faults.day.watching import LOCK, ServerLog, Watch, events, slow_statements, timed, waits
from tests.faults.day.world import Day, build, polls
from tests.faults.places import Places
from tests.faults.servers import Nursery
from tests.postgres_server import running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.database import Tx

SETTINGS = (
    f"log_min_duration_statement={serve.SLOW_MS:.0f}ms", "shared_buffers=64MB", "fsync=on",
)  # fmt: skip
NEXT = "SELECT setval(pg_get_serial_sequence('{table}', 'id'), 100000)"
MOST_SHOWN = 20
LONGEST_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for: hours of the calendar from `begins` o'clock on."""

    engine: str
    begins: float
    hours: float
    speed: float
    people: int
    seed: int
    folder: Path
    is_hasty: bool = False


@dataclass(slots=True)
class Seen:
    """A day that is over. `wrong` says what was not as it should be."""

    wrong: list[str]
    facts: dict[str, Any]
    lines: list[str]


async def live(wanted: Wanted) -> Seen:
    """Live a day, and look at what came of it."""
    dice = random.Random(f"day {wanted.seed}")
    midnight = round(datetime.now(UTC).replace(hour=0, minute=0, second=0).timestamp()) * 1_000
    begins = midnight + round(wanted.begins * HOUR)
    clock = Calendar(wanted.speed, begins)
    ends = begins + round(wanted.hours * HOUR)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running(SETTINGS)) if wanted.engine == "postgres" else None
        places = Places(wanted.folder, server)
        place = await (places.postgres() if server else places.sqlite(wanted.folder))
        arguments = (f"{wanted.speed}", f"{begins}", "hasty" if wanted.is_hasty else "real")
        async with Nursery("tests.faults.day.serve", *arguments) as nursery:
            day = await build(
                engine=wanted.engine, seed=wanted.seed, folder=wanted.folder, place=place,
                nursery=nursery, dice=dice, clock=clock, begins=midnight + round(BEGINS * HOUR),
                ends=ends, people=wanted.people, servers=2 if server else 1,
            )  # fmt: skip
            try:
                return await _pass(day, midnight)
            finally:
                await day.close()
                await place.close()


async def _pass(day: Day, midnight: int) -> Seen:
    day.people.polls = polls((_last_answer(midnight, CLOSES[1]), _last_answer(midnight, CLOSES[2])))
    log = ServerLog(day.place)
    watch = Watch(day.servers, lambda: _o_clock(day, midnight))
    table = timetable(day.plan.dice, log, day.plan.engine)
    await _people(day)
    day.program.set_clock(day.clock.start())
    log.begin()
    for server in day.servers:
        await server.start()
    watching = asyncio.create_task(watch.run())
    first = day.clock.begins
    day.people.live(first)
    await pass_by(day, [entry for entry in table if midnight + entry[0] * HOUR >= first], midnight)
    await day.people.go_home()
    day.moods.be_well()
    await day.up()
    if await day.settled():
        await day.result()
    watching.cancel()
    await day.down()
    log.keep()
    return await _look_back(day, watch, log)


def _last_answer(midnight: int, closes: float) -> int:
    return midnight + round(closes * HOUR) - MARGIN


def _o_clock(day: Day, midnight: int) -> str:
    minutes = (day.clock.now() - midnight) // 60_000
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


async def _people(day: Day) -> None:
    """Let there be members, who have been there for long."""
    database = await faults.open_database(
        faults.place_of(day.place.url, day.folder), migrating=False
    )
    try:
        await database.write(lambda tx: faults._people(tx, day))
        await database.write(_number_on)
    finally:
        await database.close()


async def _number_on(tx: Tx) -> None:
    """Let whoever comes next have a number that nobody has."""
    if tx.engine == "postgresql":
        for table in ("members", "addresses"):
            await tx.rows(NEXT.format(table=table))


async def _look_back(day: Day, watch: Watch, log: ServerLog) -> Seen:
    found = await books(day)
    late = slow_statements(day.folder, log.lines)
    locks, slow = waits(late), [one for one in late if LOCK not in one[1]]
    noted = events(day.folder / "log")
    wrong = day.wrong + found.wrong + watch.growing()
    wrong += [f"{ms:.0f} ms: {text[:LONGEST_SHOWN]}" for ms, text in slow]
    wrong += [f"logged {count} times: {event}" for (level, event), count in noted.items()
              if level not in ("warning", "info")]  # fmt: skip
    if wrong:
        await keep(day)
    facts = found.facts | day.facts | {"slow_statements": len(slow), "long_waits": len(locks)}
    lines = [*_memory(watch), *_doors(day), *_slowest(day), *_logged(noted)]
    lines += [f"longest wait for a lock: {max(locks):.0f} ms"] if locks else []
    return Seen(wrong, facts, lines)


def _memory(watch: Watch) -> list[str]:
    """Return memory and open files of long stretches, and of all servers at one age."""
    lines = []
    for stretch in watch.long:
        start, middle, end = stretch.figures()
        lines.append(
            f"server {stretch.server} from {stretch.hour} for {stretch.seconds:.0f} s:"
            f" {start.mib:.1f}, {middle.mib:.1f}, {end.mib:.1f} MiB;"
            f" {start.files}, {middle.files}, {end.files} files"
        )
    for age in (30, 60):
        at_age = [mib for stretch in watch.stretches if (mib := stretch.at(age)) is not None]
        if at_age:
            lines.append(f"MiB of each server {age} s after its start, in the day's order: "
                         + " ".join(f"{mib:.0f}" for mib in at_age))  # fmt: skip
    return lines


def _doors(day: Day) -> list[str]:
    lines = []
    for status, taken in sorted(day.door.taken.items()):  # type: ignore[attr-defined]
        parts = quantiles(taken, n=100, method="inclusive") if len(taken) > 1 else taken * 99
        name = "no answer" if status < 0 else f"answered {status}"
        lines.append(
            f"webhooks {name}: {len(taken)}, p50 {parts[49] * 1_000:.0f} ms,"
            f" p99 {parts[98] * 1_000:.0f} ms, longest {max(taken) * 1_000:.0f} ms"
        )
    return lines


def _slowest(day: Day) -> list[str]:
    found = timed(day.folder)
    if not found:
        return []
    worst = max(found, key=lambda one: one["ms"])
    return [f"slowest statement: {worst['ms']} ms: {worst['statement'][:LONGEST_SHOWN]}"]


def _logged(noted: Any) -> list[str]:
    return [f"logged {count} times: {level} {event}" for (level, event), count in noted.items()]


def show(wanted: Wanted, seen: Seen, seconds: float) -> None:
    """Print what was seen."""
    say(
        f"{wanted.hours:g} hours at {wanted.speed:g} times their speed on {wanted.engine},"
        f" {wanted.people} people, seed {wanted.seed}: {seconds:.0f} s"
    )
    say(json.dumps(seen.facts))
    for line in seen.lines:
        say(line)
    for what in seen.wrong[:MOST_SHOWN]:
        say(f"WRONG {what}")
    say(f"{len(seen.wrong)} wrong")


def main(arguments: Sequence[str] | None = None) -> int:
    """Live a day; return how much was wrong with it, 100 at most."""
    wanted = _wanted(arguments)
    shutil.rmtree(wanted.folder, ignore_errors=True)
    wanted.folder.mkdir(parents=True)
    say(f"seed {wanted.seed}, kept in {wanted.folder}")
    began = time.monotonic()
    seen = asyncio.run(live(wanted))
    show(wanted, seen, time.monotonic() - began)
    return min(len(seen.wrong), 100)


def _wanted(arguments: Sequence[str] | None) -> Wanted:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.day", description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--begins", type=float, default=BEGINS, help="the hour it begins at")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--people", type=int, default=1_200)
    parser.add_argument("--seed", type=int, help="a random one where none is given")
    parser.add_argument(
        "--hasty", action="store_true", help="leases and the like are shorter too: for a slice"
    )
    parser.add_argument("--folder", help="where the day lies")
    options = parser.parse_args(arguments)
    seed = options.seed or random.randrange(1, 1_000_000)
    folder = Path(options.folder or Path(tempfile.gettempdir()) / f"switchboard-day-{seed}")
    return Wanted(
        options.engine, options.begins, options.hours, options.speed, options.people, seed, folder,
        options.hasty,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
