"""ERASE: what is asked first, and what is left of whom."""

from __future__ import annotations

import pytest

from storage import roles

CODE = {"draw": lambda: "4821"}


@pytest.fixture
async def known(store):
    """Somebody with a name, a role, a question, an answer, and a second phone."""
    place = await store.platform("nima", "Nima")
    member = await store.member(1, platform=place, alias="Abena")
    await store.run("INSERT INTO addresses (channel, value, created_at) VALUES ('chat', '7700', 0)")
    await store.run(
        "INSERT INTO member_addresses SELECT 1, id, 0, NULL FROM addresses WHERE value = '7700'"
    )
    await store.write(lambda tx: roles.grant(tx, member, place, "coordinator", None, store.now))
    await store.say(1, "ASK Where is Abena's well?")
    return store


async def test_it_is_asked_first(known):
    """Nothing is gone before the code; NO keeps all."""
    [text] = await known.say(1, "ERASE", **CODE)
    assert "4821" in text
    await known.say(1, "NO")
    assert "not the code" not in (await known.say(1, "4821"))[0]
    assert await known.scalar("SELECT state FROM members") == "member"


async def test_what_is_left_is_a_number_without_a_person(known):
    """In the tables: no address, name, words, role or open answer; closed rounds stay counted."""
    open_, closed = await known.poll(), await known.poll()
    await known.answer(open_, 1, "1")
    await known.answer(closed, 1, "2")
    await known.run("UPDATE rounds SET state = 'closed' WHERE id = :id", id=closed.id)
    await known.say(1, "ERASE", **CODE)
    [text] = await known.say(1, "4821")
    assert "erased" in text
    assert await known.rows("SELECT state, alias, platform_id FROM members") == [
        ("erased", "", None)
    ]
    assert await known.rows("SELECT state FROM addresses") == [("hidden",), ("hidden",)]
    assert await known.rows("SELECT * FROM member_addresses") == []
    assert await known.rows("SELECT * FROM roles") == []
    assert await known.rows("SELECT round_id FROM answers") == [(closed.id,)]
    assert await known.rows("SELECT reason FROM barred") == [("erased",), ("erased",)]
    assert await known.rows("SELECT text, address_id FROM tickets") == [("", None)]
    assert await known.rows("SELECT text FROM inbound WHERE text <> ''") == []
    assert await known.rows("SELECT act FROM audit WHERE act = 'erase'") == [("erase",)]


async def test_a_stranger_is_forgotten_too(store):
    """There is no member, only what they wrote."""
    await store.say(1, "ASK Who are you?")
    await store.say(1, "ERASE", **CODE)
    assert "erased" in (await store.say(1, "4821"))[0]
    assert await store.rows("SELECT text FROM tickets") == [("",)]
    assert await store.rows("SELECT reason FROM barred") == [("erased",)]


async def test_of_somebody_forgotten_there_is_nothing_to_erase(store):
    """They are told so, and no code waits."""
    await store.say(1, "ERASE", **CODE)
    await store.say(1, "4821")
    assert await store.say(1, "ERASE", **CODE) == ["Nothing is kept of your number."]
    assert await store.rows("SELECT * FROM pending") == []


async def test_whoever_was_erased_may_join_again(known):
    """Of their own will."""
    await known.say(1, "ERASE", **CODE)
    await known.say(1, "4821")
    await known.say(1, "JOIN")
    assert await known.rows("SELECT reason FROM barred") == [("erased",)]  # the other phone's
    assert await known.scalar("SELECT COUNT(*) FROM members WHERE state = 'joining'") == 1
