from __future__ import annotations

import pytest

from handlers.skip import NOTHING


async def test_skip_takes_an_answer_back(store):
    """The open question is skipped, and the echo says how to answer after all."""
    member = await store.member(1)
    round_ = await store.poll()
    await store.answer(round_, member, "1")
    await store.open(round_, member, 1)
    [told] = await store.say(1, "SKIP")
    assert told == "You skipped: Which first? To answer, send CHANGE P1."
    assert await store.rows("SELECT 1 FROM answers") == []
    assert await store.rows("SELECT state FROM dialogs") == [("done",)]


@pytest.mark.parametrize("state", ["done", "rested", "asked"])
async def test_only_an_open_question_is_skipped(store, state):
    """What is answered, at rest or still on its way is none to skip."""
    member = await store.member(1)
    round_ = await store.poll()
    await store.answer(round_, member, "1")
    await store.open(round_, member, 1, state)
    assert await store.say(1, "SKIP") == [NOTHING.text]
    assert await store.rows("SELECT value FROM answers") == [("1",)]


async def test_a_question_whose_time_is_over_is_not_skipped(store):
    """The answer of a round that is over stays as it is."""
    member = await store.member(1)
    round_ = await store.poll()
    await store.answer(round_, member, "1")
    await store.open(round_, member, 1)
    store.now = round_.closes_at
    assert await store.say(1, "SKIP") == [NOTHING.text]
    assert await store.rows("SELECT value FROM answers") == [("1",)]


async def test_what_must_be_answered_can_not_be_skipped(store):
    """Consent is a question without a skip; strangers and those who stopped have none at all."""
    await store.say(1, "JOIN")
    await store.open_first(1)
    assert await store.say(1, "SKIP") == [NOTHING.text]
    assert await store.say(2, "SKIP") == [NOTHING.text]
    member = await store.member(3)
    await store.open(await store.poll(), member, 3)
    await store.run("UPDATE members SET stopped_at = 1 WHERE id = :id", id=member)
    assert await store.say(3, "SKIP") == [NOTHING.text]
