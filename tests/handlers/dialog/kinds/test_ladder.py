from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.dialog.forms import SKIPPED, Option, Question
from handlers.dialog.kinds import ladder

TEXTS = ("Not yet", "Begun", "Half", "Nearly", "Fully")
NAMED = tuple(Option(value=str(at), text={"en": text}) for at, text in enumerate(TEXTS))
FRENCH = (Option(value="0", text={"en": "Not yet", "fr": "Pas encore"}), *NAMED[1:])
ENDS = tuple(
    Option(value=str(at), text={"en": t}) for at, t in enumerate(["Low", "", "", "", "High"])
)
CODED = tuple(Option(value=f"x{at}", text={"en": text}) for at, text in enumerate(TEXTS))
PLAIN = Question(kind="ladder", text={"en": "How far is it?"})
MUST = PLAIN.model_copy(update={"skippable": False})
ZEROS = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.decimal(c, None) == 0]


@pytest.mark.parametrize("options", [(), NAMED, NAMED[:2], CODED], ids=len)
@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1", "0"), ("2", "1"), ("3", "2"), ("4", "3"), ("5", "4"), (" 5. ", "4"), ("(1)", "0"),
        ('"2"', "1"), ("05", "4"), ("٥", "4"), ("\u200f٣", "2"), ("５", "4"), ("५", "4"),
        ("3\ufe0f\u20e3", "2"), ("0", SKIPPED), ("٠", SKIPPED), ("00", SKIPPED),
        ("6", None), ("10", None), ("15", None), ("1 5", None), ("1,5", None), ("-1", None),
        ("+1", None), ("1/5", None), ("#", None), ("Fully", None), ("5 Fully", None), ("", None),
        (" ", None), ("0001", None), ("5" * 5000, None),
    ],
)  # fmt: skip
def test_a_rung_is_kept_from_zero(options, typed, value):
    """1 to 5 are kept as 0 to 4, whatever the rungs are called; 0 skips; all else isn't read."""
    assert ladder.read(PLAIN, options, typed) == value


def test_a_ladder_that_must_be_answered_has_no_zero():
    """0 is neither an answer nor offered where a question can't be skipped."""
    assert ladder.read(MUST, NAMED, "0") is None
    assert ladder.read(MUST, NAMED, "1") == "0"
    assert [typed for _, typed in ladder.choices(MUST, NAMED, "en")] == list("12345")


def test_the_digits_of_every_script_are_read():
    """Whatever script the digit is of, it is the same rung."""
    assert len(ZEROS) > 50
    found = {zero: ladder.read(PLAIN, (), chr(ord(zero) + 4)) for zero in ZEROS}
    assert [zero for zero in ZEROS if found[zero] != "3"] == []


@given(st.one_of(st.text(), st.text("0123456789 .#٣３"), st.text(st.characters(categories=["N"]))))
def test_whatever_is_typed_is_a_rung_a_skip_or_nothing(typed):
    """Reading never fails, and what was read can be shown, with options or without."""
    found = ladder.read(PLAIN, (), typed)
    assert found in {"0", "1", "2", "3", "4", SKIPPED, None}
    if found is not None and found is not SKIPPED:
        assert ladder.shown(PLAIN, (), found, "en") == str(int(found) + 1)
        assert ladder.shown(PLAIN, NAMED, found, "en") == f"{int(found) + 1} {TEXTS[int(found)]}"


@pytest.mark.parametrize(
    ("question", "options", "language", "tail"),
    [
        (PLAIN, (), "en", "Send 1 (low) to 5 (high). 0 skips."),
        (MUST, (), "en", "Send 1 (low) to 5 (high)."),
        (PLAIN, NAMED, "en",
         "1 Not yet 2 Begun 3 Half 4 Nearly 5 Fully 0 Skip. Send one number."),
        (MUST, NAMED, "en", "1 Not yet 2 Begun 3 Half 4 Nearly 5 Fully Send one number."),
        (PLAIN, FRENCH, "fr",
         "1 Pas encore 2 Begun 3 Half 4 Nearly 5 Fully 0 Skip. Send one number."),
        (PLAIN, ENDS, "en", "1 Low 2 3 4 5 High 0 Skip. Send one number."),
        (PLAIN, (*NAMED, *NAMED), "en",
         "1 Not yet 2 Begun 3 Half 4 Nearly 5 Fully 0 Skip. Send one number."),
    ],
)  # fmt: skip
def test_a_ladder_is_asked_from_its_lowest_rung(question, options, language, tail):
    """The tail lists five rungs where they have names, else which end is high."""
    assert ladder.tail(question, options, language) == tail


@pytest.mark.parametrize(
    ("options", "value", "language", "shown"),
    [
        ((), "0", "en", "1"), ((), "4", "en", "5"), (NAMED, "0", "en", "1 Not yet"),
        (NAMED, "4", "en", "5 Fully"), (FRENCH, "0", "fr", "1 Pas encore"),
        (NAMED[:2], "1", "en", "2 Begun"), (NAMED[:2], "2", "en", "3"), (ENDS, "1", "en", "2"),
        (CODED, "2", "en", "3 Half"),
    ],
)  # fmt: skip
def test_a_rung_is_shown_as_it_was_chosen(options, value, language, shown):
    """The echo names the number that was typed, and the rung's text if it has one."""
    assert ladder.shown(PLAIN, options, value, language) == shown


def test_each_rung_is_a_button():
    """Five buttons type their number, and one skips."""
    numbers = [(str(n), str(n)) for n in range(1, 6)]
    named = [(f"{n} {text}", str(n)) for n, text in enumerate(TEXTS, 1)]
    skip = ("0 Skip", "0")
    assert ladder.choices(PLAIN, (), "en") == [*numbers, skip]
    assert ladder.choices(MUST, (), "en") == numbers
    assert ladder.choices(PLAIN, NAMED, "en") == [*named, skip]


@pytest.mark.parametrize("options", [(), NAMED], ids=len)
def test_who_is_not_understood_hears_how_to_answer(options):
    """The retry names 1 to 5, an example, and how to skip where that may be."""
    said = "Sorry, we did not understand. Send only one number from 1 to 5. Example: 2."
    assert ladder.retry(MUST, options, "en") == said
    assert ladder.retry(PLAIN, options, "en") == said + " Send 0 to skip, HELP for help."
