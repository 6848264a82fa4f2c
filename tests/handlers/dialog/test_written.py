from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.dialog import forms, written
from storage.errors import BadInput
from tests.handlers.conftest import ALLIANCE

BOTH = replace(ALLIANCE, languages=("en", "es"))
YES = {"kind": "yes_no", "text": "Did they meet you?"}
MANY = {"kind": "number", "text": "How many?", "least": 0, "most": 50, "unit": "people"}


def form(*questions, **changed):
    """Return what a file may hold."""
    return {"name": "Check", "privacy": "counted", "questions": list(questions)} | changed


def choice(*options, kind="choice", **more):
    """Return a question with options."""
    return {"kind": kind, "text": "Which?", "options": list(options), **more}


def wrong(data, alliance=BOTH):
    """Return what is told of a form that can't be asked."""
    with pytest.raises(BadInput) as raised:
        written.read(data, alliance)
    return str(raised.value)


def test_a_form_of_every_kind():
    """Texts may be of one language or by language; options get their numbers as values."""
    found = written.read(
        form(
            YES,
            MANY | {"text": {"en": "How  many?", "es": "Cuantos?"}, "when": {
                "question": 0, "among": ["yes"]}},
            choice("Taps", {"text": {"en": "Price", "es": "Precio"}}, kind="several"),
            {"kind": "date", "text": "When?", "least": 2020, "most": 2030},
            {"kind": "text", "text": "What did you hear?", "most": 80, "skippable": False},
        ),
        BOTH,
    )  # fmt: skip
    assert [question.kind for question in found.questions] == [
        "yes_no", "number", "several", "date", "text",
    ]  # fmt: skip
    assert found.questions[1].text == {"en": "How many?", "es": "Cuantos?"}
    assert [option.value for option in found.questions[2].options] == ["1", "2"]
    assert found.questions[2].options[0].text == {"en": "Taps"}
    assert forms.load(found.model_dump_json()) == found


def test_rungs_have_the_values_that_are_kept():
    """A ladder's options are those of 0 to 4, so that its result names them."""
    rungs = ("None", "Little", "Some", "Much", "All")
    found = written.read(form(choice(*rungs, kind="ladder")), BOTH).questions[0]
    assert [option.value for option in found.options] == ["0", "1", "2", "3", "4"]
    assert forms.labels(found, "en") == dict(zip("01234", rungs, strict=True))


def test_an_option_may_have_a_value_of_its_own():
    """As a programme that reads the results wants it."""
    data = form(choice({"value": "taps", "text": "Taps"}, {"value": "price", "text": "Price"}))
    [question] = written.read(data, BOTH).questions
    assert [option.value for option in question.options] == ["taps", "price"]


LONG = "x" * 81
TOLD = [
    ([], "a form has a name"),
    (form(YES, name=""), "name: it has 1 to 40"),
    (form(YES, name="x" * 41), "name: it has 1 to 40"),
    (form(YES, privacy="secret"), "privacy: Input should be 'anonymous', 'counted' or 'named'"),
    (form(YES, colour="red"), "colour: there is no such thing in a form"),
    (form(), "questions: "),
    (form(questions="no"), "questions: "),
    (form(*[YES] * 6), "questions: there are 5 at most"),
    (form("What?"), "questions[0]: there is no kind 'None'"),
    (form(YES | {"kind": "vote"}), "there is no kind 'vote'; there are choice, date, ladder"),
    (form(YES, YES | {"colour": 1}), "questions[1].colour: there is no such thing in a form"),
    (form(YES | {"sets": "language"}), "questions[0]: a form in a file has no sets"),
    (form({"kind": "choice", "text": "A?", "source": "types"}), "a form in a file has no source"),
    (form(YES | {"text": 7}), "questions[0].text: "),
    (form(YES | {"text": {"en": 7}}), "questions[0].text.en: "),
    (form(YES | {"text": {}}), "questions[0]: it has no text"),
    (form(YES | {"text": ""}), "a text has 1 to 80 characters, this 0"),
    (form(YES | {"text": LONG}), "a text has 1 to 80 characters, this 81"),
    (form(YES | {"text": {"en": "A?", "fr": "B?"}}), "the alliance does not speak 'fr'"),
    (form(choice("A")), "choice has 2 or 3 or 4 options, this 1"),
    (form(choice(*"ABCDE", kind="several")), "several has 2 or 3 or 4 options, this 5"),
    (form(choice(*"ABC", kind="ladder")), "ladder has 0 or 5 options, this 3"),
    (form(YES | {"options": ["A", "B"]}), "yes_no has 0 options, this 2"),
    (form(choice("A", "B" * 19)), "a text has 1 to 18 characters, this 19"),
    (form(choice("A", 7)), "questions[0].options[1].text: "),
    (form(choice("A", {"value": "b"})), "the alliance does not speak 'value'"),
    (form(choice("A", {"value": "1", "text": "B"})), "two options are the same"),
    (form(choice("A", {"value": "a,b", "text": "B"})), "a value has no comma"),
    (form(choice("A", " a ")), "two options are the same"),
    (form(choice("Yes", "7")), "'7' is a number"),
    (form(choice("Yes", {"text": {"en": "Ten", "es": "Ocho"}})), "'Ten' is a number"),
    (form(YES | {"least": 1}), "yes_no has no least, most and unit"),
    (form(choice("A", "B", unit="l")), "choice has no least, most and unit"),
    (form(YES, MANY | {"least": -1}), "least is 0 or more"),
    (form(YES, MANY | {"least": 9, "most": 8}), "most not below it"),
    (form(YES, MANY | {"unit": "u" * 13}), "a unit has at most 12"),
    (form(YES, {"kind": "text", "text": "A?", "most": 161}), "a text has only most, of 1 to 160"),
    (form(YES, {"kind": "text", "text": "A?", "least": 1}), "a text has only most"),
    (form(YES, {"kind": "date", "text": "A?", "least": 2030, "most": 2020}), "are years"),
    (form({"kind": "text", "text": "A?"}), "people get the result of the first question"),
    (form(MANY), "people get the result of the first question"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "told"), TOLD, ids=[told[:40] for _, told in TOLD])
