"""Switchboard doing what the peers do: answers recorded and said back, broadcasts sent."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks import broadcast
from benchmarks.answers import check, open_poll
from benchmarks.inbound import ANSWERS, CONNECTIONS, WARM, load
from benchmarks.outbound import RATE
from benchmarks.place import configure, free_port, get, server, sink

CONFIGURATION = (
    "one `switchboard serve`, 64 in flight, its rate lifted (SQLite: WAL, synchronous=FULL);"
    f" in: Twilio's signed webhook on {CONNECTIONS} connections until the sink has the last echo;"
    " out: until the last status is durable"
)


def answers(url: str) -> float:
    """Return the answers a second that are recorded, and whose echoes have reached the sink."""
    with tempfile.TemporaryDirectory() as name, sink() as port_of_sink:
        folder, port = Path(name), free_port()
        configure(folder, port, port_of_sink, RATE, "sms", url=url)
        asyncio.run(open_poll(folder, ANSWERS))
        with server(folder, port):
            load(folder, port, "warm", WARM)
            _until_said(port_of_sink, WARM)
            seconds = ANSWERS / load(folder, port, "real", ANSWERS)
            answered_at = time.perf_counter()
            _until_said(port_of_sink, WARM + ANSWERS)
            seconds += time.perf_counter() - answered_at
        asyncio.run(check(folder, ANSWERS, WARM + ANSWERS))
    return ANSWERS / seconds


def sends(url: str, channel: str, recipients: int) -> float:
    """Return the recipients a second, from the first send until every status is durable."""
    with tempfile.TemporaryDirectory() as name, sink() as port_of_sink:
        folder, port = Path(name), free_port()
        configure(folder, port, port_of_sink, RATE, channel, url=url)
        broadcast.fill(folder, channel, recipients)
        with server(folder, port):
            time.sleep(1)
            seconds = broadcast.send(folder, recipients)
        taken = int(get(port_of_sink, "/count"))
    if taken != recipients:
        raise RuntimeError(f"the sink took {taken} of {recipients}")
    return recipients / seconds


def _until_said(port_of_sink: int, echoes: int) -> None:
    until = time.monotonic() + 60
    while int(get(port_of_sink, "/count")) < echoes:
        if time.monotonic() > until:
            raise RuntimeError("the echoes did not reach the sink within a minute")
        time.sleep(0.01)
