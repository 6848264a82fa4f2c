"""An open-loop load generator: messages arrive at a fixed rate, however slow the answers are.

`python -m benchmarks.arrivals PORT RATE SECONDS PEOPLE` prints JSON: how many answers were "good"
and "bad" (refused, or none within 30 s), how long they took from the instant their requests were
due ("p50_ms", "p99_ms", "max_ms"), and how late the requests themselves left ("late_p99_ms").
"""

from __future__ import annotations

import asyncio
import json
import sys
from array import array
from collections import deque
from time import perf_counter

import uvloop

from benchmarks.answers import Webhooks
from benchmarks.load import whole

TICK = 0.001
PATIENCE = 30.0
MOST_CONNECTIONS = 1_000


class Arrivals:
    """Sends each request when it is due, on a connection that is free, or on a new one."""

    def __init__(self, port: int, rate: float, count: int, people: int) -> None:
        self._port = port
        self._rate = rate
        self._count = count
        self._people = people
        self._webhooks = Webhooks(port)
        self._sent = 0
        self._connections: set[Connection] = set()
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._free: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self.took = array("d")
        self.late = array("d")
        self.bad = 0

    async def run(self) -> None:
        """Send all of them, and wait for their answers."""
        self._began = perf_counter()
        self._tick()
        try:
            await asyncio.wait_for(self._over.wait(), self._count / self._rate + PATIENCE)
        finally:
            for connection in self._connections:
                connection.close()

    def _tick(self) -> None:
        now = perf_counter()
        while self._sent < self._count and (due := self._due()) <= now:
            person = self._sent % self._people
            self._waiting.append((due, self._webhooks.answer("open", self._sent, person)))
            self._sent += 1
        self._send()
        if self._sent < self._count:
            asyncio.get_running_loop().call_later(TICK, self._tick)

    def _due(self) -> float:
        return self._began + self._sent / self._rate

    def _send(self) -> None:
        while self._waiting and self._free:
            due, request = self._waiting.popleft()
            self.late.append(perf_counter() - due)
            self._free.pop().ask(due, request)
        for _ in range(len(self._waiting) - len(self._opening)):
            if len(self._connections) + len(self._opening) == MOST_CONNECTIONS:
                return
            task = asyncio.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)

    def opened(self, connection: Connection) -> None:
        """Have one more connection."""
        self._connections.add(connection)
        self.free(connection)

    def free(self, connection: Connection) -> None:
        """Have a connection that may be asked."""
        self._free.append(connection)
        self._send()

    def lost(self, connection: Connection) -> None:
        """Do without a connection from now on."""
        self._connections.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        asyncio.get_running_loop().call_soon(self._send)  # whoever waits needs another

    def answered(self, due: float, *, well: bool) -> None:
        """Count an answer, or that there is none."""
        self.took.append(perf_counter() - due)
        self.bad += not well
        if len(self.took) == self._count:
            self._over.set()


class Connection(asyncio.Protocol):
    """One connection, asked one request at a time."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._buffer = b""
        self._due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be free."""
        self._transport = transport
        self._arrivals.opened(self)

    def close(self) -> None:
        """Let go, whatever is under way."""
        self._transport.close()

    def ask(self, due: float, request: bytes) -> None:
        """Send a request, which was due at an instant."""
        self._due = due
        self._transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Count an answer that is whole."""
        self._buffer += data
        if not whole(self._buffer):
            return
        well, due = self._buffer.startswith(b"HTTP/1.1 200"), self._due
        self._buffer, self._due = b"", None
        if due is not None:
            self._arrivals.answered(due, well=well)
        self._arrivals.free(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Count what was asked and not answered."""
        self._arrivals.lost(self)
        if self._due is not None:
            self._arrivals.answered(self._due, well=False)


def part(values: array[float], share: float) -> float:
    """Return the milliseconds within which a share of some seconds lie."""
    ordered = sorted(values)
    return 1_000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def main(port: int, rate: float, seconds: float, people: int) -> None:
    """Send for so many seconds, and print what became of it."""
    count = round(rate * seconds)
    arrivals = Arrivals(port, rate, count, people)
    try:
        await arrivals.run()
    except TimeoutError:
        arrivals.bad += count - len(arrivals.took)
    took = arrivals.took
    figures = {
        "good": count - arrivals.bad,
        "bad": arrivals.bad,
        "p50_ms": part(took, 0.5),
        "p99_ms": part(took, 0.99),
        "max_ms": part(took, 1),
        "late_p99_ms": part(arrivals.late, 0.99),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
