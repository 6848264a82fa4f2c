from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sending.pace import FIRST_PAUSE, LATE, LONGEST_PAUSE, WINDOW, Pause, offsets

SECOND = 1_000_000
RATES = st.sampled_from([0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 10.0, 30.0])
# Blocks as processes reserve them, one after the other: the segments of each message.
BLOCKS = st.lists(st.lists(st.integers(1, 11), min_size=1, max_size=25), min_size=1, max_size=12)
SINGLE = st.lists(st.lists(st.just(1), min_size=1, max_size=25), min_size=1, max_size=12)


def timetable(blocks, rate, idle=()):
    """Return (slot, units) of all messages, in microseconds."""
    found, at = [], 0
    for number, units in enumerate(blocks):
        at += idle[number] if number < len(idle) else 0
        slots, length = offsets(units, rate)
        assert length > slots[-1]
        found += [(at + slot, size) for slot, size in zip(slots, units, strict=True)]
        at += length
    return found


@given(st.one_of(BLOCKS, SINGLE), RATES, st.lists(st.integers(0, SECOND), max_size=12), st.data())
def test_no_second_exceeds_the_rate(blocks, rate, idle, data):
    """In no window [t, t + 1 s) is more written than the rate, but for one larger message.

    Whichever process made the blocks, and however late within LATE each message is written.
    """
    slots = timetable(blocks, rate, idle)
    late = data.draw(
        st.lists(
            st.sampled_from([0, 1, round(LATE * SECOND)]) | st.integers(0, round(LATE * SECOND)),
            min_size=len(slots), max_size=len(slots),
        )
    )  # fmt: skip
    found = sorted((slot + more, size) for (slot, size), more in zip(slots, late, strict=True))
    for at, _ in found:
        inside = [size for when, size in found if at <= when < at + SECOND]
        assert sum(inside) <= rate or len(inside) == 1


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.sampled_from([10.0, 30.0, 1_000]))
def test_all_of_the_rate_is_used(sizes, rate):
    """Messages of one segment leave at the rate, but for what LATE asks, however they come."""
    slots = timetable([[1] * size for size in sizes], rate)
    for number, (slot, _) in enumerate(slots):
        assert slot <= number / rate * WINDOW * SECOND + number


@given(st.lists(st.integers(1, 7), min_size=1, max_size=200), st.sampled_from([10.0, 30.0]))
def test_the_mean_never_exceeds_the_rate(sizes, rate):
    """A stretch is at least as long as what is in it takes, and more only where it must be."""
    _, length = offsets(sizes, rate)
    assert length >= sum(sizes) / rate * SECOND
    _, equal = offsets([2] * 100, rate)
    assert equal <= (2 * 100 + 1) / rate * WINDOW * SECOND + 400


@pytest.mark.parametrize(
    ("units", "slots"),
    [
        ([1], [0]),
        ([1, 1, 1], [0, 103_000, 206_000]),
        ([2], [103_000]),
        ([1] * 9 + [2], [n * 103_000 for n in range(9)] + [10 * 103_000]),
        ([12, 1], [9 * 103_000, 21 * 103_000]),
    ],
)
def test_a_larger_message_waits_until_it_fits(units, slots):
    """As if only single segments had gone before; one larger than the rate goes alone."""
    assert offsets(units, 10)[0] == slots


def test_a_pause_holds_everything_for_exactly_as_long_as_is_asked():
    """Where the provider says how long, nothing leaves before, and all goes on after."""
    pause = Pause()
    assert pause.trouble(7, 50.0) == 7
    assert (pause.rest(50.0), pause.rest(51.0), pause.rest(57.0)) == (7.0, 6.0, 0.0)


def test_a_shorter_pause_does_not_end_a_longer_one():
    """Requests in flight may each be told to wait: the longest counts."""
    pause = Pause()
    pause.trouble(30, 0.0)
    pause.trouble(1, 0.5)
    assert pause.rest(1.0) == 29.0


def test_without_a_word_the_pause_grows_until_something_gets_through():
    """Troubles in a row double the pause, to a bound; those of one moment count as one."""
    pause, now, pauses = Pause(), 0.0, []
    for _ in range(8):
        pauses.append(pause.trouble(None, now))
        assert pause.trouble(None, now) == pauses[-1], "of the same moment"
        now += pauses[-1]
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    pause.well()
    assert pause.trouble(None, now) == FIRST_PAUSE
