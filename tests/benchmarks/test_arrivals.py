"""The open loop: requests leave when they are due, and are timed from then."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.arrivals import Arrivals, part

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture
async def serve():
    """Run a server that answers each request as a function says, and give its port."""
    servers = []

    async def run(answer):
        async def talk(reader, writer):
            while not writer.is_closing():
                await reader.readuntil(b"\r\n\r\n")
                await reader.readuntil(b"%2B15005550006")
                await answer(writer)

        async def client(reader, writer):
            try:
                await talk(reader, writer)
            except asyncio.IncompleteReadError:
                pass
            finally:
                writer.close()

        servers.append(await asyncio.start_server(client, "127.0.0.1", 0))
        return servers[0].sockets[0].getsockname()[1]

    yield run
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_a_server_that_stands_still_is_charged_for_what_came_meanwhile(serve):
    """Requests go on arriving while nothing is answered, and each waits from its own instant."""
    came, free = [], asyncio.Event()

    async def answer(writer):
        came.append(writer)
        if len(came) == 20:  # all have left, though none was answered
            free.set()
        await free.wait()
        writer.write(OK)

    arrivals = Arrivals(await serve(answer), rate=100, count=20, people=5)
    await arrivals.run()
    assert arrivals.bad == 0
    assert len(arrivals.took) == 20
    assert part(arrivals.took, 1) - part(arrivals.took, 0) >= 150  # the first was due 190 ms before


async def test_a_refusal_is_counted(serve):
    """A 503 is an answer, and an error."""

    async def answer(writer):
        writer.write(BUSY)

    arrivals = Arrivals(await serve(answer), rate=1_000, count=5, people=5)
    await arrivals.run()
    assert arrivals.bad == 5


async def test_a_connection_that_is_cut_is_counted(serve):
    """What was asked on it has no answer."""

    async def answer(writer):
        writer.close()

    arrivals = Arrivals(await serve(answer), rate=1_000, count=5, people=5)
    await arrivals.run()
    assert arrivals.bad == 5


def test_a_part_of_the_times_is_the_slowest_of_it():
    """In milliseconds, the last one for the whole."""
    times = [second / 1_000 for second in range(100, 0, -1)]
    assert [part(times, share) for share in (0.5, 0.99, 1)] == pytest.approx([51, 100, 100])
