"""When a channel may send next, and what its month has cost."""

from __future__ import annotations

import asyncio

import pytest

from storage import claims, pace

NOW = 1_900_000_000_000_000
SECOND = 1_000_000


async def reserve(database, length_us, now_us=NOW, channel="sms", lead_us=0):
    """Return how far from now the next stretch begins."""

    async def unit(tx):
        await claims.alone(tx, channel)
        return await pace.reserve(tx, channel, length_us, lead_us=lead_us, now_us=now_us)

    return await database.write(unit)


@pytest.mark.sqlite_only
async def test_each_stretch_follows_the_last(database):
    """However many reserve at once, no two have the same stretch of time."""
    found = await asyncio.gather(*(reserve(database, 100_000) for _ in range(50)))
    assert sorted(found) == [i * 100_000 for i in range(50)]


@pytest.mark.sqlite_only
async def test_time_that_was_not_used_is_not_saved_up(database):
    """After a rest the next stretch begins now, and no burst follows."""
    await reserve(database, 100)
    later = NOW + 60 * SECOND
    assert await reserve(database, 100, later) == 0
    assert await reserve(database, 100, later) == 100


@pytest.mark.sqlite_only
async def test_a_stretch_begins_no_sooner_than_it_can_be_used(database):
    """What can't leave before a commit has no slot before it, and what is reserved stays so."""
    assert await reserve(database, 100_000, lead_us=5_000) == 5_000
    assert await reserve(database, 100_000, lead_us=5_000) == 105_000


@pytest.mark.sqlite_only
async def test_channels_do_not_wait_for_each_other(database):
    """Each has its own pace."""
    await reserve(database, 9 * SECOND)
    assert await reserve(database, 1, channel="telegram") == 0


@pytest.mark.sqlite_only
async def test_a_pause_is_never_shortened(database):
    """The longest that a provider asked for holds, and all that follows comes after it."""
    for wait in (500, 100):
        await database.write(lambda tx, w=wait: pace.pause(tx, "sms", w, now_us=NOW))
    assert await reserve(database, 10) == 500
    assert await reserve(database, 10) == 510


@pytest.mark.sqlite_only
async def test_a_long_pause_is_no_clock_that_was_set_back(database):
    """An hour's pause holds for each that reserves, one behind the other."""
    hour = 3_600 * SECOND
    await database.write(lambda tx: pace.pause(tx, "sms", hour, now_us=NOW))
    assert [await reserve(database, SECOND) for _ in range(3)] == [
        hour, hour + SECOND, hour + 2 * SECOND,
    ]  # fmt: skip


@pytest.mark.parametrize("set_back", [pace.FURTHEST_US + 65 * 100, 86_400 * SECOND])
@pytest.mark.sqlite_only
async def test_a_clock_that_was_set_back_stalls_no_channel(database, set_back):
    """What lies further ahead than anybody reserves counts as past."""
    await reserve(database, 100)
    earlier = NOW - set_back
    assert await reserve(database, 100, earlier) == 0
    assert await reserve(database, 100, earlier) == 100


@pytest.mark.sqlite_only
async def test_a_slow_channel_may_be_reserved_far_ahead(database):
    """A large message at a small rate takes minutes, and is no clock that was set back."""
    long = 500 * SECOND
    assert [await reserve(database, long) for _ in range(4)] == [0, long, 2 * long, 3 * long]


async def test_spending_is_counted_by_month_and_given_back(database):
    """What did not leave costs nothing, and another month is another sum."""
    for channel, month, segments in (
        ("sms", 1, 5), ("sms", 1, 3), ("voice", 1, 2), ("sms", 2, 7), ("sms", 1, -3)
    ):  # fmt: skip
        await database.write(lambda tx, c=channel, m=month, s=segments: pace.spend(tx, c, m, s))
    assert await database.read(lambda tx: pace.spent(tx, 1)) == 7
    assert await database.read(lambda tx: pace.spent(tx, 3)) == 0
