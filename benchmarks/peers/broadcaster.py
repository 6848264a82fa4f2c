"""aiogram-broadcaster sending one text to many chats of the sink, in memory alone."""

from __future__ import annotations

import json

from benchmarks.broadcast import TEXT
from benchmarks.peers.place import output, python
from benchmarks.place import get, sink

CHATS = 20_000
MAILERS = (1, 16)
CONFIGURATION = (
    "0.6.8, aiogram 3 with uvloop, no interval, no storage: what was sent is"
    f" known to the process alone; the best of {MAILERS} mailers sharing {CHATS} chats"
)


def measure() -> float:
    """Return the messages a second it sends, at its best. Raises Missing."""
    with sink() as port_of_sink:
        best = max(_rate(port_of_sink, mailers) for mailers in MAILERS)
        taken = int(get(port_of_sink, "/count"))
    if taken != CHATS * len(MAILERS):
        raise RuntimeError(f"aiogram-broadcaster sent {taken} of {CHATS * len(MAILERS)}")
    return best


def _rate(port_of_sink: int, mailers: int) -> float:
    words = (str(port_of_sink), str(CHATS), str(mailers), TEXT)
    done = json.loads(output(python(), "-m", "benchmarks.peers.broadcasting", *words))
    return float(done["sent"] / done["seconds"])
