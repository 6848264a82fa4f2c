"""What happens to an alliance in a day, and to its servers, at which hour of the calendar."""

from __future__ import annotations

import asyncio
import csv
import signal
from typing import TYPE_CHECKING, Any

from storage.instant import HOUR, MINUTE
from tests.faults.places import PostgresPlace
from tests.faults.serving import TERMINATE

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from tests.faults.day.watching import ServerLog
    from tests.faults.day.world import Day

    Act = Callable[[Day], Awaitable[None]]

BEGINS = 5.0  # o'clock
CLOSES = {1: 14.0, 2: 19.0}
# Nobody answers so shortly before a close: what is in flight then counts, or does not.
MARGIN = 45 * MINUTE
# While the servers are left alone, so that their memory can be watched (from, to).
CALM = ((10.2, 13.2), (15.2, 18.2), (24.5, 29.0))
NIGHT = 29.0

NOON = ("Water is off on Friday in Nima.", "El viernes no hay agua en Nima.")


# --- what coordinators do ---


async def early(day: Day) -> None:
    """Announce before anybody is up: it is held until eight."""
    await _announce(day, "The pipe at the market is mended.")


async def ask_first(day: Day) -> None:
    """Ask a named poll that closes by itself."""
    await _ask(day, 1, "14:00")


async def remind(day: Day) -> None:
    """Remind everybody."""
    await _announce(day, "Reminder: the poll on water problems closes at 2 pm.")


async def noon(day: Day) -> None:
    """Announce in two languages."""
    await _announce(day, NOON[0], "--text", f"es={NOON[1]}")


async def plan_ahead(day: Day) -> None:
    """Announce something that leaves later."""
    await _announce(day, "Today at 5 pm: open door at the utility.", "--at", "16:30")


async def ask_second(day: Day) -> None:
    """Ask an anonymous poll."""
    await _ask(day, 2, "18:00")


async def extend(day: Day) -> None:
    """Let the second poll close later."""
    await day.command("extend", day.codes[2], "19:00")


async def evening(day: Day) -> None:
    """Announce just before the quiet hours: who is not reached by then hears it in the morning."""
    await _announce(day, "Tomorrow: meeting at ten at the school.")


async def night(day: Day) -> None:
    """Announce by mistake in the night ..."""
    number = await _announce(day, "This is a test, please ignore.")
    day.halted.add(int(number or 0))


async def think_better(day: Day) -> None:
    """... and halt it before anybody gets it."""
    for number in day.halted:
        await day.command("halt", str(number))


