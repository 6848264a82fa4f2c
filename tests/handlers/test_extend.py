from __future__ import annotations

import json

import pytest

from handlers.close import close
from handlers.dialog.perform import queue_next
from handlers.extend import extend
from storage import rounds
from storage.errors import BadInput, Conflict
from storage.instant import DAY, HOUR


async def test_what_has_not_left_tells_the_new_time(store):
    """The round closes at the new instant, and the broadcast says it."""
    await store.member(1)
    round_ = await store.poll(lasts=2 * DAY)
    assert "by Fri 12:00" in await store.scalar("SELECT texts FROM batches")
    until = store.now + 3 * HOUR
    await store.write(lambda tx: extend(tx, store.alliance, round_, until, None, store.now))
    assert await store.scalar("SELECT closes_at FROM rounds WHERE code = 'P1'") == until
    assert json.loads(await store.scalar("SELECT texts FROM batches")) == {
        "en": "Springfield Water: Which first? 1 Taps 2 Price 3 Drains 0 Skip. Send one number."
        " Send by Wed 3pm. With your name."
    }
    assert await store.rows(
        "SELECT subject, subject_id, count FROM audit WHERE act = 'extend'"
    ) == [("round", round_.id, 0)]


async def test_what_waits_may_leave_until_the_new_time(store):
    """A question that was held past the old close leaves before the new one, within its ttl."""
    await store.member(1)
    round_ = await store.poll(lasts=HOUR)
    await store.write(lambda tx: queue_next(tx, store.now))
    ttl = store.alliance.manners.ttl_ms
    for lasts, until in ((3 * HOUR, 3 * HOUR), (9 * DAY, ttl), (2 * HOUR, 2 * HOUR)):
        closes_at = store.now + lasts
        await store.write(
            lambda tx, at=closes_at: extend(tx, store.alliance, round_, at, None, store.now)
        )
        for table in ("batches", "outbox"):
            assert await store.scalar(f"SELECT expires_at FROM {table}") == store.now + until


@pytest.mark.parametrize("late", [0, -1, -DAY])
async def test_a_round_can_not_close_in_the_past(store, late):
    """A time that is past is refused, and nothing changes."""
    round_ = await store.poll()
    with pytest.raises(BadInput, match="close it instead"):
        await store.write(
            lambda tx: extend(tx, store.alliance, round_, store.now + late, None, store.now)
        )
    assert await store.write(lambda tx: rounds.by_id(tx, round_.id)) == round_


async def test_a_closed_round_stays_closed(store):
    """What is closed is closed for good."""
    round_ = await store.poll()
    await store.write(lambda tx: close(tx, store.alliance, round_, None, store.now))
    with pytest.raises(Conflict, match="P1 is closed already"):
        await store.write(
            lambda tx: extend(tx, store.alliance, round_, store.now + DAY, None, store.now)
        )


async def test_a_round_that_never_closes_gets_no_close(store):
    """Sign-up stands open: it can't be given an end."""
    await store.say(1, "JOIN")
    round_ = await store.write(lambda tx: rounds.by_code(tx, "JOIN"))
    with pytest.raises(Conflict):
        await store.write(
            lambda tx: extend(tx, store.alliance, round_, store.now + DAY, None, store.now)
        )


async def test_a_round_that_nobody_was_sent_is_extended_too(store):
    """A round without a broadcast has no text to change."""
    round_ = await store.poll()
    await store.run("UPDATE batches SET kind = 'announcement'")
    before = await store.scalar("SELECT texts FROM batches")
    until = store.now + 9 * DAY
    await store.write(lambda tx: extend(tx, store.alliance, round_, until, None, store.now))
    assert await store.scalar("SELECT closes_at FROM rounds WHERE code = 'P1'") == until
    assert await store.scalar("SELECT texts FROM batches") == before
