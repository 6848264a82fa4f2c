"""Prism, a third-party server of OpenAPI descriptions, with Twilio's own description.

It checks both what we ask and what our fake answers. `make peers` installs it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODULES = Path(__file__).parents[2] / ".peers" / "node_modules"
_PRISM = _MODULES / ".bin" / "prism"
_SPEC = _MODULES / "@twilio/cli-core/src/services/twilio-api/twilio_api_v2010.json"
_START_SECONDS = 60


@contextmanager
def proxy(upstream: str, *, strict: bool = True) -> Iterator[str]:
    """Stand before `upstream`, answering 4xx or 5xx for whatever the description forbids.

    Where not strict, it passes all on and tells in the header `sl-violations`.
    """
    with _serve("proxy", str(_SPEC), upstream, *["--errors"] * strict) as url:
        yield url


@contextmanager
def mock() -> Iterator[str]:
    """Answer with the description's own examples."""
    with _serve("mock", str(_SPEC), "--errors") as url:
        yield url


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serve(*arguments: str) -> Iterator[str]:
    _require()
    port = free_port()
    command = [str(_PRISM), *arguments, "-h", "127.0.0.1", "-p", str(port), "-v", "error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_port(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _require() -> None:
    """Skip, or fail under REQUIRE_PEERS=1, saying what is missing."""
    found = {"node": shutil.which("node"), "prism": _PRISM.exists(), "spec": _SPEC.exists()}
    missing = ", ".join(name for name, there in found.items() if not there)
    if not missing:
        return
    reason = f"missing: {missing} (run `make peers`; node 20 or newer)"
    if os.environ.get("REQUIRE_PEERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"prism did not start (exit {process.poll()})")
