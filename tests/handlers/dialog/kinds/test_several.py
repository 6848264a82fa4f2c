from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.dialog.forms import SKIPPED, Option, Question
from handlers.dialog.kinds import several
from handlers.dialog.text import clean

TEXTS = ("Taps", "Price", "Drains", "Pumps", "Pipes", "Tanks", "Wells", "Other")
EIGHT = tuple(Option(value=chr(97 + at), text={"en": text}) for at, text in enumerate(TEXTS))
THREE = (EIGHT[0].model_copy(update={"text": {"en": "Taps", "fr": "Robinets"}}), *EIGHT[1:3])
MANY = tuple(Option(value=f"o{n}", text={"en": "x"}) for n in range(1, 14))
ANY = Question(kind="several", text={"en": "Which?"}, options=EIGHT)
MUST = ANY.model_copy(update={"skippable": False})
ZEROS = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.decimal(c, None) == 0]


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1", "a"), ("8", "h"), ("1 3", "a,c"), ("1,3", "a,c"), ("1, 3.", "a,c"), ("1.3", "a,c"),
        ("(1) (3)", "a,c"), ('"1","3"', "a,c"), (" 1\n3 ", "a,c"), ("1\u060c3", "a,c"),
        ("13", "a,c"), ("31", "a,c"), ("3 1", "a,c"), ("1 3 8", "a,c,h"), ("13 8", "a,c,h"),
        ("12345678", "a,b,c,d,e,f,g,h"), ("87654321", "a,b,c,d,e,f,g,h"),
        ("1 1", "a"), ("1 1 3 3 1", "a,c"), ("13 1", "a,c"), ("13 31", "a,c"),
        ("1\ufe0f\u20e33\ufe0f\u20e3", "a,c"), ("\u200f٣ ١", "a,c"), ("１、３", "a,c"),
    ],
)  # fmt: skip
def test_all_that_apply_are_kept_in_the_options_order(typed, value):
    """Digits apart or together are read, in any order; what is named twice apart counts once."""
    assert several.read(ANY, EIGHT, typed) == value


@pytest.mark.parametrize(
    "typed",
    [
        "9", "1 9", "19", "91", "11", "131", "33 1", "10", "01", "1 0", "0 1", "0 0 1", "00",
        "1 03", "123456789", "1-3", "+1 3", "1/3", "1 and 3", "1 x", "Taps", "#", "1#3", "",
        " ", ".", "1" * 5000, "1 " * 4000 + "9",
    ],
)  # fmt: skip
def test_what_was_not_offered_spoils_the_answer(typed):
    """A digit too high, 0 beside others, one twice in a group, a sign: nothing is guessed."""
    assert several.read(ANY, EIGHT, typed) is None


@pytest.mark.parametrize("typed", ["0", " 0. ", "(0)", "٠", "0 0"])
def test_zero_alone_skips(typed):
    """0 skips what may be skipped, and is no answer where one is needed."""
    assert several.read(ANY, EIGHT, typed) is SKIPPED
    assert several.read(MUST, EIGHT, typed) is None


@pytest.mark.parametrize(
    ("count", "typed", "value"),
    [
        (13, "13", "o13"), (12, "13", "o1,o3"), (13, "1 3", "o1,o3"), (13, "31", "o1,o3"),
        (10, "10", "o10"), (9, "10", None), (12, "12 1", "o1,o12"), (13, "113", None),
        (2, "12", "o1,o2"), (2, "3", None), (1, "1", "o1"), (1, "12", None), (0, "1", None),
    ],
)  # fmt: skip
def test_thirteen_is_thirteen_where_it_is_offered(count, typed, value):
    """Digits together are taken apart only where no option has their number."""
    assert several.read(ANY, MANY[:count], typed) == value


def test_the_digits_of_every_script_are_read():
    """Whatever script the digits are of, they choose the same."""
    assert len(ZEROS) > 50
    found = {zero: several.read(ANY, EIGHT, f"{chr(ord(zero) + 3)} {chr(ord(zero) + 1)}")
             for zero in ZEROS}  # fmt: skip
    assert [zero for zero in ZEROS if found[zero] != "a,c"] == []


@given(st.lists(st.sampled_from(range(8)), min_size=1), st.sampled_from([" ", ",", ", ", ". "]))
def test_every_set_of_options_can_be_chosen(chosen, between):
    """Whatever may be chosen is read as it was meant, in any order and as often as you like."""
    typed = between.join(str(at + 1) for at in chosen)
    assert several.read(ANY, EIGHT, typed) == ",".join(EIGHT[at].value for at in sorted({*chosen}))


