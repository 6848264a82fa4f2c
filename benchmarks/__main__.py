"""Runs every benchmark, prints `name: value unit` lines, writes benchmarks/latest.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks import divide, fanout, idle, inbound, open_loop, outbound, pace, results
from benchmarks.peers import together

PARTS = {
    "idle": idle.measure,
    "inbound": inbound.measure,
    "open_loop": open_loop.measure,
    "outbound": outbound.measure,
    "pace": pace.measure,
    "divide": divide.measure,
    "fanout": fanout.measure,
    "results": results.measure,
    "peers": together.measure,
}
UNITS = {"_per_s": "/s", "_ratio": "x", "_mib": "MiB", "_ms": "ms", "_s": "s", "_errors": ""}


def unit(name: str) -> str:
    """Return the unit that a figure's name ends in, before its engine if it has one."""
    bare = name.removesuffix("_sqlite").removesuffix("_postgres")
    return next(unit for ending, unit in UNITS.items() if bare.endswith(ending))


def main(wanted: list[str]) -> None:
    """Measure the parts that are named, or all."""
    figures: dict[str, float] = {}
    for part in wanted or PARTS:
        for name, value in PARTS[part]().items():
            figures[name] = round(value, 3)
            print(f"{name}: {value:.3f} {unit(name)}".rstrip(), flush=True)
    target = Path(__file__).parent / "latest.json"
    target.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
