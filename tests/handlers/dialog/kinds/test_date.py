from __future__ import annotations

import datetime as dt
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.dialog.forms import SKIPPED, Question
from handlers.dialog.kinds import date

OPEN = Question(kind="date", text={"en": "When did you meet?"})
MUST = OPEN.model_copy(update={"skippable": False})
BOUND = OPEN.model_copy(update={"least": 2027, "most": 2030})
JUNE = "2026-06-12"
ZEROS = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.decimal(c, None) == 0]


def within(**bounds):
    """Return a question with these bounds."""
    return OPEN.model_copy(update=bounds)


@pytest.mark.parametrize(
    "typed",
    [
        "12 6 2026", "12/6/2026", "12/06/2026", "12.6.2026", "12.06.2026.", "12-6-2026",
        "12,6,2026", "12 6 26", "12/6/26", "12-6-26", "12. 6. 26", " 12 / 6 / 2026 ", "(12/6/2026)",
        "12/6-2026", "2026-06-12", "2026-6-12", "2026/06/12", "2026 6 12", "2026.06.12",
        "12\u20136\u20132026", "12\u20116\u20112026", "12\u22126\u22122026", "12\xa06\xa02026",
        "\u200f١٢/٦/٢٠٢٦", "١٢\u060d٦\u060d٢٠٢٦", "१२-६-२०२६", "１２／６／２０２６",
        "１２－６－２０２６", "１２．６．２０２６", "۲۰۲۶/۶/۱۲",
        "12 Jun 2026", "12 june 2026", "12th June, 2026", "12. Jun. 26", "June 12, 2026",
        "12june 2026",
        "12 يونيو 2026", "١٢ يونيو ٢٠٢٦",
    ],
)  # fmt: skip
def test_a_day_is_read_as_people_type_it(typed):
    """The day first, or the year if it has four digits; any sign between, in any script."""
    assert date.read(OPEN, (), typed) == JUNE


@pytest.mark.parametrize(
    "typed",
    [
        "12/6", "12 6", "12", "0", "0 0 0", "0/6/2026", "12/0/2026", "12/6/0000", "12/13/2026",
        "6/25/2026", "30/2/2026", "29/2/2025", "31 6 2026", "2026-13-01", "2026-06-31",
        "12 6 6", "12 6 206", "12 6 02026", "012 6 2026", "12 006 2026", "2026 6", "2026 6 2026",
        "26 6 12 1", "12062026", "20260612", "12/6/2026 10", "2026-06-12T10:00", "12:6:2026",
        "12th 6 2026", "12 June",
        "12 Ju 2026", "31 June 2026", "32 June 2026", "June 2026",
        "12 Juned 2026", "12 June 206", "12 of June 2026",
        "+12 6 2026", "today", "##", "#1", "/", "-", "", " ",
        "1" * 5000, "1/" * 2500, f"12 6 {'2' * 5000}",
    ],
)  # fmt: skip
def test_what_is_no_whole_day_is_not_guessed(typed):
    """Without a year, off the calendar, month first, or with words: it can't be read."""
    assert date.read(OPEN, (), typed) is None


@pytest.mark.parametrize("typed", ["#", " # ", "\u200f#", "#\n"])
def test_a_hash_skips(typed):
    """# skips what may be skipped, and is no answer where one is needed; 0 never skips."""
    assert date.read(OPEN, (), typed) is SKIPPED
    assert date.read(MUST, (), typed) is None
    assert date.read(MUST, (), "12 6 2026") == JUNE


@pytest.mark.parametrize(
    ("question", "typed", "value"),
    [
        (OPEN, "31 12 1899", None), (OPEN, "1 1 1900", "1900-01-01"),
        (OPEN, "31 12 2100", "2100-12-31"), (OPEN, "1 1 2101", None),
        (OPEN, "22 3 1405", None), (OPEN, "12 6 2569", None),
        (OPEN, "1 1 00", "2000-01-01"), (OPEN, "31/12/99", "2099-12-31"),
        (OPEN, "29 2 2024", "2024-02-29"), (OPEN, "29 2 2000", "2000-02-29"),
        (OPEN, "29 2 2100", None), (OPEN, "1/2/03", "2003-02-01"),
        (BOUND, "31 12 2026", None), (BOUND, "1 1 27", "2027-01-01"),
        (BOUND, "31 12 2030", "2030-12-31"), (BOUND, "1 1 2031", None),
        (within(least=2000), "1 1 2100", "2100-01-01"), (within(least=2000), "1 1 1999", None),
        (within(most=2000), "1 1 1900", "1900-01-01"), (within(most=2000), "1 1 2001", None),
        (within(least=0), "1 1 0001", "0001-01-01"),
        (within(most=9999), "31 12 9999", "9999-12-31"),
        (within(most=0), "1 1 2026", None),
    ],
)  # fmt: skip
def test_a_day_is_read_within_its_years(question, typed, value):
    """Two digits are of this century; the year is within the bounds, 1900 to 2100 if none."""
    assert date.read(question, (), typed) == value


