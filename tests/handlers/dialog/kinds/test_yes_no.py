from __future__ import annotations

import pytest

from handlers.dialog.forms import SKIPPED, Question
from handlers.dialog.kinds import yes_no

QUESTION = Question(kind="yes_no", text={"en": "Did they meet?"})


@pytest.mark.parametrize(
    ("typed", "value"),
    [("1", "yes"), ("2", "no"), ("٢", "no"), ("0", SKIPPED), ("3", None), ("yes", None)],
)
def test_one_is_yes_and_two_is_no(typed, value):
    """1 is yes, 2 is no, 0 skips, and words are not read."""
    assert yes_no.read(QUESTION, (), typed) == value


def test_it_needs_no_options_of_its_own():
    """The two options are said, shown and offered as those of a choice are."""
    assert yes_no.tail(QUESTION, (), "en") == "1 Yes 2 No 0 Skip. Send one number."
    assert yes_no.shown(QUESTION, (), "no", "en") == "2 No"
    assert yes_no.choices(QUESTION, (), "en") == [("1 Yes", "1"), ("2 No", "2"), ("0 Skip", "0")]
    assert "from 1 to 2" in yes_no.retry(QUESTION, (), "en")
