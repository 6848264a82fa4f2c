"""Runs what it is told, one after the other: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults import breaking, serving  # noqa: F401  its kinds are registered
from tests.faults.audit import audit, keep
from tests.faults.kinds import KINDS
from tests.faults.places import Places
from tests.faults.plan import plan
from tests.faults.servers import Nursery
from tests.faults.world import World, build, prepare
from tests.postgres_server import Server, running

if TYPE_CHECKING:
    from tests.faults.plan import Plan

# What is answered 200 is on disk as far as the system knows: it outlives any process.
SETTINGS = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB")


class Worker:
    """One run at a time, in folders of its own."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self._folder = folder
        self._nursery = nursery
        self._stack = ExitStack()
        self._server: Server | None = None
        self._places: Places | None = None

    def close(self) -> None:
        """End the server, if there is one."""
        self._stack.close()

    def _make(self, engine: str) -> Places:
        if engine == "postgres" and self._server is None:
            self._server = self._stack.enter_context(running(SETTINGS))
            self._places = None
        if self._places is None:
            self._places = Places(self._folder, self._server)
        return self._places

    async def run(self, told: Plan) -> dict[str, Any]:
        """Make one run, and return what came of it; its folder stays where it went wrong."""
        places = await asyncio.to_thread(self._make, told.engine)
        await places.ready(told.engine)
        began = time.monotonic()
        folder = self._folder / f"{told.seed}-{told.number}-{told.engine}-{told.kind}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        found: dict[str, Any] = {
            "number": told.number, "engine": told.engine, "kind": told.kind,
            "channels": told.channels, "processes": told.processes,
        }  # fmt: skip
        wrong: list[str] = []
        try:
            wrong = await self._one(told, folder, places, found)
        except Exception:  # noqa: BLE001  a run that can't be made is a run that failed
            wrong = [traceback.format_exc()]
        found |= {"seconds": round(time.monotonic() - began, 2), "wrong": wrong}
        if wrong:
            found |= {"folder": str(folder), "command": told.command}
            (folder / "wrong").write_text("\n".join(wrong))
        else:
            shutil.rmtree(folder, ignore_errors=True)
        return found

    async def _one(
        self, told: Plan, folder: Path, places: Places, found: dict[str, Any]
    ) -> list[str]:
        async with breaking.Ground(told, folder, places) as ground:
            world = await build(told, folder, ground.place, self._nursery)
            world.disk, world.proxy = ground.disk, ground.proxy
            try:
                await _live(world)
                books = await audit(world)
                if books.wrong or world.wrong:
                    await keep(world)
            finally:
                await world.close()
        found |= {"facts": books.facts | world.facts, "answers": world.door.answers}
        return world.wrong + books.wrong


async def _live(world: World) -> None:
    """Let everything happen, and come to an end."""
    await prepare(world)
    for server in world.servers:
        await server.start()
    world.people.begin(within=0.8)
    await KINDS[world.plan.kind](world)
    world.moods.be_well()
    await world.up()
    if await world.settled():
        await world.result()
    await world.down()
    await breaking.afterwards(world)


async def work(folder: Path) -> None:
    """Take orders until there are no more."""
    loop = asyncio.get_running_loop()
    async with Nursery() as nursery:
        worker = Worker(folder, nursery)
        try:
            while line := await loop.run_in_executor(None, sys.stdin.readline):
                order = json.loads(line)
                told = plan(order["seed"], order["number"], order["engine"], order["kind"])
                sys.stdout.write(json.dumps(await worker.run(told)) + "\n")
                sys.stdout.flush()
        finally:
            worker.close()


def main() -> None:
    """Work in the folder that is named, or a new one."""
    named = sys.argv[1:2]
    folder = Path(named[0]) if named else Path(tempfile.mkdtemp(prefix="switchboard-faults-"))
    asyncio.run(work(folder))


if __name__ == "__main__":
    main()
