"""What is done to a run, one function a kind; each leaves every server able to go on."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

from tests.faults.serve import FASTER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.faults.world import World

    Kind = Callable[[World], Awaitable[None]]

KINDS: dict[str, Kind] = {}

# What the product waits for, as `serve` shortens it (seconds).
LEASE, LOOK_AFTER = 20 / FASTER, 10 / FASTER


def kind(run: Kind) -> Kind:
    """Let a run do this, by the function's name."""
    KINDS[run.__name__] = run
    return run


@kind
async def kill(world: World) -> None:
    """SIGKILL at random moments; sometimes it is some time until somebody starts it again."""
    dice = world.plan.dice
    for _ in range(dice.randint(1, 3)):
        await world.moment(0.5)
        server = dice.choice(world.servers)
        world.fault("kill")
        await server.kill()
        if world.plan.processes > 1 and dice.random() < 0.3:
            server.retired = sum(other.is_up for other in world.servers) > 0
        await asyncio.sleep(dice.choice((0, 0, 0.2)))
        await world.up()


@kind
async def freeze(world: World) -> None:
    """SIGSTOP, for less or more than a lease lasts, then SIGCONT; a second one is shorter."""
    dice = world.plan.dice
    lengths = (0.1, LEASE * 0.7, LEASE + LOOK_AFTER * 1.2)
    for most in range(3, 3 - dice.randint(1, 2), -1):
        await world.moment(0.5)
        server = dice.choice(world.servers)
        world.fault("freeze")
        server.freeze()
        await asyncio.sleep(dice.choice(lengths[:most]))
        server.thaw()
        world.fault("thaw")


@kind
async def answers(world: World) -> None:
    """The provider answers badly for a while, in every way there is."""
    await world.moment(1.5)
    world.moods.be_well()


@kind
async def clock(world: World) -> None:
    """The clock jumps ahead and back, by seconds or hours, and is set right.

    What was put off until an instant waits for it: so in the end it is as late as it ever was.
    """
    dice = world.plan.dice
    jumps = [
        dice.choice((-3_600_000, -60_000, -1_500, 5_000, 60_000, 7_200_000))
        for _ in range(dice.randint(1, 3))
    ]
    for wrong_by in (*jumps, 0, max(*jumps, 0)):
        await world.moment(0.4)
        world.fault("clock", wrong_by=wrong_by)
        world.program.set_clock(wrong_by)


@kind
async def command(world: World) -> None:
    """Announcements by the command line beside the servers, one of which is killed."""
    dice = world.plan.dice
    config = world.servers[0].config
    for at in range(2):
        await world.moment(0.4)
        text = f"Meeting {at} at the school."
        child = await world.program.start("announce", text, "--yes", "-c", config)
        if at == dice.randint(0, 1):
            await asyncio.sleep(dice.uniform(0, 0.3))
            world.fault("kill")
            await dice.choice(world.servers).kill()
        await world.up()
        async with asyncio.timeout(30):
            await child.ended.wait()
        world.ledger.write("announced", text=text, code=child.code)


@kind
async def power(world: World) -> None:
    """The machine goes off: what lies in the files at that instant is all there is."""
    await world.moment(0.6)
    (server,) = world.servers
    world.fault("power")
    server.freeze()
    files = world.place.files  # type: ignore[attr-defined]
    if world.plan.dice.random() < 0.5:  # the index of the log is no file that has to be there
        files = [path for path in files if not path.name.endswith("-shm")]
    aside = world.folder / "crashed"
    aside.mkdir()
    for path in files:
        shutil.copyfile(path, aside / path.name)
    await server.kill()
    for path in world.place.files:  # type: ignore[attr-defined]
        path.unlink()
    for path in aside.iterdir():
        path.replace(world.folder / path.name)
    await server.start()
