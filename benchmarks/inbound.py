"""Inbound: a signed webhook with a poll answer, recorded, its echo queued, durable."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

from benchmarks.answers import Webhooks, check, open_poll
from benchmarks.engines import ENGINES, storage
from benchmarks.place import configure, free_port, server, sink

ANSWERS = 8_000
WARM = ANSWERS // 8
# So many that some are read while others are committed; the floor has as many.
CONNECTIONS = 128


def measure() -> dict[str, float]:
    """Return the rates of the floor and of the program on each engine, and their ratios."""
    floors: list[float] = []
    rates: dict[str, float] = {}
    for engine in ENGINES:
        with tempfile.TemporaryDirectory() as name, sink() as port_of_sink:
            folder, port = Path(name), free_port()
            with storage(engine) as url:
                configure(folder, port, port_of_sink, 10, "sms", url=url)
                asyncio.run(open_poll(folder, ANSWERS))
                floors.append(_floor(folder, port))
                with server(folder, port):
                    load(folder, port, "warm", WARM)
                    rates[engine] = load(folder, port, "real", ANSWERS)
                asyncio.run(check(folder, ANSWERS, WARM + ANSWERS))
    floor = mean(floors)
    figures = {"inbound_floor_per_s": floor}
    for engine, rate in rates.items():
        figures[f"inbound_per_s_{engine}"] = rate
        figures[f"inbound_ratio_{engine}"] = rate / floor
    return figures


def _floor(folder: Path, port: int) -> float:
    """Return the rate of the same server and door without anything behind it."""
    with server(folder, port, "benchmarks.checking", str(folder / "config.toml")):
        load(folder, port, "warm", WARM)
        return load(folder, port, "floor", ANSWERS)


def load(folder: Path, port: int, label: str, count: int) -> float:
    """Let so many people answer, each connection one after the other; return the rate."""
    path, webhooks = folder / "requests", Webhooks(port)
    with path.open("wb") as file:
        for number in range(count):
            request = webhooks.answer(label, number, number)
            file.write(b"%d\n" % len(request) + request)
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(CONNECTIONS), str(path)]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if done["bad"]:
        raise RuntimeError(f"{done['bad']} requests were refused")
    return float(done["good"] / done["seconds"])