def test_what_can_not_be_asked_is_told_with_its_place(data, told):
    """In words that whoever wrote the file can act on."""
    assert told in wrong(data)


@pytest.mark.parametrize("kind", ["choice", "several", "ladder"])
@pytest.mark.parametrize("word", ["STOP", "help", "Skip", "POLLS", "stop please", "back", "call"])
def test_no_option_is_a_word_for_something_else(kind, word):
    """Whatever the kind, and in every language: else an answer would stop the messages."""
    others = ["A", "B", "C", "D"] if kind == "ladder" else ["A"]
    told = wrong(form(choice(*others, word, kind=kind)))
    assert "is a word people send for something else" in told
    spanish = {"text": {"en": "Fine", "es": "Alto"}}
    assert "'Alto' is a word" in wrong(form(choice(*others, spanish, kind=kind)))


CONDITIONS = [
    ({"question": 1, "among": ["yes"]}, "questions[1] is not an earlier question"),
    ({"question": 2, "among": ["yes"]}, "questions[2] is not an earlier question"),
    ({"question": 0, "among": ["maybe"]}, "'maybe' is none of yes, no"),
    ({"question": 0}, "either values, in among, or bounds"),
    ({"question": 0, "among": ["yes"], "least": 1}, "either values, in among, or bounds"),
    ({"question": 0, "least": 1}, "only a number has least and most"),
    ({"question": -1, "among": ["yes"]}, "questions[1].when.question: "),
    ({"question": 0, "amongst": ["yes"]}, "questions[1].when.amongst: there is no such thing"),
]


@pytest.mark.parametrize(("when", "told"), CONDITIONS, ids=[told[:40] for _, told in CONDITIONS])
def test_a_condition_that_nobody_could_meet_is_refused(when, told):
    """It names an earlier question, and answers which that one may have."""
    assert told in wrong(form(YES, YES | {"when": when}))


def test_conditions_of_numbers_and_words():
    """A number has bounds; of words no condition can be made."""
    assert "of a number it takes least or most" in wrong(
        form(YES, MANY, YES | {"when": {"question": 1, "among": ["3"]}})
    )
    assert written.read(form(YES, MANY, YES | {"when": {"question": 1, "most": 3}}), BOTH).branches
    for kind in ("text", "date"):
        words = {"kind": kind, "text": "A?"}
        assert "no condition can be made" in wrong(
            form(YES, words, YES | {"when": {"question": 1, "among": ["x"]}})
        )


def test_a_question_fits_two_segments_in_each_language():
    """A script of few characters a segment takes shorter texts."""
    hindi = replace(ALLIANCE, languages=("en", "hi"))
    options = [{"text": {"en": str(n) * 3 + "x", "hi": "नल टूटे हुए हैं " + str(n)}} for n in range(4)]
    data = form(choice(*options, text={"en": "Which?", "hi": "पानी की कौन सी समस्या पहले " * 2}))
    told = wrong(data, hindi)
    assert told.startswith("questions[0]: asked in hi it takes")
    assert told.endswith("SMS, 2 at most: shorten it")
