from __future__ import annotations

import pytest

from handlers.change import WHICH
from storage.audience import Platform


@pytest.mark.parametrize("text", ["CHANGE P1", "change p1", "CHANGE P1 please", "/change p1"])
async def test_a_poll_is_asked_again(store, text):
    """Whatever became of it before, its question is asked and its next answer kept."""
    member = await store.member(1)
    round_ = await store.poll()
    await store.answer(round_, member, "1")
    await store.open(round_, member, 1, "done")
    [asked] = await store.say(1, text)
    assert asked.startswith("Springfield Water: Which first? 1 Taps")
    await store.open_first(1)
    await store.say(1, "3")
    assert await store.rows("SELECT value FROM answers") == [("3",)]


async def test_change_alone_says_what_it_needs(store):
    """Without a code an example is told."""
    await store.member(1)
    assert await store.say(1, "CHANGE") == [WHICH.text]


@pytest.mark.parametrize("code", ["P1", "P2", "P3", "P9", "JOIN", "x" * 50])
async def test_only_an_open_poll_of_ones_own_can_be_changed(store, code):
    """A closed one, one of others, one that is over, none at all, and sign-up can't."""
    await store.platform("east", "East")
    await store.member(1)
    await store.say(9, "JOIN")  # round 1, JOIN
    await store.poll()  # P2, closed below
    await store.run("UPDATE rounds SET state = 'closed' WHERE code = 'P2'")
    await store.poll(to=Platform("east"))  # P3
    [told] = await store.say(1, f"CHANGE {code}")
    assert told.startswith(f"There is no open poll {code.upper()[:12]} for you.")


async def test_a_poll_whose_time_is_over_is_not_asked_again(store):
    """Also in the moments before the clock has closed it."""
    await store.member(1)
    round_ = await store.poll()
    store.now = round_.closes_at
    assert "no open poll P1" in (await store.say(1, "CHANGE P1"))[0]


async def test_who_stopped_is_asked_nothing(store):
    """They hear how to come back."""
    await store.member(1)
    await store.poll()
    await store.run("UPDATE members SET stopped_at = 1")
    assert "send START" in (await store.say(1, "CHANGE P1"))[0]