@given(st.permutations(range(1, 9)), st.integers(1, 8))
def test_digits_together_are_the_same_as_apart(order, count):
    """Spaces change nothing where every digit stands once."""
    typed = [str(number) for number in order[:count]]
    assert several.read(ANY, EIGHT, "".join(typed)) == several.read(ANY, EIGHT, " ".join(typed))


@given(
    st.one_of(st.text(), st.text("0123456789 ,.()٣３#"), st.text(st.characters(categories=["N"])))
)
def test_nothing_typed_is_taken_for_what_was_not_offered(typed):
    """Whatever is typed stands for options in their order, each once, for a skip, or nothing."""
    found = several.read(ANY, EIGHT, clean(typed))  # as whatever comes in is
    if found is not None and found is not SKIPPED:
        values = found.split(",")
        assert values
        assert values == sorted({*values} & {*"abcdefgh"})
        assert several.shown(ANY, EIGHT, found, "en").count(", ") == len(values) - 1


def test_the_options_are_numbered_in_the_persons_language():
    """The tail lists the options with their digits, how to skip, and that several may be sent."""
    assert several.tail(ANY, THREE, "en") == (
        "1 Taps 2 Price 3 Drains 0 Skip. Send all that apply, for example 1 2."
    )
    assert several.tail(ANY, THREE, "fr").startswith("1 Robinets 2 Price 3")
    assert several.tail(MUST, THREE, "en") == (
        "1 Taps 2 Price 3 Drains Send all that apply, for example 1 2."
    )


@pytest.mark.parametrize(
    ("value", "language", "shown"),
    [
        ("a", "en", "1 Taps"), ("a,c", "en", "1 Taps, 3 Drains"),
        ("a,c", "fr", "1 Robinets, 3 Drains"), ("a,gone", "en", "1 Taps, gone"),
    ],
)  # fmt: skip
def test_what_was_chosen_is_shown_with_its_digits(value, language, shown):
    """The echo names each digit and option; a value no longer offered is shown as it is."""
    assert several.shown(ANY, THREE, value, language) == shown


def test_each_option_is_a_button_to_press_on_or_off():
    """And one that says that it is all, and a skip where that may be; typed, none is an answer."""
    buttons = [("1 Taps", "+1"), ("2 Price", "+2"), ("3 Drains", "+3"), ("Done", "=")]
    assert several.choices(ANY, THREE, "en") == [*buttons, ("0 Skip", "0")]
    assert several.choices(MUST, THREE, "en") == buttons
    read = [several.read(ANY, THREE, typed) for _, typed in several.choices(ANY, THREE, "en")]
    assert read == [None, None, None, None, SKIPPED]


@pytest.mark.parametrize(
    ("value", "pressed", "chosen"),
    [
        ("", "+3", "c"), ("c", "+1", "a,c"), ("a,c", "+3", "a"), ("a", "+1", ""),
        ("gone", "+1", "a"), ("", "0", None), ("", "1", None), ("", "=", None), ("", "+4", None),
        ("", "+0", None), ("", "+", None), ("", "+x", None), ("", "+1 2", None),
    ],
)  # fmt: skip
def test_a_press_puts_its_option_on_or_off(value, pressed, chosen):
    """In the options' order; what isn't a button of an option chooses nothing."""
    assert several.gather(THREE, value, pressed) == chosen


def test_what_would_be_cut_is_shown_by_its_numbers():
    """All of them: half an option says less than its number."""
    assert several.shown(ANY, EIGHT, "a,b,c,d", "en") == "1 Taps, 2 Price, 3 Drains, 4 Pumps"
    assert several.shown(ANY, EIGHT, "a,b,c,d,e,f", "en") == "1, 2, 3, 4, 5, 6"


def test_who_is_not_understood_hears_how_to_answer():
    """The retry names the digits, an example that can be read, and how to skip."""
    said = "Sorry, we did not understand. Send all numbers that apply, from 1 to 3. Example: 1 2."
    assert several.retry(MUST, THREE, "en") == said
    assert several.retry(ANY, THREE, "en") == said + " Send 0 to skip, HELP for help."
    assert several.read(ANY, THREE[:2], "1 2.") == "a,b"
