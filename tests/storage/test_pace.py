"""When a channel may send next, and what its month has cost."""

from __future__ import annotations

import asyncio

from storage import pace

NOW = 1_900_000_000_000_000


async def test_each_reservation_follows_the_last(database):
    """However many reserve at once, no two have the same stretch of time."""
    found = await asyncio.gather(
        *(database.write(lambda tx: pace.reserve(tx, "sms", NOW, 100_000)) for _ in range(50))
    )
    assert sorted(found) == [NOW + i * 100_000 for i in range(50)]
    assert await database.read(lambda tx: pace.next_us(tx, "sms")) == NOW + 5_000_000


async def test_time_that_was_not_used_is_not_saved_up(database):
    """After a rest the next reservation begins now, and no burst follows."""
    await database.write(lambda tx: pace.reserve(tx, "sms", NOW, 100))
    later = NOW + 60_000_000
    for expected in (later, later + 100):
        assert await database.write(lambda tx: pace.reserve(tx, "sms", later, 100)) == expected


async def test_channels_do_not_wait_for_each_other(database):
    """Each has its own pace."""
    await database.write(lambda tx: pace.reserve(tx, "sms", NOW, 9_000_000))
    assert await database.write(lambda tx: pace.reserve(tx, "telegram", NOW, 1)) == NOW


async def test_a_pause_is_never_shortened(database):
    """The longest that a provider asked for holds."""
    for until in (NOW + 500, NOW + 100):
        await database.write(lambda tx, u=until: pace.pause(tx, "sms", u))
    assert await database.write(lambda tx: pace.reserve(tx, "sms", NOW, 1)) == NOW + 500


async def test_spending_is_counted_by_month_and_given_back(database):
    """What did not leave costs nothing, and another month is another sum."""
    for channel, month, segments in (
        ("sms", 1, 5), ("sms", 1, 3), ("voice", 1, 2), ("sms", 2, 7), ("sms", 1, -3)
    ):  # fmt: skip
        await database.write(lambda tx, c=channel, m=month, s=segments: pace.spend(tx, c, m, s))
    assert await database.read(lambda tx: pace.spent(tx, 1)) == 7
    assert await database.read(lambda tx: pace.spent(tx, 3)) == 0
