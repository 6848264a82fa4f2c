"""What is done to the storage of a run: a full disk, what can't be written, broken pages."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Self

from tests.faults.disk import Disk, Unwritable
from tests.faults.kinds import kind
from tests.faults.places import PostgresPlace, SqlitePlace
from tests.faults.proxy import Proxy
from tests.postgres_server import NOBODY

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.faults.places import Place, Places
    from tests.faults.plan import Plan
    from tests.faults.servers import Server
    from tests.faults.world import World

SECTOR = 512
DAMAGES = 4


class Ground:
    """Where a run's data lies, made as its kind needs it: on a disk of its own to be filled."""

    place: Place

    def __init__(self, told: Plan, folder: Path, places: Places) -> None:
        self._told = told
        self._folder = folder
        self._places = places
        self.disk: Disk | None = None
        self.proxy: Proxy | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._make()
        except BaseException:
            self._let_go()
            raise
        return self

    async def _make(self) -> None:
        where = None
        if self._told.kind == "full_disk":
            owner = NOBODY if self._told.engine == "postgres" else os.geteuid()
            self.disk = Disk(self._folder / "disk", owner)
            where = self.disk.folder
        if self._told.engine == "sqlite":
            self.place = await self._places.sqlite(where or self._folder)
        else:
            self.place = await self._places.postgres(where)
        if self._told.kind == "cut":
            assert isinstance(self.place, PostgresPlace)
            self.proxy = Proxy(self.place.port, self._told.dice)
            self.place.lead_through(await self.proxy.start())

    async def __aexit__(self, *error: object) -> None:
        if self.proxy is not None:
            await self.proxy.stop()
        try:
            await self.place.close()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self.disk is not None:
            self.disk.close()


def _processes(world: World) -> list[int]:
    return [server.child.process for server in world.servers if server.child and server.is_up]


@kind
async def full_disk(world: World) -> None:
    """Nothing can be written for a while: the disk is full, or nearly."""
    dice, disk = world.plan.dice, world.disk
    assert disk is not None
    for _ in range(dice.randint(1, 2)):
        await world.moment(0.5)
        world.fault("full", own=disk.is_own)
        disk.fill(dice.choice((0, 1, 20)), _processes(world))
        await asyncio.sleep(dice.uniform(0.1, 0.6))
        disk.empty(_processes(world))
        world.fault("full", over=True)


@kind
async def read_only(world: World) -> None:
    """The database can be read, and not written: under the servers, or from their start."""
    await world.moment(0.5)
    world.fault("read_only")
    if isinstance(world.place, PostgresPlace):
        await _read_only_server(world, world.place)
    else:
        await _read_only_file(world)
    world.fault("read_only", over=True)


async def _read_only_file(world: World) -> None:
    assert isinstance(world.place, SqlitePlace)
    dice = world.plan.dice
    (server,) = world.servers
    at_start = dice.random() < 0.4
    if at_start:
        await server.kill()
    held = Unwritable(world.place.files)
    world.facts["read_only"] = held.how
    try:
        if at_start:
            await _starts_not(world, server)
        else:
            await asyncio.sleep(dice.uniform(0.1, 0.6))
    finally:
        held.release()
    if not server.is_up:
        await server.start()


async def _starts_not(world: World, server: Server) -> None:
    """What can't be written is told by `check`, and by `serve`, which ends or answers 503."""
    code, _ = await world.program.run("check", config=server.config)
    if not code:
        world.wrong.append("check says nothing of a database that can't be written")
    await server.start(wait=False)
    if await server.opened():
        await asyncio.sleep(0.2)
        await server.kill()


async def _read_only_server(world: World, place: PostgresPlace) -> None:
    """As after a failover to a server that only follows."""
    for mode in ("on", "off"):
        await place.admin(
            f"ALTER DATABASE {place.name} SET default_transaction_read_only = {mode}",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{place.name}'",
        )
        if mode == "on":
            await asyncio.sleep(world.plan.dice.uniform(0.1, 0.6))


# --- broken pages ---


@kind
async def corrupt(world: World) -> None:
    """Nothing while the servers run: pages are broken afterwards."""
    await world.moment(0.2)


async def afterwards(world: World) -> None:
    """Break pages of a file that nobody uses: `check` tells it, or nothing is lost by it."""
    if world.plan.kind != "corrupt":
        return
    assert isinstance(world.place, SqlitePlace)
    before, sound = world.place.dump(), world.place.path.read_bytes()
    seen = {"told": 0, "harmless": 0}
    for _ in range(DAMAGES):
        what = damage(world.plan.dice, world.place.path)
        code, _ = await world.program.run("check", config=world.servers[0].config)
        if code:
            seen["told"] += 1
        elif world.place.dump() == before:
            seen["harmless"] += 1
        else:
            world.wrong.append(f"check says nothing of {what}")
            (world.folder / "broken.db").write_bytes(world.place.path.read_bytes())
        for path in world.place.files:
            path.unlink()
        world.place.path.write_bytes(sound)
    world.facts |= seen


def damage(dice: random.Random, path: Path) -> str:
    """Spoil a page, or a sector of one, and return what was done."""
    size = path.stat().st_size
    page = int.from_bytes(path.read_bytes()[16:18], "big")
    at = dice.randrange(size // page) * page
    length = dice.choice((page, page, SECTOR))
    at += dice.randrange(page // length) * length
    zeros = dice.random() < 0.4
    file = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(file, bytes(length) if zeros else dice.randbytes(length), at)
    finally:
        os.close(file)
    return f"{length} bytes of {'zeros' if zeros else 'noise'} at {at}, page {at // page + 1}"
