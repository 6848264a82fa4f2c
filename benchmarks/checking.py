"""The inbound floor: the same server and door, which checks signatures and does nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
import uvloop
from prometheus_client import CollectorRegistry

from bot.app import channels_of
from bot.config import load
from bot.web import doors
from bot.web.metrics import Metrics
from bot.web.serving import listening, server_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.channels.base import Event


async def main(path: Path) -> None:
    """Serve until terminated."""
    settings = load(path)

    async def accept(events: Sequence[Event]) -> None:
        """Drop what the channel read."""

    async def ready() -> list[str]:
        return []

    app = doors.build(
        channels=channels_of(settings), accept=accept, ready=ready,
        metrics=Metrics(CollectorRegistry()), simulator=None, numbers=str,
    )  # fmt: skip
    await uvicorn.Server(server_config(app)).serve([listening(settings.web)])


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
