from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.dialog.messages import WHEN
from handlers.dialog.when import EXAMPLES, NAMES, read_span, read_when, say_when
from storage import instant
from storage.errors import BadWhen

ACCRA = ZoneInfo("Africa/Accra")
BERLIN = ZoneInfo("Europe/Berlin")
NOW_TEXT = "2026-06-10T12:00"  # a Wednesday


def at(text: str, zone: ZoneInfo = ACCRA) -> int:
    """Return the instant of a wall-clock time."""
    return instant.of(datetime.fromisoformat(text).replace(tzinfo=zone))


NOW = at(NOW_TEXT)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-01T18:00Z", "2026-12-01T18:00"),
        ("2026-12-01t18:00:30z", "2026-12-01T18:00:30"),
        ("2026-12-01 18:00 +02:00", "2026-12-01T16:00"),
        ("2026-12-01T18:00:00.250-0530", "2026-12-01T23:30:00.250"),
        ("2026-12-01T18:00+02", "2026-12-01T16:00"),
        ("2026-12-01 18:00", "2026-12-01T18:00"),
        ("2026-12-01T18:00", "2026-12-01T18:00"),
        ("2026-12-01 18:00:05", "2026-12-01T18:00:05"),
        ("2026-12-01 6pm", "2026-12-01T18:00"),
        ("2026-12-01", "2026-12-01T23:59"),
        ("2026-06-10", "2026-06-10T23:59"),
        ("90m", "2026-06-10T13:30"),
        ("2h", "2026-06-10T14:00"),
        ("2 h", "2026-06-10T14:00"),
        ("in 2 hours", "2026-06-10T14:00"),
        ("٢h", "2026-06-10T14:00"),
        ("3d", "2026-06-13T12:00"),
        ("1W", "2026-06-17T12:00"),
        ("1d 12h", "2026-06-12T00:00"),
        ("18:00", "2026-06-10T18:00"),
        ("9:30", "2026-06-11T09:30"),
        ("12:00", "2026-06-11T12:00"),
        ("6pm", "2026-06-10T18:00"),
        ("at 6 pm", "2026-06-10T18:00"),
        ("6:45pm", "2026-06-10T18:45"),
        ("12am", "2026-06-11T00:00"),
        ("12pm", "2026-06-11T12:00"),
        ("fri 18:00", "2026-06-12T18:00"),
        ("Fri 6pm", "2026-06-12T18:00"),
        ("friday, 6pm", "2026-06-12T18:00"),
        ("Thurs at 10am", "2026-06-11T10:00"),
        ("fri", "2026-06-12T23:59"),
        ("wed 18:00", "2026-06-10T18:00"),
        ("wed 9am", "2026-06-17T09:00"),
        ("mon 9am", "2026-06-15T09:00"),
        ("today 6pm", "2026-06-10T18:00"),
        ("tomorrow 9am", "2026-06-11T09:00"),
        ("Tomorrow", "2026-06-11T23:59"),
        ("12 Jun 10am", "2026-06-12T10:00"),
        ("12 june", "2026-06-12T23:59"),
        ("3 Jan 10:00", "2027-01-03T10:00"),
        ("29 feb 10am", "2028-02-29T10:00"),
        ("12 Jun 2027 10am", "2027-06-12T10:00"),
        ("\u200fFri\u00a06pm", "2026-06-12T18:00"),
    ],
)
def test_read_when(text: str, meant: str) -> None:
    """Instants, local times, days, times of day and spans are read as people write them."""
    assert read_when(text, NOW, ACCRA) == at(meant)


@pytest.mark.parametrize(
    ("text", "now", "meant"),
    [
        ("18:00", "2026-10-25T00:30", datetime(2026, 10, 25, 17, tzinfo=UTC)),
        ("2026-07-01 18:00", "2026-06-10T12:00", datetime(2026, 7, 1, 16, tzinfo=UTC)),
        # No clock showed 02:30 that night: the change does.
        ("02:30", "2026-03-29T00:30", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        # A span is so many hours, whatever clocks do.
        ("24h", "2026-03-28T12:00", datetime(2026, 3, 29, 11, tzinfo=UTC)),
    ],
)
def test_read_when_by_the_zone(text: str, now: str, meant: datetime) -> None:
    """A local time is the zone's, over its changes; a span is not."""
    assert read_when(text, at(now, BERLIN), BERLIN) == instant.of(meant)


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "18", "25:00", "18:60", "18:00:60", "13pm", "0pm", "6:60pm", "fri 25:00"),
        *("2026-13-01", "2026-02-30", "2026-12-01 noon", "30 feb", "0 jun", "12 foo", "xyz 6pm"),
        *("2026-12-01T25:00Z", "0000-01-01", "2s", "h", "-2h", "fri fri", "mon tue 6pm", "1e5h"),
        *("29 feb 2027", "2026-12-01T18:00+99:00", "fr 6pm", "x" * 5_000),
    ],
)
def test_read_when_refuses(text: str) -> None:
    """What can't be read is answered with examples, and with no more of it than fits."""
    with pytest.raises(BadWhen) as caught:
        read_when(text, NOW, ACCRA)
    assert str(caught.value).endswith(EXAMPLES)
    assert len(str(caught.value)) <= 160


