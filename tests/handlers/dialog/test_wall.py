from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.dialog.wall import first_instant, next_change
from storage import instant


def utc(text: str) -> int:
    """Return the instant of a wall-clock time."""
    return instant.of(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "day", "minute", "at"),
    [
        ("Africa/Accra", date(2026, 6, 1), 480, "2026-06-01T08:00"),
        ("Asia/Kathmandu", date(2026, 6, 1), 0, "2026-05-31T18:15"),
        # Clocks go from 02:00 to 03:00.
        ("Europe/Berlin", date(2026, 3, 29), 150, "2026-03-29T01:00"),
        ("Europe/Berlin", date(2026, 3, 29), 180, "2026-03-29T01:00"),
        # From 03:00 back to 02:00: 02:30 comes twice.
        ("Europe/Berlin", date(2026, 10, 25), 150, "2026-10-25T00:30"),
        # Midnight itself is passed over.
        ("Africa/Cairo", date(2026, 4, 24), 0, "2026-04-23T22:00"),
        # Samoa had no 30 December.
        ("Pacific/Apia", date(2011, 12, 30), 0, "2011-12-30T10:00"),
        ("Pacific/Apia", date(2011, 12, 30), 720, "2011-12-30T10:00"),
    ],
)
def test_first_instant(zone: str, day: date, minute: int, at: str) -> None:
    """Skipped times are the change itself, doubled ones their first."""
    assert first_instant(day, minute, ZoneInfo(zone)) == utc(at)


def test_next_change() -> None:
    """The change is found to the millisecond."""
    berlin = ZoneInfo("Europe/Berlin")
    assert next_change(utc("2026-03-28T12:00"), utc("2026-04-01T00:00"), berlin) == utc(
        "2026-03-29T01:00"
    )


@given(
    st.dates(date(2001, 1, 1), date(2037, 1, 1)),
    st.integers(0, 1439),
    st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Gaza"]),
)
@settings(max_examples=150)
def test_nothing_earlier_shows_it(day: date, minute: int, name: str) -> None:
    """The minute before, clocks showed less."""
    zone = ZoneInfo(name)
    wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60)  # noqa: DTZ001
    at = first_instant(day, minute, zone)
    assert instant.local(at, zone).replace(tzinfo=None) >= wall
    assert instant.local(at - 1, zone).replace(tzinfo=None) < wall
