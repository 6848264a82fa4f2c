"""A closed-loop load generator: each connection sends its next request on the last answer.

`python -m benchmarks.load PORT CONNECTIONS FILE` reads requests (each a decimal length, a
line feed, and so many bytes) and prints JSON: {"seconds", "good", "bad"}.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop


def whole(answer: bytes) -> bool:
    """Tell whether all of an answer has come."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = answer[:end].lower()
    at = head.find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return len(answer) >= end + 4 + length


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: list[bytes], done: asyncio.Event, figures: dict[str, int]) -> None:
        self._requests = requests
        self._done = done
        self._figures = figures
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = transport
        self._next()

    def _next(self) -> None:
        if self._requests:
            self._transport.write(self._requests.pop())  # type: ignore[attr-defined]
        else:
            self._figures["idle"] += 1
            self._done.set()

    def data_received(self, data: bytes) -> None:
        """Count an answer that is whole, and send the next request."""
        self._buffer += data
        if not whole(self._buffer):
            return
        self._figures["good" if self._buffer.startswith(b"HTTP/1.1 20") else "bad"] += 1
        self._buffer = b""
        self._next()


async def main(port: int, connections: int, data: bytes) -> None:
    """Send every request, and say how long it took."""
    requests: list[bytes] = []
    at = 0
    while at < len(data):
        line = data.index(b"\n", at)
        length = int(data[at:line])
        requests.append(data[line + 1 : line + 1 + length])
        at = line + 1 + length
    requests.reverse()
    done = asyncio.Event()
    figures = {"good": 0, "bad": 0, "idle": 0}
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: Client(requests, done, figures), "127.0.0.1", port)
    while figures["idle"] < connections:
        await asyncio.wait_for(done.wait(), 300)
        done.clear()
    print(json.dumps({"seconds": time.perf_counter() - began, **figures}))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]).read_bytes()))