@pytest.mark.parametrize(
    "text",
    [
        *("2026-06-10 11:59", "2026-06-10T12:00Z", "2026-06-09", "today 9am", "0h", "0001-01-01"),
        *("0001-01-01T00:00+14:00", "12 Jun 2025 10am"),
    ],
)
def test_read_when_is_never_past(text: str) -> None:
    """A time that is now or past is refused as such."""
    with pytest.raises(BadWhen, match="that time is past"):
        read_when(text, NOW, ACCRA)


@pytest.mark.parametrize(
    "text", ["999999w", "9999-12-31", "9999-12-31T23:59-12:00", "2040-01-01 10:00", "1 jan 2037"]
)
def test_read_when_is_never_far(text: str) -> None:
    """A time more than ten years ahead is a slip of the finger."""
    with pytest.raises(BadWhen, match="too far away"):
        read_when(text, NOW, ACCRA)


@given(st.text(st.characters(exclude_categories=[]), max_size=30))
@settings(max_examples=150)
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes it fail otherwise, and what it returns is ahead."""
    with suppress(BadWhen):
        assert read_when(text, NOW, BERLIN) > NOW


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("48h", 48 * instant.HOUR),
        ("1d12h", 36 * instant.HOUR),
        ("2 weeks", 14 * instant.DAY),
        ("10min", 10 * instant.MINUTE),
        ("2x", None),
        ("2h ago", None),
        ("", None),
    ],
)
def test_read_span(text: str, span: int | None) -> None:
    """A span is whole minutes, hours, days and weeks, added up."""
    assert read_span(text) == span


@pytest.mark.parametrize(
    ("instant_text", "said"),
    [
        ("2026-06-12T18:00", "Fri 6pm"),
        ("2026-06-12T18:30", "Fri 18:30"),
        ("2026-06-10T18:00", "Wed 6pm"),
        ("2026-06-16T10:00", "Tue 10am"),
        ("2026-06-17T10:00", "17 Jun 10am"),
        ("2026-06-12T12:00", "Fri 12:00"),
        ("2026-06-13T00:00", "Sat 00:00"),
        ("2026-06-13T09:05", "Sat 09:05"),
        ("2026-06-09T10:00", "9 Jun 10am"),
        ("2027-01-03T10:00", "3 Jan 10am"),
        ("2027-06-12T10:00", "12 Jun 2027 10am"),
        ("2025-06-12T10:00", "12 Jun 2025 10am"),
    ],
)
def test_say_when(instant_text: str, said: str) -> None:
    """The coming days have their names, other days their dates, full hours am and pm."""
    assert say_when(at(instant_text), NOW, ACCRA) == said


def test_say_when_by_the_zone() -> None:
    """The day and the hour are those of the zone."""
    assert say_when(at("2026-06-12T23:00"), NOW, BERLIN) == "Sat 1am"


@pytest.mark.parametrize(
    ("language", "instant_text", "said"),
    [
        ("es", "2026-06-12T18:00", "vie 6pm"),
        ("es", "2026-06-13T18:30", "sáb 18:30"),
        ("es_MX", "2026-06-30T12:00", "30 jun 12:00"),
        ("es", "2027-06-12T10:00", "12 jun 2027 10am"),
        ("ar", "2026-06-12T18:00", "الجمعة 6م"),
        ("ar", "2026-06-13T10:00", "السبت 10ص"),
        ("ar", "2026-09-30T18:30", "30 سبتمبر 18:30"),
        ("ar", "2027-06-12T10:00", "12/6/2027 10ص"),
        ("fr", "2026-06-12T18:00", "Fri 6pm"),
    ],
)
def test_say_when_in_another_language(language: str, instant_text: str, said: str) -> None:
    """A language brings its names; where those are long a day with its year is in numbers."""
    assert say_when(at(instant_text), NOW, ACCRA, language) == said


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize("minute", [0, 5, 12 * 60, 18 * 60, 22 * 60 + 30])
def test_no_instant_is_longer_than_messages_leave_room_for(language: str, minute: int) -> None:
    """Whatever the day, an instant in words has 18 characters at most, in every language."""
    for day in range(-400, 800):
        meant = NOW + day * instant.DAY + minute * instant.MINUTE
        assert len(say_when(meant, NOW, ACCRA, language)) <= len(WHEN)


@given(st.integers(1, 3 * 365 * 24 * 60), st.sampled_from([ACCRA, ZoneInfo("Asia/Kolkata")]))
@settings(max_examples=150)
def test_what_is_said_is_read_back(minutes: int, zone: ZoneInfo) -> None:
    """A person who repeats the time that the bot said means that time."""
    meant = NOW + minutes * instant.MINUTE
    assert read_when(say_when(meant, NOW, zone), NOW, zone) == meant
