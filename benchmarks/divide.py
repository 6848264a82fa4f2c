"""Dividing: what four sending processes do with a slow carrier, beside one of them."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path

from benchmarks import broadcast
from benchmarks.engines import storage
from benchmarks.place import configure, free_port, server, sink

ANSWER_SECONDS = 0.2
IN_FLIGHT = 32  # a process
RECIPIENTS = 1_500  # a process
RATE = 10_000  # above what can be sent


def measure() -> dict[str, float]:
    """Return what one process and four send a second on PostgreSQL, and the ratio."""
    one, four = _run(1), _run(4)
    return {
        "divide_one_per_s_postgres": one,
        "divide_four_per_s_postgres": four,
        "divide_ratio_postgres": four / one,
    }


def _run(processes: int) -> float:
    count = RECIPIENTS * processes
    with (
        tempfile.TemporaryDirectory() as name,
        sink(ANSWER_SECONDS) as sinks,
        storage("postgres") as url,
    ):
        folder = Path(name)
        configure(folder, free_port(), sinks, RATE, "sms", url=url)
        config = folder / "config.toml"
        written = config.read_text().replace("in_flight = 64", f"in_flight = {IN_FLIGHT}")
        config.write_text(written)
        broadcast.fill(folder, "sms", count)
        with contextlib.ExitStack() as stack:
            for _ in range(processes):
                port = free_port()
                words = ("serve", "-c", str(config), "--listen", f"127.0.0.1:{port}")
                stack.enter_context(server(folder, port, "bot", *words))
            time.sleep(1)
            return count / broadcast.send(folder, count)
