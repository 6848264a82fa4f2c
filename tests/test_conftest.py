"""The guard that keeps tests on this machine."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.conftest import OutsideNetwork

OUTSIDE = "192.0.2.1"  # TEST-NET-1: nobody's


def test_no_test_connects_elsewhere():
    """A plain socket can't be connected to another machine."""
    with socket.socket() as sock, pytest.raises(OutsideNetwork):
        sock.connect((OUTSIDE, 80))
    with socket.socket(socket.AF_INET6) as sock, pytest.raises(OutsideNetwork):
        sock.connect_ex(("2001:db8::1", 80))


async def test_no_test_connects_elsewhere_by_asyncio():
    """The event loop's connections are refused too, by number and by name."""
    for host in (OUTSIDE, "example.org"):
        with pytest.raises(OutsideNetwork):
            await asyncio.open_connection(host, 80)


async def test_loopback_is_free():
    """A server on this machine can be reached."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
