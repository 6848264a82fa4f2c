from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.back import NOTHING
from handlers.dialog.forms import Form, Question

CHECK = Form(
    name="check",
    privacy="counted",
    questions=tuple(
        Question(kind="number", text={"en": f"Question {n}?"}) for n in ("one", "two", "three")
    ),
)


@pytest.mark.parametrize("state", ["open", "asked"])
async def test_back_returns_one_question(store, state):
    """The question before the open one is asked again, and answered from there on."""
    member = await store.member(1)
    round_ = await store.ask(CHECK)
    await store.open(round_, member, 1, state, question=2)
    [told] = await store.say(1, "BACK")
    assert told.startswith("Question two?")
    await store.open_first(1)
    [told] = await store.say(1, "7")
    assert told.startswith("Question three?")


@pytest.mark.parametrize("state", ["done", "rested"])
async def test_what_is_through_has_no_way_back(store, state):
    """After the last answer CHANGE asks again, not BACK."""
    member = await store.member(1)
    await store.open(await store.ask(CHECK), member, 1, state, question=2)
    assert await store.say(1, "BACK") == [NOTHING.text]


async def test_before_the_first_question_there_is_none(store):
    """At the first question, without one, and after a STOP there is nothing to go back to."""
    member = await store.member(1)
    assert await store.say(1, "BACK") == [NOTHING.text]
    await store.open(await store.ask(CHECK), member, 1)
    assert await store.say(1, "BACK") == [NOTHING.text]
    await store.run("UPDATE dialogs SET question = 2")
    await store.run("UPDATE members SET stopped_at = 1")
    assert await store.say(1, "BACK") == [NOTHING.text]


async def test_nobody_goes_back_before_their_consent(store):
    """Past the consent BACK passes it over; a question with one option was never asked."""
    await store.platform("city", "Springfield")
    store.alliance = replace(store.alliance, languages=("en", "es"))
    await store.say(1, "JOIN")
    await store.open_first(1)
    assert "do you agree" in (await store.say(1, "1"))[0]
    await store.open_first(1)
    assert "Who do you speak for?" in (await store.say(1, "1"))[0]
    await store.open_first(1)
    assert "Which language?" in (await store.say(1, "BACK"))[0]
