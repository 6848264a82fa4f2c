from __future__ import annotations

from storage import pending
from tests.handlers.conftest import number


async def test_a_member_who_stops_is_sent_nothing_more(store):
    """Person and phone are marked, what waits ends, and it is confirmed once."""
    member = await store.member(1)
    await store.run(
        "INSERT INTO outbox (kind, member_id, address_id, channel, status, queued_at, expires_at)"
        " VALUES (1, :m, 1, 'sms', 'queued', 1, 1), (1, :m, 1, 'sms', 'sent', 1, 1)",
        m=member,
    )
    [told] = await store.say(1, "STOP")
    assert told.startswith("You will get no more messages from Springfield Water.")
    assert await store.say(1, "Stop!") == []
    assert await store.rows("SELECT stopped_at FROM members") == [(store.now,)]
    assert await store.rows("SELECT state, stopped_at FROM addresses") == [("ok", store.now)]
    assert await store.rows("SELECT status FROM outbox ORDER BY id") == [("stopped",), ("sent",)]
    assert await store.rows("SELECT act, subject, subject_id FROM audit") == [
        ("stop", "member", member), ("stop", "member", member),
    ]  # fmt: skip


async def test_what_the_carrier_has_dealt_with_is_not_confirmed_again(store):
    """The carrier's STOP is kept as its own, and START from that phone lifts it in silence."""
    await store.member(1)
    assert await store.say(1, "STOP", opt_out="stop") == []
    assert await store.rows("SELECT state FROM addresses") == [("carrier",)]
    assert await store.say(1, "START", opt_out="start") == []
    assert await store.rows("SELECT state, stopped_at FROM addresses") == [("ok", 0)]
    assert await store.rows("SELECT stopped_at FROM members") == [(0,)]


async def test_of_a_stranger_who_stops_a_keyed_hash_is_kept(store):
    """The number and the words are in no table, and nothing they write is answered."""
    await store.say(1, "Who is this?")
    [told] = await store.say(1, "STOP")
    assert "no more messages" in told
    assert await store.say(1, "STOP") == []
    assert await store.say(1, "Hello?") == []
    for (table,) in await store.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in await store.rows(f"SELECT * FROM {table}"):
            assert number(1) not in map(str, row), table
            assert "Who is this?" not in row, table
    assert await store.rows("SELECT reason, at FROM barred") == [("stopped", store.now)]


async def test_a_stranger_who_starts_again_is_known_again(store):
    """START takes the hash away and says how to join."""
    await store.say(1, "STOP")
    [told] = await store.say(1, "START")
    assert told == "This is Springfield Water. To take part send JOIN. STOP ends it."
    assert await store.rows("SELECT 1 FROM barred") == []
    assert await store.rows("SELECT value, state FROM addresses") == [(number(1), "ok")]


async def test_start_lifts_a_members_stop(store):
    """Person and phone hear from us again, and it stands in the audit."""
    await store.member(1)
    await store.say(1, "STOP")
    [told] = await store.say(1, "START")
    assert told.startswith("Welcome back to Springfield Water.")
    assert await store.rows("SELECT stopped_at FROM members") == [(0,)]
    assert await store.scalar("SELECT act FROM audit ORDER BY id DESC LIMIT 1") == "start"


async def test_whoever_stops_before_agreeing_leaves_nothing(store):
    """In the middle of sign-up STOP ends it: what was begun is forgotten."""
    await store.platform("east", "East")
    await store.say(1, "JOIN east")
    await store.write(lambda tx: pending.put(tx, 1, None, "a", "1234", "b", store.now + 1_000))
    await store.say(1, "STOP")
    assert await store.rows("SELECT state, platform_id FROM members") == [("erased", None)]
    assert await store.rows("SELECT 1 FROM dialogs UNION ALL SELECT 1 FROM pending") == []
    assert await store.rows("SELECT 1 FROM member_addresses") == []
    assert await store.rows("SELECT reason FROM barred") == [("stopped",)]
