from __future__ import annotations

import pytest


@pytest.mark.parametrize("text", ["HELP", "help.", "/help", " Help! "])
async def test_help_names_what_can_be_sent(store, text):
    """A member hears of the members' words, a stranger how to join."""
    await store.member(1)
    [member] = await store.say(1, text)
    assert "POLLS" in member
    assert "JOIN" not in member
    [stranger] = await store.say(2, text)
    assert "JOIN" in stranger
    assert "POLLS" not in stranger


async def test_help_is_silent_where_the_carrier_has_answered(store):
    """What the carrier dealt with itself is not answered twice."""
    assert await store.say(2, "HELP", opt_out="help") == []
