"""Open loop: answers arrive at half of what the server can take, and each is timed from its due
instant. `OPEN_LOOP_SECONDS` (300) says for how long.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.answers import check, open_poll
from benchmarks.engines import ENGINES, storage
from benchmarks.inbound import ANSWERS, WARM, load
from benchmarks.place import configure, free_port, server, sink

SECONDS = float(os.environ.get("OPEN_LOOP_SECONDS", "300"))
# So many that nobody writes more often than is answered: twenty times an hour.
PEOPLE = max(ANSWERS, round(200 * SECONDS))
# When the server's memory is looked at: once it has met its load, then as time goes on.
LOOKS = {"start": 0.1, "middle": 0.5, "end": 1.0}


def measure() -> dict[str, float]:
    """Return on each engine the rate, how long answers took, the errors, and the memory."""
    figures: dict[str, float] = {}
    for engine in ENGINES:
        found = _on(engine)
        figures |= {f"open_loop_{name}_{engine}": value for name, value in found.items()}
    return figures


def _on(engine: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name, sink() as port_of_sink, storage(engine) as url:
        folder, port = Path(name), free_port()
        configure(folder, port, port_of_sink, 10, "sms", url=url)
        asyncio.run(open_poll(folder, PEOPLE))
        with server(folder, port) as served:
            load(folder, port, "warm", WARM)
            rate = load(folder, port, "real", ANSWERS) / 2
            found = _arrive(served.pid, port, rate)
        messages = round(rate * SECONDS)
        people = max(ANSWERS, min(messages, PEOPLE))
        asyncio.run(check(folder, people, WARM + ANSWERS + messages, round(found["errors"])))
    return {"per_s": rate, **found}


def _arrive(pid: int, port: int, rate: float) -> dict[str, float]:
    """Let messages arrive, and look at the memory of the server meanwhile."""
    words = [str(port), str(rate), str(SECONDS), str(PEOPLE)]
    running = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.arrivals", *words], stdout=subprocess.PIPE, text=True
    )
    began, memory = time.monotonic(), {}
    for name, share in LOOKS.items():
        time.sleep(max(0.0, began + share * SECONDS - time.monotonic()))
        memory[f"rss_{name}_mib"] = resident(pid)
    output, _ = running.communicate(timeout=SECONDS)
    done = json.loads(output)
    figures = {name: float(value) for name, value in done.items() if name.endswith("_ms")}
    return {**figures, "errors": float(done["bad"]), **memory}


def resident(pid: int) -> float:
    """Return the memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1_024
