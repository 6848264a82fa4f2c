"""Rows that wait: what lets them leave, what ends them, what is forgotten of them."""

from __future__ import annotations

import pytest

from storage import addresses, members, outbox, tickets

NOW = 1_900_000_000_000
DAY = 86_400_000


@pytest.fixture
async def member(database):
    """A person with one number: (member id, address id)."""

    async def unit(tx):
        address_id = await addresses.add(tx, "sms", "+12025550101", NOW)
        found = await members.add(tx, "en", NOW)
        await addresses.link(tx, found.id, address_id, NOW)
        return found.id, address_id

    return await database.write(unit)


@pytest.fixture
def put(database, member):
    """Add a row to the person, with columns of the test's own; return its id."""

    async def add(**columns):
        whole = {
            "kind": 0, "member_id": member[0], "address_id": member[1], "channel": "sms",
            "status": "queued", "text": "words", "queued_at": NOW, "expires_at": NOW + DAY,
        } | columns  # fmt: skip
        names = ", ".join(whole)
        values = ", ".join(f":{name}" for name in whole)
        found = await database.write(
            lambda tx: tx.row(
                f"INSERT INTO outbox ({names}) VALUES ({values}) RETURNING id", **whole
            )
        )
        return found[0]

    return add


async def column(database, name):
    """Return a column of every row, by id."""
    rows = await database.read(lambda tx: tx.rows(f"SELECT {name} FROM outbox ORDER BY id"))
    return [row[0] for row in rows]


async def test_what_is_held_leaves_at_its_time(database, put):
    """The longest due come first, so many at once; what is due later waits on."""
    for until_at in (NOW - 1, NOW - 3, NOW, NOW + 1):
        await put(status="held", until_at=until_at)
    assert await database.write(lambda tx: outbox.release(tx, NOW, 2)) == 2
    assert await column(database, "status") == ["queued", "queued", "held", "held"]
    assert await database.write(lambda tx: outbox.release(tx, NOW, 2)) == 1
    assert await column(database, "status") == ["queued", "queued", "queued", "held"]


async def test_what_is_held_too_long_expires(database, put):
    """Nothing stale is sent: its time to live ends it, and no number stays with it."""
    await put(status="held", expires_at=NOW, recipient="+12025550102", address_id=None)
    await put(status="held", expires_at=NOW + 1)
    await put(status="queued", expires_at=NOW)
    assert await database.write(lambda tx: outbox.expire(tx, NOW, 9)) == 1
    assert await column(database, "status") == ["expired", "held", "queued"]
    assert await column(database, "recipient") == ["", "", ""]


async def test_a_question_that_waited_for_its_turn_is_queued(database, put, member):
    """What is held for another reason stays."""
    await put(status="held", reason="turn", kind=1, until_at=NOW + DAY)
    await put(status="held", reason="quiet", kind=1, until_at=NOW + DAY)
    await database.write(lambda tx: outbox.release_turn(tx, member[0]))
    assert await column(database, "status") == ["queued", "held"]


@pytest.mark.parametrize(
    ("columns", "becomes"),
    [
        ({"status": "queued"}, "stopped"),
        ({"status": "held", "kind": 1}, "stopped"),
        ({"status": "queued", "kind": 2}, "stopped"),
        ({"status": "queued", "member_id": None}, "stopped"),
        ({"status": "sending"}, "sending"),
        ({"status": "sent"}, "sent"),
        ({"status": "unknown"}, "unknown"),
        ({"status": "queued", "member_id": None, "address_id": None}, "queued"),
    ],
)
async def test_a_stop_ends_what_waits(database, put, member, columns, becomes):
    """For the person and for the address, though not what is on its way or another's."""
    await put(**columns)
    await database.write(lambda tx: outbox.stop(tx, *member, NOW))
    assert await column(database, "status") == [becomes]


