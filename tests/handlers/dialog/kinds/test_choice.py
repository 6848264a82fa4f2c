from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.dialog.forms import SKIPPED, Option, Question
from handlers.dialog.kinds import choice

TAPS = Option(value="a", text={"en": "Taps", "fr": "Robinets"})
PRICE = Option(value="b", text={"en": "Price"})
OPTIONS = (TAPS, PRICE)
EITHER = Question(kind="choice", text={"en": "Which?"}, options=OPTIONS)
MUST = EITHER.model_copy(update={"skippable": False})


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1", "a"), (" 2. ", "b"), ("(1)", "a"), ('"2"', "b"), ("٢", "b"), ("２", "b"), ("02", "b"),
        ("0", SKIPPED), ("3", None), ("12", None), ("1 2", None), ("-1", None), ("#", None),
        ("Taps", None), ("1 Taps", None), ("", None), ("1111", None), ("0001", None),
    ],
)  # fmt: skip
def test_a_digit_chooses_and_zero_skips(typed, value):
    """Digits alone are read, in any script, with a stray sign; 0 skips; all else can't be read."""
    assert choice.read(EITHER, OPTIONS, typed) == value


def test_a_question_that_must_be_answered_has_no_zero():
    """0 chooses nothing where a question can't be skipped."""
    assert choice.read(MUST, OPTIONS, "0") is None
    assert "0" not in choice.tail(MUST, OPTIONS, "en")
    assert choice.choices(MUST, OPTIONS, "en") == [("1 Taps", "1"), ("2 Price", "2")]
    assert choice.retry(MUST, OPTIONS, "en") == (
        "Sorry, we did not understand. Send only one number from 1 to 2. Example: 2."
    )


@given(st.text())
def test_nothing_typed_is_taken_for_what_was_not_offered(typed):
    """Whatever is typed stands for an option, for a skip, or for nothing."""
    assert choice.read(EITHER, OPTIONS, typed) in {"a", "b", SKIPPED, None}


def test_the_options_are_numbered_in_the_persons_language():
    """The tail lists the options with their digits, in their language where there is one."""
    assert choice.tail(EITHER, OPTIONS, "en") == "1 Taps 2 Price 0 Skip. Send one number."
    assert choice.tail(EITHER, OPTIONS, "fr").startswith("1 Robinets 2 Price 0")


def test_what_was_chosen_is_shown_with_its_digit():
    """The echo names the digit and the option; a value no longer offered is shown as it is."""
    assert choice.shown(EITHER, OPTIONS, "b", "en") == "2 Price"
    assert choice.shown(EITHER, OPTIONS, "gone", "en") == "gone"


def test_buttons_type_the_digit():
    """Each option is a button, and so is skipping."""
    assert choice.choices(EITHER, OPTIONS, "en") == [
        ("1 Taps", "1"), ("2 Price", "2"), ("0 Skip", "0"),
    ]  # fmt: skip


def test_who_is_not_understood_hears_how_to_answer():
    """The retry names the digits, an example and how to skip."""
    assert choice.retry(EITHER, OPTIONS, "en") == (
        "Sorry, we did not understand. Send only one number from 1 to 2. Example: 2."
        " Send 0 to skip, HELP for help."
    )
