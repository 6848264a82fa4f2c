from __future__ import annotations

import pytest

TICKETS = "SELECT kind, text, media, state, member_id FROM tickets ORDER BY id"


@pytest.mark.parametrize("known", [True, False], ids=["member", "stranger"])
async def test_a_call_is_asked_for(store, known):
    """Whoever writes is called back: a ticket says so, with three digits and what they wrote."""
    if known:
        await store.member(1)
    [told] = await store.say(1, "CALL after five")
    assert "will call you on this phone. Your request has number 1." in told
    assert await store.rows(TICKETS) == [
        ("call", "call ...101 after five", "call", "open", 1 if known else None)
    ]


async def test_one_call_at_a_time(store):
    """A second is told that the first waits; what is written with it is passed on."""
    await store.member(1)
    await store.say(1, "CALL")
    assert await store.say(1, "CALL") == ["We know that you want a call: your request 1 waits."]
    assert "passed on what you wrote" in (await store.say(1, "CALL in the evening"))[0]
    assert [row[:2] for row in await store.rows(TICKETS)] == [
        ("call", "call ...101"), ("question", "in the evening"),
    ]  # fmt: skip


async def test_one_call_from_whichever_phone(store):
    """Another phone of the same person adds none; once it is done they may ask anew."""
    member = await store.member(1)
    await store.say(1, "CALL")
    await store.run("INSERT INTO addresses (channel, value, created_at) VALUES ('chat', '77', 1)")
    await store.run(
        "INSERT INTO member_addresses (member_id, address_id, linked_at)"
        " SELECT :member, id, 1 FROM addresses WHERE value = '77'",
        member=member,
    )
    await store.run("UPDATE tickets SET address_id = (SELECT MAX(id) FROM addresses)")
    assert "waits" in (await store.say(1, "CALL"))[0]
    await store.run("UPDATE tickets SET state = 'answered'")
    assert "number 2" in (await store.say(1, "CALL"))[0]


async def test_of_whom_nothing_is_kept_no_number_is_called(store):
    """Who said no hears why; who stopped hears how to come back."""
    hashed = store.alliance.keyed("sms", "+12025550101")
    await store.run("INSERT INTO barred (hash, reason, at) VALUES (:h, 'no', 1)", h=hashed)
    assert "can't call you" in (await store.say(1, "CALL"))[0]
    await store.run("UPDATE barred SET reason = 'stopped'")
    assert "START" in (await store.say(1, "CALL"))[0]
    assert await store.rows(TICKETS) == []


async def test_a_chat_has_no_number(store):
    """Who writes from a chat is told how to give one, and no part of its id is shown."""
    await store.run("INSERT INTO addresses (channel, value, created_at) VALUES ('sms', '7701', 1)")
    from handlers import call  # noqa: PLC0415

    _, turn = await store.turn(1, _nothing)
    turn.sender = turn.sender._replace(value="7701")
    assert (call.is_number(turn), call.whose(turn)) == (False, "")


async def _nothing(turn):
    """Do nothing."""
