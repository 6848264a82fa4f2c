"""Who is told of commits, on either engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger()


class Listening:
    """Those who hear of commits; one whose hearing fails stops no other."""

    def __init__(self) -> None:
        self._heard: list[Callable[[str], None]] = []

    def add(self, heard: Callable[[str], None]) -> None:
        """Call `heard(topic)` from now on."""
        self._heard.append(heard)

    def tell(self, topic: str) -> None:
        """Call every listener."""
        for heard in self._heard:
            try:
                heard(topic)
            except Exception:  # whoever hears must not stop what is told
                log.exception("listener_failed", topic=topic)
