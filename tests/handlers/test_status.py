from __future__ import annotations

import pytest

from handlers.dialog import perform
from handlers.status import Standing, status, status_of
from storage.errors import NotFound


async def test_a_broadcast_stands_by_number_and_by_code(store):
    """Recipients are counted by status, those held by reason with the earliest instant."""
    for last in range(5):
        await store.member(last)
    await store.member()
    await store.poll()
    await store.write(lambda tx: perform.queue_next(tx, store.now))
    for row, until in ((2, 70), (3, 50)):
        await store.run(
            "UPDATE outbox SET status = 'held', reason = 'quiet', until_at = :until WHERE id = :id",
            until=until, id=row,
        )  # fmt: skip
    await store.run("UPDATE outbox SET status = 'held', reason = 'cap', until_at = 9 WHERE id = 4")
    standing = Standing(
        number=1,
        state="queued",
        recipients=6,
        by_status={"queued": 2, "held": 3, "unreachable": 1},
        held=(("cap", 1, 9), ("quiet", 2, 50)),
    )
    for name in ("1", "P1", "p1", " P1 "):
        assert await store.write(lambda tx, name=name: status(tx, name)) == standing


async def test_what_is_still_to_be_queued_has_no_status(store):
    """A scheduled broadcast stands at nothing."""
    await store.member(1)
    await store.poll()
    assert await store.write(lambda tx: status(tx, "1")) == Standing(1, "queueing", 0, {}, ())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("2", "no broadcast 2"),
        ("P9", "no poll 'P9'"),
        ("", "no poll ''"),
        ("\u0662", "no poll"),
        ("JOIN", "JOIN was never sent to many"),
    ],
)
async def test_what_was_never_sent_to_many_is_told(store, name, told):
    """An unknown number or code, and a round that nobody was sent, raise NotFound in words."""
    await store.say(1, "JOIN")
    with pytest.raises(NotFound, match=told):
        await store.write(lambda tx: status(tx, name))


async def test_it_is_for_whoever_has_a_role(store):
    """Whoever has none is told so, however they came there."""
    await store.member(1)
    _, turn = await store.turn(1, lambda turn: status_of(turn, ""))
    assert "you are none" in turn.replies[0].text
