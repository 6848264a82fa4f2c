from __future__ import annotations

from handlers.dialog import forgetting
from storage import barred
from tests.handlers.conftest import ALLIANCE, number


async def test_a_number_is_known_by_a_keyed_hash_alone(store):
    """The hash depends on channel, number and key, and shows none of them."""
    _, turn = await store.turn(1, _nothing)
    hashed = forgetting.keyed(turn)
    assert hashed == barred.keyed(ALLIANCE.hash_key, "sms", number(1))
    assert hashed not in {
        barred.keyed(b"another key", "sms", number(1)),
        barred.keyed(ALLIANCE.hash_key, "chat", number(1)),
        barred.keyed(ALLIANCE.hash_key, "sms", number(2)),
    }
    assert number(1).lstrip("+") not in hashed


async def test_hiding_leaves_nothing_of_an_address(store):
    """What it wrote, was told, was asked and passed on is blanked; lifting shows it again."""
    await store.say(1, "Please help my sister")
    await store.run(
        "INSERT INTO outbox (kind, address_id, channel, recipient, text, choices, queued_at,"
        " expires_at) VALUES (0, 1, 'sms', 'them', 'what we said', 'c', 1, 1)"
    )

    async def forget(turn):
        await forgetting.bar(turn, "no")
        await forgetting.hide(turn)
        return turn.forgotten

    assert (await store.turn(1, forget, "and more"))[0] is True
    for (table,) in await store.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in await store.rows(f"SELECT * FROM {table}"):
            said = " ".join(map(str, row))
            for words in ("sister", "and more", "what we said", "them", number(1)):
                assert words not in said, table

    async def lift(turn):
        await forgetting.lift(turn)
        return turn.forgotten

    assert (await store.turn(1, lift))[0] is False
    assert await store.rows("SELECT value, state FROM addresses") == [(number(1), "ok")]
    assert await store.rows("SELECT 1 FROM barred") == []


async def _nothing(turn):
    return None
