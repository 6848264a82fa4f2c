"""An application behind the real web server, on loopback."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import uvicorn


async def until(condition):
    """Wait for what the server has no event for."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


@asynccontextmanager
async def served(app, **options):
    """Serve on a free loopback port; yields the server and its port."""
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", **options)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    await until(lambda: server.started)
    try:
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running