def test_the_digits_of_every_script_are_read():
    """Whatever script the digits are of, they are the same day."""
    assert len(ZEROS) > 50
    scripts = {zero: {48 + n: chr(ord(zero) + n) for n in range(10)} for zero in ZEROS}
    found = {zero: date.read(OPEN, (), "12/6/2026".translate(scripts[zero])) for zero in ZEROS}
    assert [zero for zero in ZEROS if found[zero] != JUNE] == []


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31)), st.sampled_from(" /.-,"))
def test_every_day_is_read_however_it_is_written(day, sign):
    """Whatever day is meant is read from each way of writing it, and shown as that day."""
    wanted = day.isoformat()
    groups = (str(day.day), str(day.month), str(day.year))
    assert date.read(OPEN, (), sign.join(groups)) == wanted
    assert date.read(OPEN, (), sign.join(reversed(groups))) == wanted
    assert date.read(OPEN, (), day.strftime(f"%d{sign}%m{sign}%Y")) == wanted
    assert date.read(OPEN, (), wanted) == wanted
    assert date.shown(OPEN, (), wanted, "en") == f"{day.day} {day:%b} {day.year}"


@given(
    st.one_of(
        st.text(),
        st.text("0123456789 /.-#٣３"),
        st.lists(st.integers(0, 9999).map(str), max_size=4).map("/".join),
        st.lists(st.integers(0, 40).map(str), min_size=3, max_size=3).map(" ".join),
        st.text(st.characters(categories=["N", "Z"])),
    )
)
def test_whatever_is_typed_is_a_day_a_skip_or_nothing(typed):
    """Reading never fails, and what was read is a day of the bounds that can be shown."""
    found = date.read(OPEN, (), typed)
    if found is not None and found is not SKIPPED:
        assert found == dt.date.fromisoformat(found).isoformat()
        assert 1900 <= int(found[:4]) <= 2100
        assert date.read(OPEN, (), found) == found
        assert date.shown(OPEN, (), found, "en").endswith(f" {found[:4]}")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(JUNE, "12 Jun 2026"), ("2000-01-01", "1 Jan 2000"), ("1999-12-31", "31 Dec 1999")],
)
def test_a_day_is_shown_with_its_month_in_words(value, shown):
    """The echo tells day from month: the month is a word."""
    assert date.shown(OPEN, (), value, "en") == shown


@pytest.mark.parametrize(
    ("question", "tail", "retry"),
    [
        (OPEN, "Send day, month and year, for example 12 6 2026. # skips.",
         "Send day, month and year, for example 12 6 2026."),
        (MUST, "Send day, month and year, for example 12 6 2026.",
         "Send day, month and year, for example 12 6 2026."),
        (BOUND, "Send day, month and year, for example 12 6 2027. # skips.",
         "Send day, month and year, for example 12 6 2027. The year is from 2027 to 2030."),
        (within(most=2000), "Send day, month and year, for example 12 6 2000. # skips.",
         "Send day, month and year, for example 12 6 2000. The year is from 1900 to 2000."),
        (within(least=2020), "Send day, month and year, for example 12 6 2026. # skips.",
         "Send day, month and year, for example 12 6 2026. The year is from 2020 to 2100."),
    ],
)  # fmt: skip
def test_a_day_is_asked_for_with_an_example(question, tail, retry):
    """Tail and retry have an example that the question takes, the retry the years if bound."""
    assert date.tail(question, (), "en") == tail
    assert date.retry(question, (), "en") == f"Sorry, we did not understand. {retry}"
    example = tail.partition("example ")[2].partition(".")[0]
    assert date.read(question, (), example) is not None
    assert date.choices(question, (), "en") == [("Skip", "#")] * question.skippable


@pytest.mark.parametrize("typed", ["12 June", "12/6", "2026-06-12", "29 Feb", "12 6 26", "Jun 12"])
def test_what_looks_like_a_day(typed):
    """With its year or without: it answers such a question, or tries to."""
    assert date.like(typed)


@pytest.mark.parametrize(
    "typed", ["2", "June", "12", "1 2 3 4", "31/6", "45 June", "At Jun 12", ""]
)
def test_what_is_no_day_does_not_look_like_one(typed):
    """A number alone is any question's answer, and other words are a message."""
    assert not date.like(typed)


@pytest.mark.parametrize(
    ("bounds", "right"),
    [({}, True), ({"least": 2020, "most": 2030}, True), ({"least": 2030, "most": 2020}, False),
     ({"least": 0}, False), ({"most": 10_000}, False), ({"unit": "days"}, False)],
)  # fmt: skip
def test_bounds_are_years(bounds, right):
    """From the first on, the least not after the most, and without a unit."""
    assert (date.wrong(within(**bounds)) == "") is right
