"""A provider that takes everything at once: the least an HTTP server can do. Loopback only.

`python -m benchmarks.sink [SECONDS]` prints its port, takes so long for each answer, and answers
`GET /count` with how many messages it took, `GET /arrivals` with when (seconds of the machine's
monotonic clock).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from typing import ClassVar

import uvloop

NUMBERS = itertools.count(1)


def _answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return (
        b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (status, len(body), body)
    )  # fmt: skip


class Sink(asyncio.Protocol):
    """One connection. Requests are read by their Content-Length, and answered in order."""

    taken = 0
    arrivals: ClassVar[list[float]] = []
    takes = 0.0

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._reply(head)

    def _reply(self, head: bytes) -> None:
        line = head.split(b"\r\n", 1)[0]
        if b"/Messages.json" in line:
            body = b'{"sid":"SM%032x","status":"queued"}' % next(NUMBERS)
            self._take(_answer(body, b"201 Created"))
        elif b"/sendMessage" in line or b"/send_message" in line:
            self._take(
                _answer(
                    b'{"ok":true,"result":{"message_id":%d,"date":1764000000,"chat":'
                    b'{"id":1,"type":"private"},"text":"x"}}' % next(NUMBERS)
                )
            )
        elif b"/getUpdates" in line or b"/get_updates" in line:
            asyncio.get_running_loop().call_later(
                20, self._write, _answer(b'{"ok":true,"result":[]}')
            )
        elif b"/getMe" in line:
            self._write(
                _answer(
                    b'{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"b","username":"b_bot"}}'
                )
            )
        elif b"/sendsms" in line:
            Sink.taken += 1
            self._write(_answer(b"0: Accepted for delivery", b"202 Accepted"))
        elif b" /received" in line:
            Sink.taken += 1
            self._write(_answer(b""))
        elif b" /arrivals" in line:
            self._write(_answer(json.dumps(Sink.arrivals).encode()))
        elif b" /count" in line:
            self._write(_answer(b"%d" % Sink.taken))
        else:
            self._write(_answer(b'{"ok":true,"result":true}'))

    def _take(self, answer: bytes) -> None:
        Sink.taken += 1
        Sink.arrivals.append(time.monotonic())
        if Sink.takes:
            asyncio.get_running_loop().call_later(Sink.takes, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        self._transport.write(answer)  # type: ignore[attr-defined]


async def main() -> None:
    """Serve until standard input closes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    Sink.takes = float(sys.argv[1]) if sys.argv[1:] else 0.0
    uvloop.run(main())
