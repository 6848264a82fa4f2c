from __future__ import annotations


async def test_anyone_may_ask_what_this_is(store):
    """ABOUT names the alliance and says what becomes of numbers, to members and strangers."""
    await store.member(1)
    for last in (1, 2):
        [text] = await store.say(last, "about")
        assert text.startswith("Springfield Water is a learning alliance")
        assert "Numbers are never shared." in text
