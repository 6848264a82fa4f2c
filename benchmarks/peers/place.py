"""Where the peers are, how they are started, and what is said where one is missing."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".peers" / "venv"
START_SECONDS = 30


class Missing(Exception):
    """A peer is not installed here."""


def python() -> str:
    """Return the Python of the peers' own environment. Raises Missing."""
    if not (VENV / ".installed").exists():
        raise Missing("there is no .peers/venv: make bench-peers")
    return str(VENV / "bin" / "python")


def program(*places: str) -> str:
    """Return the first of these programs that is installed. Raises Missing."""
    for place in places:
        if Path(place).exists():
            return place
    raise Missing(f"there is no {places[0]}: make bench-peers")


def output(*command: str, more: Mapping[str, str] | None = None) -> str:
    """Return what a program prints, started at the repository's root."""
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, **(more or {})},
    )  # fmt: skip
    return done.stdout


@contextlib.contextmanager
def running(*command: str, more: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run a program, started at the repository's root, until the block ends."""
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(more or {})},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_listening(port: int) -> None:
    """Wait until a port takes connections."""
    until = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > until:
            raise RuntimeError(f"nothing listens on port {port}")
        time.sleep(0.05)


def load(folder: Path, port: int, connections: int, requests: Iterable[bytes]) -> float:
    """Return requests a second over so many connections; a refused one is an error."""
    path = folder / "requests"
    with path.open("wb") as file:
        for request in requests:
            file.write(b"%d\n%b" % (len(request), request))
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(connections), str(path)]
    done = json.loads(output(*command))
    if done["bad"]:
        raise RuntimeError(f"{done['bad']} requests were refused")
    return float(done["good"] / done["seconds"])
