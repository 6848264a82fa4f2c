"""What is done to PostgreSQL itself: killed and started again, its connections cut."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.kinds import kind
from tests.faults.places import PostgresPlace

if TYPE_CHECKING:
    from tests.faults.world import World

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = '{name}' AND random() < {part}"
)


def _children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return [int(word) for word in found.split()]


def _kill(place: PostgresPlace) -> None:
    """End the server with all its processes at once, as when its machine fails."""
    for process in [place.server.pid, *_children(place.server.pid)]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    place.server.stop(signal.SIGKILL)


@kind
async def server_killed(world: World) -> None:
    """PostgreSQL is killed, or leaves as after a crash, and comes back after a while."""
    assert isinstance(world.place, PostgresPlace)
    dice = world.plan.dice
    for _ in range(dice.randint(1, 2)):
        await world.moment(0.5)
        world.fault("away")
        if dice.random() < 0.5:
            await asyncio.to_thread(_kill, world.place)
        else:
            await asyncio.to_thread(world.place.server.stop, signal.SIGQUIT)
        await asyncio.sleep(dice.uniform(0, 0.5))
        await asyncio.to_thread(world.place.server.start)
        world.fault("away", over=True)


@kind
async def terminated(world: World) -> None:
    """Connections are ended by the server at random, transactions or not."""
    assert isinstance(world.place, PostgresPlace)
    dice = world.plan.dice
    for _ in range(dice.randint(2, 6)):
        await world.moment(0.2)
        world.fault("away")
        await world.place.admin(TERMINATE.format(name=world.place.name, part=dice.choice((0.3, 1))))


@kind
async def cut(world: World) -> None:
    """Connections break on the way: in the middle of a COMMIT, or all of them at once."""
    assert world.proxy is not None
    dice = world.plan.dice
    for _ in range(dice.randint(3, 8)):
        await world.moment(0.15)
        world.fault("away")
        if dice.random() < 0.8:
            world.proxy.arm()
        else:
            world.proxy.cut_all()
    world.facts["cuts"] = world.proxy.cuts