async def test_figures(database, put):
    """What waits on a channel by kind, and since when the first that leaves next."""
    await put(kind=1, queued_at=NOW - 5)
    await put(kind=2)
    await put(queued_at=NOW - 2)
    await put(queued_at=NOW - 1)
    await put(channel="telegram", queued_at=NOW - 9)
    await put(status="sent", queued_at=NOW - 9)
    assert await database.read(lambda tx: outbox.depth(tx, "sms")) == {0: 2, 1: 2}
    assert await database.read(lambda tx: outbox.oldest(tx, "sms")) == NOW - 2
    assert not await database.read(lambda tx: outbox.oldest(tx, "voice"))


async def test_a_long_queue_is_not_counted_to_its_end(database, put, monkeypatch):
    """A figure that is looked at every few seconds costs the same, however many wait."""
    monkeypatch.setattr(outbox, "DEEPEST", 2)
    for kind in (0, 0, 0, 1, 1, 1, 2):
        await put(kind=kind)
    assert await database.read(lambda tx: outbox.depth(tx, "sms")) == {0: 2, 1: 2}


async def test_what_nobody_sends_is_found_on_every_channel(database, put):
    """Of each channel and kind the first are looked at; those behind them come up later."""
    overdue = [
        await put(channel=channel, kind=kind, expires_at=NOW)
        for channel in ("gone", "telegram") for kind in (0, 2, 2)
    ]  # fmt: skip
    await put(kind=1)
    late = await put(kind=1, expires_at=NOW)
    assert sorted(await database.read(lambda tx: outbox.overdue(tx, NOW, 2))) == [*overdue, late]
    first = await database.read(lambda tx: outbox.overdue(tx, NOW, 1))
    assert first == [overdue[0], overdue[1], overdue[3], overdue[4]]
    await database.write(lambda tx: outbox.expire_queued(tx, first, NOW))
    assert await database.read(lambda tx: outbox.overdue(tx, NOW, 1)) == [overdue[2], overdue[5]]


async def test_old_replies_are_pruned(database, put):
    """Only what is old and waits no more, a bounded number at once; broadcasts keep their rows."""
    old = NOW - DAY
    await put(status="delivered", queued_at=old)
    await put(status="failed", queued_at=old)
    await put(status="queued", queued_at=old)
    await put(status="unknown", queued_at=old)
    await put(status="sent", queued_at=NOW)
    await put(status="sent", queued_at=old, kind=1)
    await database.write(
        lambda tx: tx.run(
            "INSERT INTO attempts (outbox_id, attempt, status, ended_at) VALUES (1, 1, 'again', 1)"
        )
    )
    assert await database.write(lambda tx: outbox.prune(tx, NOW, 1)) == 1
    assert await database.write(lambda tx: outbox.prune(tx, NOW, 9)) == 2
    assert await column(database, "status") == ["queued", "sent", "sent"]
    attempts = await database.read(lambda tx: tx.rows("SELECT * FROM attempts"))
    assert attempts == []


async def test_what_a_ticket_was_about_is_pruned(database, member):
    """Though it was no reply: it has somebody's words in it."""
    member_id, address_id = member
    ticket = await database.write(
        lambda tx: tickets.add(
            tx, member_id=member_id, address_id=None, kind="question", text="When?", now=NOW
        )
    )

    async def told(tx, at):
        await outbox.quote(
            tx, kind=outbox.SOLICITED, member_id=member_id, address_id=address_id, channel="sms",
            text="1: When?", language="en", ticket_id=ticket, now=at, expires_at=at + DAY,
        )  # fmt: skip

    await database.write(lambda tx: told(tx, NOW - DAY))
    await database.write(lambda tx: told(tx, NOW))
    await database.write(lambda tx: tx.run("UPDATE outbox SET status = 'sent'"))
    assert await database.write(lambda tx: outbox.prune(tx, NOW, 9)) == 1
    assert await column(database, "queued_at") == [NOW]


async def test_the_words_to_an_address_are_blanked(database, put, member):
    """Every reply's text, buttons and number go; what was told to many has no words of its own."""
    await put(choices="[]", recipient="+12025550101")
    await put(status="sent", kind=1, text="")
    await database.write(lambda tx: outbox.blank_address(tx, member[1]))
    for name in ("text", "choices", "recipient"):
        assert await column(database, name) == ["", ""]
