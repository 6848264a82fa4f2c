"""The gallery: pictures that have been drawn, each once for all who get it from this process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import structlog

from bot import faults
from bot.channels.base import Picture, digest
from bot.sending import chart

log = structlog.get_logger()

# Some 40 kB each.
KEPT = 50


class Gallery:
    """Keeps the pictures used last, by what `charts.of` says of them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Picture | None] = OrderedDict()
        self._drawing: dict[str, asyncio.Task[None]] = {}

    def has(self, said: str) -> bool:
        """Tell whether a picture has been drawn, or can't be."""
        return said in self._kept

    def shown(self, said: str) -> Picture | None:
        """Return a picture; None where it can't be drawn, so that the text goes alone."""
        found = self._kept.get(said)
        if said in self._kept:
            self._kept.move_to_end(said)
        return found

    async def draw(self, said: str) -> None:
        """Draw a picture in a thread; whoever wants the same one meanwhile waits for it too."""
        task = self._drawing.get(said)
        if task is None:
            task = self._drawing[said] = asyncio.create_task(self._draw(said))
            task.add_done_callback(lambda _: self._drawing.pop(said))
        await asyncio.shield(task)

    async def _draw(self, said: str) -> None:
        found = None
        try:
            found = Picture(digest(said), await asyncio.to_thread(chart.draw, said))
        except Exception as error:  # noqa: BLE001  whatever it is, the text says all without it
            log.warning("picture_failed", trace=faults.where(error))
        self._kept[said] = found
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
