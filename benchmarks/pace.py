"""Pace: what a channel of a set rate sends, by when requests are written and at the sink.

One process and four together; a mean and a worst second, each as a part of the rate.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import broadcast
from benchmarks.engines import storage
from benchmarks.place import configure, free_port, get, server, sink

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 15
RATES = (30, 1_000)
SETTINGS = (("sqlite", 1), ("postgres", 1), ("postgres", 4))
COUNTED = {1: "one", 4: "four"}


class Seen(NamedTuple):
    """When messages were written, and when they arrived."""

    written: list[float]
    arrived: list[float]


def measure() -> dict[str, float]:
    """Return the mean at the sink, and the worst seconds, for each rate and setting."""
    figures: dict[str, float] = {}
    for rate in RATES:
        for engine, processes in SETTINGS:
            seen = run(engine, processes, rate)
            name = f"pace_{rate}_{COUNTED[processes]}"
            figures[f"{name}_mean_ratio_{engine}"] = mean(seen.arrived) / rate
            figures[f"{name}_worst_ratio_{engine}"] = worst(seen.arrived) / rate
            figures[f"{name}_worst_written_ratio_{engine}"] = worst(seen.written) / rate
    return figures


def run(engine: str, processes: int, rate: int) -> Seen:
    """Send for some seconds at a rate, from so many processes."""
    count = rate * SECONDS
    with tempfile.TemporaryDirectory() as name, sink() as sinks, storage(engine) as url:
        folder = Path(name)
        configure(folder, free_port(), sinks, rate, "sms", url=url)
        broadcast.fill(folder, "sms", count)
        with contextlib.ExitStack() as stack:
            for number in range(processes):
                port = free_port()
                words = ("serve", "-c", str(folder / "config.toml"), "--listen")
                kept = str(folder / f"written{number}.json")
                stack.enter_context(
                    server(folder, port, "benchmarks.writing", kept, *words, f"127.0.0.1:{port}")
                )
            time.sleep(1)
            broadcast.send(folder, count)
            arrived = json.loads(get(sinks, "/arrivals"))
        written = [
            instant
            for number in range(processes)
            for instant in json.loads((folder / f"written{number}.json").read_text())
        ]
    if len(arrived) != count or len(written) != count:
        raise RuntimeError(f"{len(written)} were written and {len(arrived)} arrived of {count}")
    return Seen(sorted(written), sorted(arrived))


def mean(instants: Sequence[float]) -> float:
    """Return how many came a second, from the first to the last."""
    return (len(instants) - 1) / (instants[-1] - instants[0])


def worst(instants: Sequence[float]) -> int:
    """Return how many came within the worst second; the instants are in order."""
    most = first = 0
    for last, instant in enumerate(instants):
        while instants[first] <= instant - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most
