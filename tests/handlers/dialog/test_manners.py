from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.dialog.manners import (
    Manners,
    Quiet,
    capped_until,
    month_start,
    next_month,
    quiet_until,
)
from storage import instant
from storage.errors import BadConfig, BadInput

ACCRA = ZoneInfo("Africa/Accra")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
NIGHT = Quiet.parse("20:00-08:00")
ZONES = [ACCRA, BERLIN, NEW_YORK, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kolkata")]
NONE = Quiet()


def at(text: str, zone: ZoneInfo = ACCRA) -> int:
    """Return the instant of a wall-clock time."""
    return instant.of(datetime.fromisoformat(text).replace(tzinfo=zone))


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("", Quiet(0, 0)),
        ("  ", Quiet(0, 0)),
        ("20:00-08:00", Quiet(1200, 480)),
        (" 9:30 - 17:05 ", Quiet(570, 1025)),
        ("22:00\u20136:00", Quiet(1320, 360)),
        ("13:00-24:00", Quiet(780, 0)),
    ],
)
def test_quiet_is_read(text: str, quiet: Quiet) -> None:
    """Quiet hours are two times of the day, or nothing."""
    assert Quiet.parse(text) == quiet


@pytest.mark.parametrize(
    "text",
    [
        *(
            "night",
            "20:00",
            "20-8",
            "20:00-08:00-09:00",
            "25:00-08:00",
            "20:60-08:00",
            "24:01-08:00",
        ),
        *("08:00-08:00", "00:00-24:00", "-", "20:00 to 08:00"),
    ],
)
def test_quiet_refuses(text: str) -> None:
    """Anything else is refused, and so is silence all day."""
    with pytest.raises(BadConfig, match="20:00-08:00") as caught:
        Quiet.parse(text)
    assert isinstance(caught.value, BadInput)


@pytest.mark.parametrize(
    ("zone", "quiet", "now", "end"),
    [
        (ACCRA, NIGHT, "2026-06-01T19:59:59", None),
        (ACCRA, NIGHT, "2026-06-01T20:00", "2026-06-02T08:00"),
        (ACCRA, NIGHT, "2026-06-02T00:00", "2026-06-02T08:00"),
        (ACCRA, NIGHT, "2026-06-02T07:59:59.999", "2026-06-02T08:00"),
        (ACCRA, NIGHT, "2026-06-02T08:00", None),
        (ACCRA, Quiet.parse("12:00-14:00"), "2026-06-01T13:00", "2026-06-01T14:00"),
        (ACCRA, Quiet.parse("12:00-14:00"), "2026-06-01T11:00", None),
        (ACCRA, Quiet.parse("12:00-14:00"), "2026-06-01T15:00", None),
        (ACCRA, Quiet.parse("22:00-24:00"), "2026-06-01T23:30", "2026-06-02T00:00"),
        (ACCRA, NONE, "2026-06-01T03:00", None),
        (BERLIN, NIGHT, "2026-03-28T22:00", "2026-03-29T08:00"),
        (BERLIN, NIGHT, "2026-10-24T22:00", "2026-10-25T08:00"),
        # 02:30 never comes that night: the change ends the quiet.
        (BERLIN, Quiet.parse("22:00-02:30"), "2026-03-28T23:00", "2026-03-29T03:00"),
        # 02:30 comes twice: the first ends it, and the hour shown again is quiet again.
        (BERLIN, Quiet.parse("22:00-02:30"), "2026-10-24T23:00", "2026-10-25T02:30"),
    ],
)
def test_quiet_until(zone: ZoneInfo, quiet: Quiet, now: str, end: str | None) -> None:
    """Quiet lasts until clocks show its end, over midnight and over changes of the clocks."""
    assert quiet_until(at(now, zone), zone, quiet) == (at(end, zone) if end else 0)


def test_quiet_in_the_doubled_hour() -> None:
    """In the hour that comes again, quiet ends when the clocks show its end again."""
    now = instant.of(datetime(2026, 10, 25, 1, 10, tzinfo=UTC))  # 02:10, for the second time
    assert quiet_until(now, BERLIN, Quiet.parse("22:00-02:30")) == now + 20 * instant.MINUTE


def test_quiet_that_the_clocks_go_back_out_of() -> None:
    """Where clocks are put back to before it began, quiet ends with the change."""
    now = instant.of(datetime(2026, 10, 25, 0, 45, tzinfo=UTC))  # 02:45, for the first time
    change = instant.of(datetime(2026, 10, 25, 1, 0, tzinfo=UTC))
    assert quiet_until(now, BERLIN, Quiet.parse("02:30-08:00")) == change


def test_quiet_that_the_change_only_moves() -> None:
    """A change on the way that leaves it quiet moves its end, by the clocks shown."""
    now = at("2026-03-29T01:30", BERLIN)
    assert quiet_until(now, BERLIN, NIGHT) == now + int(5.5 * instant.HOUR)


# Around a change of clocks, where it matters.
EDGES = [at("2026-03-29T00:00", BERLIN), at("2026-10-25T00:00", BERLIN), at("2026-11-01", NEW_YORK)]