async def enrol(day: Day) -> None:
    """Import people who signed on paper."""
    numbers = [f"+1202555{9_000 + at}" for at in range(len(day.people.all) // 20 + 2)]
    path = day.folder / "members.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("phone", "consent", "language"))
        lines.writerows((number, "yes", "en") for number in numbers)
    for number in numbers:
        day.people.move_in(number)
    await day.command("members", "import", str(path), "--consent-on", "2026-01-31")


async def back_up(day: Day) -> None:
    """Copy the database; PostgreSQL has its own way."""
    if not isinstance(day.place, PostgresPlace):
        await day.command("backup", "night.db")


async def look(day: Day) -> None:
    """Look how things stand."""
    for code in day.codes.values():
        await day.command("result", code, "--json")
        await day.command("status", code, "--json")
    await day.command("tickets", "--json")


async def _announce(day: Day, text: str, *more: str) -> str:
    printed = await day.command("announce", text, "--yes", *more)
    day.ledger.write("announced", text=text, code=0 if printed else 1)
    return printed


async def _ask(day: Day, number: int, closes: str) -> None:
    poll = day.people.polls[number - 1]
    options = [word for option in poll.options for word in ("--option", option)]
    named = ["--named"] if poll.named else []
    day.codes[number] = await day.command(
        "poll", poll.question, *options, *named, "--closes", closes, "--yes"
    )


# --- what the weather and the keeper of the machine do ---


def trouble(bad: float) -> Act:
    """Return an act: the providers answer so many messages badly from now on."""

    async def turn(day: Day) -> None:
        day.moods.turn(bad)  # type: ignore[attr-defined]

    return turn


async def kill(day: Day) -> None:
    """End a server at once; its keeper starts it again."""
    async with day.hands:
        server = day.plan.dice.choice(day.servers)
        day.fault("kill")
        await server.kill()
        await day.keep_up(server)


async def restart(day: Day) -> None:
    """Restart a server as an update does."""
    async with day.hands:
        server = day.plan.dice.choice(day.servers)
        day.fault("restart")
        if await server.end():
            day.wrong.append("a server did not end well")
        await day.keep_up(server)


async def freeze(day: Day) -> None:
    """Let a server stand still, for less or more than a lease, then go on."""
    async with day.hands:
        server = day.plan.dice.choice(day.servers)
        day.fault("freeze")
        server.freeze()
        await asyncio.sleep(day.plan.dice.choice((2, 8, 25)))
        server.thaw()
        day.fault("thaw")


def cut(log: ServerLog) -> Act:
    """Return an act: the database server ends connections, or is itself restarted."""

    async def terminate(day: Day) -> None:
        assert isinstance(day.place, PostgresPlace)
        day.fault("away")
        if day.plan.dice.random() < 0.5:
            await day.place.admin(TERMINATE.format(name=day.place.name, part=0.7))
            return
        log.keep()
        await asyncio.to_thread(day.place.server.stop, day.plan.dice.choice(HOW))
        await asyncio.sleep(day.plan.dice.uniform(0.5, 6))
        await asyncio.to_thread(day.place.server.start)
        day.fault("away", over=True)

    return terminate


HOW = (signal.SIGINT, signal.SIGQUIT)

ALLIANCE: tuple[tuple[float, Act], ...] = (
    (5.3, early), (6.5, enrol), (9.0, ask_first), (11.0, remind), (12.0, noon), (13.0, plan_ahead),
    (13.5, look), (15.0, ask_second), (17.0, extend), (17.5, look), (19.97, evening),
    (21.5, night), (23.0, think_better), (26.0, back_up), (28.0, look),
)  # fmt: skip
WEATHER: tuple[tuple[float, Act], ...] = (
    (8.0, trouble(0.05)), (8.5, trouble(0)), (9.0, trouble(0.2)), (9.4, trouble(0)),
    (12.0, trouble(0.3)), (12.2, trouble(0)), (16.4, trouble(0.1)), (17.2, trouble(0)),
    (19.9, trouble(0.2)), (20.3, trouble(0)),
)  # fmt: skip
# Somebody ends or stops a server about once an hour, and in the middle of every broadcast
# that does not fall into a calm.
AT_BROADCASTS = (8.02, 9.02, 15.02, 19.99)


def timetable(dice: random.Random, log: ServerLog, engine: str) -> list[tuple[float, Act]]:
    """Return everything that happens, in its order, by the calendar's hour from midnight."""
    faults: list[Any] = [(at + dice.uniform(0, 0.02), kill) for at in AT_BROADCASTS]
    for hour in range(int(BEGINS), int(NIGHT)):
        at = hour + dice.uniform(0.1, 0.9)
        if not any(begins <= at <= ends for begins, ends in CALM):
            faults.append((at, dice.choices((kill, restart, freeze), (6, 3, 2))[0]))
    if engine == "postgres":
        faults += [(at + dice.uniform(0, 0.5), cut(log)) for at in (7.3, 9.1, 14.2, 19.4, 22.3)]
    return sorted([*ALLIANCE, *WEATHER, *faults], key=lambda entry: entry[0])


async def pass_by(day: Day, table: list[tuple[float, Act]], midnight: int) -> None:
    """Let everything happen at its hour; the servers' faults do not wait for one another."""
    under_way: set[asyncio.Task[None]] = set()
    for hour, act in table:
        at = midnight + round(hour * HOUR)
        if at >= day.ends:
            break
        await day.clock.until(at)
        task = asyncio.ensure_future(act(day))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await day.clock.until(day.ends)
    await asyncio.gather(*under_way)
