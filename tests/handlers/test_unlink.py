from __future__ import annotations

from handlers import unlink


async def test_one_phone_can_not_be_parted(store):
    """STOP and ERASE are for that."""
    await store.member(1)
    assert await store.say(1, "UNLINK") == [unlink.ONLY_THIS.say("en")]


async def test_a_stranger_has_nothing_to_part(store):
    """UNLINK is for members."""
    assert "members" in (await store.say(1, "UNLINK"))[0]
