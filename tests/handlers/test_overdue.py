"""Questions that wait too long: whom the program tells of them."""

from __future__ import annotations

import pytest

from handlers import overdue
from handlers.dialog.text import segments
from storage import roles
from storage.instant import DAY

TOLD = "SELECT member_id, kind, text, ticket_id FROM outbox ORDER BY id"


@pytest.fixture
async def waiting(store):
    """Two questions of one platform and one of another, three days old."""
    for code in ("nima", "asokwa"):
        await store.platform(code, code.title())
    await store.member(1, platform=1)
    await store.member(2, platform=2)
    for last, text in ((1, "When is it?"), (1, "Where is it?"), (2, "Why?")):
        await store.say(last, f"ASK {text}")
    store.now += 3 * DAY
    return store


async def support(store, last, platform):
    """Let somebody be of the support team of a platform."""
    member = await store.member(last)
    await store.write(lambda tx: roles.grant(tx, member, platform, "support", None, store.now))
    return member


async def tell(store):
    """Do what the clock does."""
    if await store.write(lambda tx: overdue.waits(tx, store.now)):
        await store.write(lambda tx: overdue.tell(tx, store.alliance, store.now))


async def test_each_hears_once_of_what_is_theirs(waiting):
    """How many, and the oldest in words."""
    member = await support(waiting, 5, 1)
    await tell(waiting)
    await tell(waiting)
    [(who, kind, text, ticket)] = await waiting.rows(TOLD)
    assert (who, kind, ticket) == (member, 2, 1)
    assert text.startswith("2 questions wait")
    assert "1: When is it?" in text


async def test_who_is_not_reached_hears_nothing(waiting):
    """Nor who has none of theirs among them; and it is not told later."""
    await support(waiting, None, 1)
    await support(waiting, 6, 2)
    await waiting.run("UPDATE tickets SET state = 'answered' WHERE id = 3")
    await tell(waiting)
    assert await waiting.rows(TOLD) == []
    assert not await waiting.write(lambda tx: overdue.waits(tx, waiting.now))


@pytest.mark.parametrize("word", ["word", "ماء", "💧💧💧"])
async def test_a_long_question_is_told_in_part(waiting, word):
    """Two segments hold it."""
    await support(waiting, 5, 1)
    await waiting.run("UPDATE tickets SET text = :text WHERE id = 1", text=f"{word} " * 100)
    await tell(waiting)
    text = (await waiting.rows(TOLD))[0][2]
    assert "..." in text
    assert segments(text) <= 2


async def test_what_is_young_waits_longer(waiting):
    """Two days."""
    waiting.now -= 2 * DAY
    assert not await waiting.write(lambda tx: overdue.waits(tx, waiting.now))
