from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.sending.pace import FIRST_PAUSE, LONGEST_PAUSE, Pace

# A message's segments, and how long after the one before it came up.
MESSAGES = st.lists(st.tuples(st.integers(1, 7), st.floats(0, 1.5)), min_size=1, max_size=60)


def written(pace, messages):
    """Return (instant, units) of messages that each wait for their turn, one after the other."""
    now, found = 0.0, []
    for units, later in messages:
        now += later
        while wait := pace.wait(units, now):
            now += wait
        pace.write(units, now)
        found.append((now, units))
    return found


@given(MESSAGES, st.sampled_from([0.5, 1.0, 3.0, 10.0, 30.0]))
def test_no_second_exceeds_the_rate(messages, rate):
    """In no window [t, t + 1 s) is more written than the rate, but for one larger message."""
    found = written(Pace(rate), messages)
    for at, _ in found:
        inside = [units for when, units in found if at <= when < at + 1.0]
        assert sum(inside) <= rate or len(inside) == 1


@given(MESSAGES, st.sampled_from([1.0, 10.0, 30.0]))
def test_the_rate_is_used(messages, rate):
    """A message that fits into the last second's rate is not kept waiting."""
    pace = Pace(rate)
    found = written(pace, messages)
    now = found[-1][0]
    lately = sum(units for at, units in found if at > now - 1.02)
    if lately + 1 <= rate:
        assert pace.wait(1, now) == 0.0


def test_a_pause_holds_everything_for_exactly_as_long_as_is_asked():
    """Where the provider says how long, nothing leaves before, and all goes on after."""
    pace = Pace(100)
    assert pace.trouble(7, 50.0) == 7
    assert (pace.wait(1, 50.0), pace.rest(51.0), pace.wait(1, 57.0)) == (7.0, 6.0, 0.0)


def test_a_shorter_pause_does_not_end_a_longer_one():
    """Requests in flight may each be told to wait: the longest counts."""
    pace = Pace(100)
    pace.trouble(30, 0.0)
    pace.trouble(1, 0.5)
    assert pace.rest(1.0) == 29.0


def test_without_a_word_the_pause_grows_until_something_gets_through():
    """Troubles in a row double the pause, to a bound; those of one moment count as one."""
    pace, now, pauses = Pace(100), 0.0, []
    for _ in range(8):
        pauses.append(pace.trouble(None, now))
        assert pace.trouble(None, now) == pauses[-1], "of the same moment"
        now += pauses[-1]
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    pace.well()
    assert pace.trouble(None, now) == FIRST_PAUSE
