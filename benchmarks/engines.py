"""The engines that are measured: each gives an empty storage of its own for as long as a block."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.postgres_server import DURABLE, running

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "sqlite:///bench.db"
ENGINES = ("sqlite", "postgres")


@contextlib.contextmanager
def storage(engine: str) -> Iterator[str]:
    """Give the URL of an empty storage: a file of the folder, or a durable server's database."""
    if engine == "sqlite":
        yield FILE
        return
    with running(DURABLE) as server:
        yield f"{server.address}/postgres"
