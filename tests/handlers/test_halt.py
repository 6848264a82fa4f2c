from __future__ import annotations

import pytest

from handlers.dialog import perform
from handlers.halt import halt
from storage import outbox
from storage.errors import NotFound


async def test_halt_cancels_what_waits_and_leaves_the_rest(store):
    """What is queued or held is cancelled, what has left stays, and the count is told."""
    for last in range(6):
        await store.member(last)
    await store.poll()
    await store.write(lambda tx: perform.queue_next(tx, store.now))
    for row, status in ((1, "sent"), (2, "delivered"), (3, "held"), (4, "sending")):
        await store.run("UPDATE outbox SET status = :status WHERE id = :id", status=status, id=row)
    assert await store.write(lambda tx: halt(tx, 1, None, store.now)) == 3
    assert await store.write(lambda tx: outbox.by_status(tx, 1)) == {
        "sent": 1, "delivered": 1, "sending": 1, "cancelled": 3,
    }  # fmt: skip
    assert await store.scalar("SELECT state FROM batches") == "halted"
    assert await store.rows("SELECT subject, subject_id, count FROM audit WHERE act = 'halt'") == [
        ("batch", 1, 3)
    ]


async def test_a_halted_broadcast_queues_nobody_more(store, monkeypatch):
    """Who was not queued yet when it was halted never is."""
    monkeypatch.setattr(perform, "CHUNK", 2)
    for last in range(6):
        await store.member(last)
    await store.poll()
    assert await store.write(lambda tx: perform.queue_next(tx, store.now)) == 2
    assert await store.write(lambda tx: halt(tx, 1, None, store.now)) == 2
    assert await store.write(lambda tx: perform.queue_next(tx, store.now)) is None
    assert await store.rows("SELECT status FROM outbox") == [("cancelled",), ("cancelled",)]


async def test_halting_twice_cancels_nothing_more(store):
    """A second halt does no harm, and a number that is none is told."""
    await store.member(1)
    await store.poll()
    assert await store.write(lambda tx: halt(tx, 1, None, store.now)) == 0
    assert await store.write(lambda tx: halt(tx, 1, None, store.now)) == 0
    with pytest.raises(NotFound, match="no broadcast 7"):
        await store.write(lambda tx: halt(tx, 7, None, store.now))
