from __future__ import annotations

from handlers.ask import LONGEST


async def test_a_question_becomes_a_ticket_with_a_number(store):
    """The words behind ASK are kept as they are, with who asked, and the number is told."""
    member = await store.member(1)
    [told] = await store.say(1, "ASK When is it,\nand where?")
    assert "number 1." in told
    [told] = await store.say(2, "ask Who are you?")
    assert "number 2." in told
    rows = await store.rows("SELECT member_id, kind, text, state FROM tickets ORDER BY id")
    assert rows == [
        (member, "question", "When is it,\nand where?", "open"),
        (None, "question", "Who are you?", "open"),
    ]


async def test_ask_alone_says_how_to_ask(store):
    """Without a question there is no ticket, and an example is told."""
    [told] = await store.say(1, "ASK  ")
    assert "for example: ASK When" in told
    assert await store.rows("SELECT 1 FROM tickets") == []


async def test_a_very_long_question_is_cut(store):
    """No more is kept than a coordinator would read."""
    await store.say(1, "ASK " + "x" * (LONGEST + 1))
    assert await store.scalar("SELECT LENGTH(text) FROM tickets") == LONGEST


async def test_of_somebody_who_refused_no_question_is_kept(store):
    """After a no or a STOP of a stranger nothing is kept, and they hear how to come back."""
    await store.say(1, "JOIN")
    await store.open_first(1)
    await store.say(1, "2")
    [told] = await store.say(1, "ASK Who are you?")
    assert "keeps nothing of your number" in told
    await store.say(2, "STOP")
    [told] = await store.say(2, "ASK Who are you?")
    assert "send START" in told
    assert await store.rows("SELECT 1 FROM tickets WHERE text <> ''") == []
