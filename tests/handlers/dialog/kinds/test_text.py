from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.dialog.forms import SKIPPED, Question
from handlers.dialog.kinds import text

OPEN = Question(kind="text", text={"en": "What changed?"})
SHORT = OPEN.model_copy(update={"most": 5})
MUST = OPEN.model_copy(update={"skippable": False})


@pytest.mark.parametrize(
    ("question", "typed", "value"),
    [
        (OPEN, "  More   water ", "More water"), (OPEN, "12", "12"), (OPEN, "\u200fHola", "Hola"),
        (OPEN, "0", SKIPPED), (OPEN, "٠", SKIPPED), (OPEN, "#", SKIPPED), (OPEN, "0.", SKIPPED),
        (MUST, "0", None), (MUST, "#", None), (MUST, "no", "no"),
        (OPEN, "", None), (OPEN, " \n ", None), (OPEN, "x" * 160, "x" * 160),
        (OPEN, "x" * 161, None), (SHORT, "12345", "12345"), (SHORT, "123456", None),
    ],
)  # fmt: skip
def test_a_few_words_are_kept_as_they_are(question, typed, value):
    """Words are kept with single spaces; 0 and # skip; nothing and too much can't be read."""
    assert text.read(question, (), typed) == value


@given(st.text())
def test_no_answer_is_longer_than_allowed(typed):
    """What is kept fits the bound and is never empty."""
    found = text.read(SHORT, (), typed)
    assert found is SKIPPED or found is None or 0 < len(found) <= 5


@pytest.mark.parametrize(
    ("question", "tail", "choices", "most"),
    [
        (OPEN, "Send a few words. 0 skips.", [("0 Skip", "0")], "160"),
        (MUST, "Send a few words.", [], "160"),
        (SHORT, "Send a few words. 0 skips.", [("0 Skip", "0")], "5"),
    ],
)
def test_words_are_asked_for_with_how_to_skip(question, tail, choices, most):
    """The tail and the button say how to skip, the retry how long it may be."""
    assert text.tail(question, (), "en") == tail
    assert text.choices(question, (), "en") == choices
    assert text.shown(question, (), "More water", "en") == "More water"
    assert text.retry(question, (), "en") == (
        f"Sorry, we did not understand. Send a few words, at most {most} letters."
    )
