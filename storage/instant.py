"""Instants as the database keeps them: whole milliseconds since the epoch, UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def clock() -> int:
    """Return the machine's present instant; only edges call it."""
    return time.time_ns() // 1_000_000


def of(moment: datetime) -> int:
    """Return the instant of an aware datetime."""
    return int(moment.timestamp() * 1_000)


def local(instant: int, zone: ZoneInfo) -> datetime:
    """Return the instant as wall-clock time in a zone."""
    return datetime.fromtimestamp(instant / 1_000, UTC).astimezone(zone)
