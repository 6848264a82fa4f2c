from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.dialog.forms import SKIPPED, Question
from handlers.dialog.kinds import number

OPEN = Question(kind="number", text={"en": "How many taps?"})
BOUND = OPEN.model_copy(update={"least": 1, "most": 31, "unit": "days"})
MUST = OPEN.model_copy(update={"skippable": False})


@pytest.mark.parametrize(
    ("question", "typed", "value"),
    [
        (OPEN, "12", "12"), (OPEN, "0", "0"), (OPEN, "007", "7"), (OPEN, "١٢", "12"),
        (OPEN, "#", SKIPPED), (OPEN, " # ", SKIPPED), (MUST, "#", None),
        (OPEN, "1 2", None), (OPEN, "twelve", None), (OPEN, "-3", None), (OPEN, "", None),
        (OPEN, "9" * 12, "9" * 12), (OPEN, "9" * 13, None),
        (BOUND, "1", "1"), (BOUND, "31", "31"), (BOUND, "0", None), (BOUND, "32", None),
    ],
)  # fmt: skip
def test_a_number_is_read_within_its_bounds(question, typed, value):
    """0 is a value, # skips, and what is out of bounds can't be read."""
    assert number.read(question, (), typed) == value


@given(st.integers(1, 31))
def test_every_number_within_the_bounds_is_read(wanted):
    """Whatever may be answered is read as it was meant."""
    assert number.read(BOUND, (), f" {wanted}. ") == str(wanted)


@pytest.mark.parametrize(
    ("question", "tail", "shown", "retry"),
    [
        (OPEN, "Send a number. # skips.", "7",
         "Sorry, we did not understand. Send only a number. Example: 12."),
        (MUST, "Send a number.", "7",
         "Sorry, we did not understand. Send only a number. Example: 12."),
        (BOUND, "Send a number (days). # skips.", "7 days",
         "Sorry, we did not understand. Send only a number from 1 to 31. Example: 1."),
        (OPEN.model_copy(update={"most": 9}), "Send a number. # skips.", "7",
         "Sorry, we did not understand. Send only a number from 0 to 9. Example: 0."),
    ],
)  # fmt: skip
def test_a_number_is_asked_with_its_unit_and_bounds(question, tail, shown, retry):
    """The tail names the unit and how to skip, the echo the unit, the retry the bounds."""
    assert number.tail(question, (), "en") == tail
    assert number.shown(question, (), "7", "en") == shown
    assert number.retry(question, (), "en") == retry


@pytest.mark.parametrize(
    ("bounds", "typed"),
    [
        ({}, ["#"]), ({"most": 7}, [*"01234567", "#"]), ({"most": 8}, ["#"]),
        ({"least": 5, "most": 7, "unit": "days"}, ["5", "6", "7", "#"]),
        ({"least": 3, "most": 3, "skippable": False}, ["3"]),
    ],
)  # fmt: skip
def test_few_numbers_are_buttons(bounds, typed):
    """Each with the unit; of more there is only a skip, where one may."""
    question = OPEN.model_copy(update=bounds)
    found = number.choices(question, (), "en")
    assert [data for _, data in found] == typed
    labels = [label for label, data in found if data != "#"]
    assert labels == [number.shown(question, (), data, "en") for data in typed if data != "#"]


@pytest.mark.parametrize(
    ("bounds", "right"),
    [({}, True), ({"least": 0, "most": 0}, True), ({"most": 9, "unit": "u" * 12}, True),
     ({"least": -1}, False), ({"most": -1}, False), ({"least": 3, "most": 2}, False),
     ({"unit": "u" * 13}, False)],
)  # fmt: skip
def test_bounds_that_can_be_typed(bounds, right):
    """No sign can be typed, the least is not above the most, and a unit is short."""
    assert (number.wrong(OPEN.model_copy(update=bounds)) == "") is right
