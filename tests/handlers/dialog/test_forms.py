from __future__ import annotations

import pkgutil

import pytest
from pydantic import ValidationError

from handlers.dialog import forms, kinds
from handlers.dialog.forms import Form, Option, Question, When

TAPS = Question(
    kind="choice",
    text={"en": "Which first?", "fr": "Lequel d'abord ?"},
    options=(
        Option(value="1", text={"en": "Taps", "fr": "Robinets"}),
        Option(value="2", text={"en": "Price"}),
    ),
)
WHY = Question(kind="text", text={"en": "Why?"})


def form(privacy="named", *questions):
    """Return a form of these questions."""
    return Form(name="f", privacy=privacy, questions=questions or (TAPS, WHY))


@pytest.mark.parametrize(
    ("privacy", "says"),
    [
        ("anonymous", "No names shown."),
        ("counted", "Only totals are shown."),
        ("named", "With your name."),
    ],
)
def test_a_question_says_who_will_see_the_answer(privacy, says):
    """The privacy of a form stands in the tail of each of its questions."""
    text = forms.ask(form(privacy), 0, TAPS.options, "en", by_when="Fri 6pm", lead="Nima")
    assert text == (
        f"Nima: Which first? 1 Taps 2 Price 0 Skip. Send one number. Send by Fri 6pm. {says}"
    )


def test_without_a_lead_and_a_deadline_neither_is_named():
    """What there is not isn't said."""
    assert forms.ask(form(), 1, (), "en") == ("Why? Send a few words. 0 skips. With your name.")


def test_a_question_about_the_person_says_nothing_of_names():
    """What an answer sets of the person isn't shown to others, so no tail says by whom."""
    about = WHY.model_copy(update={"sets": "alias", "text": {"en": "Who are you, at {alliance}?"}})
    assert forms.ask(form("named", about), 0, (), "en", values={"alliance": "Springfield"}) == (
        "Who are you, at Springfield? Send a few words. 0 skips."
    )


def test_a_bare_question_is_asked_as_it_stands():
    """Nothing is added to a bare question but its fields."""
    bare = WHY.model_copy(update={"bare": True, "text": {"en": "Agree? {age}"}})
    assert forms.ask(form("named", bare), 0, (), "en", by_when="x", values={"age": "18"}) == (
        "Agree? 18"
    )


def test_braces_that_somebody_typed_are_left_alone():
    """A poll's text is never filled in, so braces in it are only braces."""
    poll = TAPS.model_copy(update={"text": {"en": "Taps {alliance} or {0}?"}})
    assert forms.ask(form("named", poll), 0, (), "en").startswith("Taps {alliance} or {0}?")


def test_what_was_not_translated_is_said_in_the_first_language():
    """A text without the person's language is said in the one it was written in."""
    assert forms.said({"en": "Taps", "fr": "Robinets"}, "fr") == "Robinets"
    assert forms.said({"en": "Taps", "fr": ""}, "fr") == "Taps"
    assert forms.said({"en": "Taps"}, "sw") == "Taps"


def test_buttons_carry_their_round_and_question():
    """A button names round, question and what it types, within Telegram's 64 bytes."""
    found = forms.buttons(form(), 0, TAPS.options, "fr", 2**40)
    assert found[0] == ("1 Robinets", f"a:{2**40}:0:1")
    assert [data for _, data in found if len(data.encode()) > 64] == []
    assert forms.buttons(form(), 1, (), "en", 7) == (("0 Skip", "a:7:1:0"),)


def test_questions_follow_each_other_to_the_end():
    """-1 comes before the first question, and None after the last."""
    assert [forms.next_question(form(), at, {}) for at in (-1, 0, 1)] == [0, 1, None]


HOW_MANY = Question(kind="number", text={"en": "How many?"})
ANY_OF = Question(kind="several", text={"en": "Which?"}, options=TAPS.options)
BRANCHED = form(
    "counted",
    TAPS,
    HOW_MANY.model_copy(update={"when": When(question=0, among=("2",))}),
    WHY.model_copy(update={"when": When(question=1, least=5, most=9)}),
    ANY_OF,
    WHY.model_copy(update={"when": When(question=3, among=("1",))}),
)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, [0, 3]), ({0: "1"}, [0, 3]), ({0: "2"}, [0, 1, 3]),
        ({0: "2", 1: "4"}, [0, 1, 3]), ({0: "2", 1: "5"}, [0, 1, 2, 3]),
        ({0: "2", 1: "9"}, [0, 1, 2, 3]), ({0: "2", 1: "10"}, [0, 1, 3]),
        ({3: "2"}, [0, 3]), ({3: "1,2"}, [0, 3, 4]), ({3: "1"}, [0, 3, 4]),
    ],
)  # fmt: skip
def test_what_was_answered_decides_what_is_asked(given, asked):
    """A value among those named, one of several, or a number within bounds."""
    found, at = [], forms.next_question(BRANCHED, -1, given)
    while at is not None:
        found.append(at)
        at = forms.next_question(BRANCHED, at, given)
    assert found == asked


def test_one_bound_is_enough():
    """At least, or at most, so many."""
    for when, values in ((When(question=1, least=5), "5"), (When(question=1, most=5), "4")):
        some = form("counted", TAPS, HOW_MANY, WHY.model_copy(update={"when": when}))
        assert forms.applies(some, 2, {1: values})
        assert not forms.applies(some, 2, {1: "3" if when.least else "6"})


def test_what_hangs_on_a_withdrawn_answer_goes_too():
    """Each answer applies in the light of those before it that still do."""
    given = {0: "1", 1: "7", 2: "Mud", 3: "1", 4: "Rain"}
    assert forms.applying(BRANCHED, given) == {0: "1", 3: "1", 4: "Rain"}
    assert forms.applying(BRANCHED, given | {0: "2"}) == given | {0: "2"}


def test_a_condition_on_what_is_kept_of_the_person_is_refused():
    """What sets something of somebody is no answer that is kept."""
    about = TAPS.model_copy(update={"sets": "type"})
    with pytest.raises(ValidationError) as raised:
        form("named", about, WHY.model_copy(update={"when": When(question=0, among=("1",))}))
    assert "no condition can be made of the answer to questions[0]" in str(raised.value)


def test_a_stored_form_is_read_back_whole():
    """What is kept of a form is all of it."""
    assert forms.load(form().model_dump_json()) == form()


@pytest.mark.parametrize(
    "changed",
    [{"questions": ()}, {"questions": (WHY,) * 13}, {"privacy": "secret"}, {"extra": "1"}],
)
def test_a_form_that_can_not_be_asked_is_refused(changed):
    """A form has 1 to 12 questions, a known privacy, and nothing unknown; errors show no input."""
    body = form().model_dump() | changed
    with pytest.raises(ValidationError) as raised:
        Form.model_validate(body)
    assert "Which first" not in str(raised.value)


def test_every_kind_of_question_speaks_for_itself():
    """Each module of kinds has all that a kind must have."""
    names = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
    assert names == ["choice", "date", "ladder", "number", "several", "text", "yes_no"]
    for name in names:
        for act in ("read", "tail", "shown", "choices", "retry", "values"):
            assert callable(getattr(forms.kind(name), act)), (name, act)
        assert isinstance(forms.kind(name).BY_NUMBER, bool), name
        assert isinstance(forms.kind(name).BETWEEN, str), name