@given(
    st.sampled_from(EDGES),
    st.integers(-12 * 60, 36 * 60),
    st.sampled_from(ZONES),
    st.integers(0, 95),
    st.integers(0, 95),
)
@settings(max_examples=150)
def test_quiet_ends_with_the_first_loud_minute(
    edge: int, minutes: int, zone: ZoneInfo, begin: int, end: int
) -> None:
    """What is returned is what looking at the clock each minute would find."""
    quiet = Quiet(begin * 15, end * 15)
    now = found = edge + minutes * instant.MINUTE
    while quiet.holds(instant.local(found, zone)):
        found += instant.MINUTE
    assert quiet_until(now, zone, quiet) == (found if found > now else 0)


WEDNESDAY = "2026-06-10T12:00"


@pytest.mark.parametrize(
    ("sent", "per_day", "per_week", "quiet", "until"),
    [
        ([], 1, 2, NIGHT, None),
        (["2026-06-09T12:00"], 1, 2, NIGHT, None),
        (["2026-06-10T08:00"], 1, 2, NIGHT, "2026-06-11T08:00"),
        (["2026-06-10T08:00"], 1, 2, NONE, "2026-06-11T00:00"),
        (["2026-06-10T08:00"], 2, 2, NIGHT, None),
        (["2026-06-10T08:00"], 0, 2, NIGHT, None),
        (["2026-06-10T08:00"] * 9, 0, 0, NIGHT, None),
        (["2026-06-10T08:00"] * 9, 1, 0, NIGHT, "2026-06-11T08:00"),
        (["2026-06-05T09:00", "2026-06-08T09:00"], 1, 2, NIGHT, "2026-06-12T08:00"),
        # The week is seven days with today: the 4th counts on the 10th, the 3rd does not.
        (["2026-06-04T23:59", "2026-06-08T09:00"], 1, 2, NIGHT, "2026-06-11T08:00"),
        (["2026-06-03T23:59", "2026-06-08T09:00"], 1, 2, NIGHT, None),
        (["2026-06-10T09:00", "2026-06-10T10:00"], 1, 2, NIGHT, "2026-06-17T08:00"),
        (["2026-06-10T10:00", "2026-06-08T09:00"], 1, 2, NIGHT, "2026-06-15T08:00"),
        # What is promised for tomorrow counts tomorrow.
        (["2026-06-10T10:00", "2026-06-11T09:00"], 1, 3, NIGHT, "2026-06-12T08:00"),
        (["2026-06-10T08:00"], 1, 2, Quiet.parse("12:00-14:00"), "2026-06-11T00:00"),
    ],
)
def test_capped_until(
    sent: list[str], per_day: int, per_week: int, quiet: Quiet, until: str | None
) -> None:
    """One more fits on the first day that has fewer than the day's and the week's limit."""
    earlier = [at(text) for text in sent]
    found = capped_until(at(WEDNESDAY), ACCRA, earlier, per_day, per_week, quiet)
    assert found == (at(until) if until else 0)


def test_caps_count_the_members_days() -> None:
    """A message at 23:30 UTC was the next day's in Kolkata."""
    kolkata = ZoneInfo("Asia/Kolkata")
    sent = [at("2026-06-09T23:30")]
    now = at("2026-06-10T12:00")
    assert capped_until(now, ACCRA, sent, 1, 0, NONE) == 0
    assert capped_until(now, kolkata, sent, 1, 0, NONE) == at("2026-06-11T00:00", kolkata)


@given(
    st.lists(st.integers(-9 * 24, 24), max_size=6),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from(ZONES),
    st.sampled_from([NONE, NIGHT]),
)
@settings(max_examples=150)
def test_what_capped_until_promises_holds(
    hours: list[int], per_day: int, per_week: int, zone: ZoneInfo, quiet: Quiet
) -> None:
    """At the instant it returns the message fits, and it is not quiet."""
    now = EDGES[0]
    sent = [now + hour * instant.HOUR for hour in hours]
    until = capped_until(now, zone, sent, per_day, per_week, quiet)
    if until:
        assert until > now
        assert instant.local(until, zone).date() > instant.local(now, zone).date()
        assert capped_until(until, zone, sent, per_day, per_week, quiet) == 0
        assert quiet_until(until, zone, quiet) == 0


@pytest.mark.parametrize(
    ("zone", "now", "start", "end"),
    [
        (ACCRA, "2026-06-10T12:00", "2026-06-01T00:00", "2026-07-01T00:00"),
        (ACCRA, "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00"),
        (NEW_YORK, "2026-02-01T00:00", "2026-02-01T00:00", "2026-03-01T00:00"),
        (NEW_YORK, "2026-11-01T01:30", "2026-11-01T00:00", "2026-12-01T00:00"),
        (BERLIN, "2026-01-31T23:00", "2026-01-01T00:00", "2026-02-01T00:00"),
    ],
)
def test_months(zone: ZoneInfo, now: str, start: str, end: str) -> None:
    """The budget's month is the calendar's, by the alliance's clock."""
    assert month_start(at(now, zone), zone) == at(start, zone)
    assert next_month(at(now, zone), zone) == at(end, zone)


def test_default_manners() -> None:
    """Without a word in the configuration nights are quiet and two messages a week the most."""
    manners = Manners()
    assert (manners.quiet, manners.per_day, manners.per_week) == (NIGHT, 1, 2)
    assert manners.ttl_ms == 2 * instant.DAY
