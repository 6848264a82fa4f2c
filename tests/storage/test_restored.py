from __future__ import annotations

import pytest

from storage import batches, outbox, releasing, restored
from storage.instant import DAY, HOUR
from storage.restored import GIVEN_SINCE, NEVER, SENT_SINCE, Contents, Held

NOW = 1_800_000_000_000


async def add(tx, **given):
    """Add a row of the outbox, and return its id."""
    row = {
        "kind": 1, "channel": "sms", "status": "queued", "reason": "", "until_at": 0,
        "batch_id": None, "text": "", "queued_at": NOW - HOUR, "expires_at": NOW + DAY,
    } | given  # fmt: skip
    found = await tx.row(
        f"INSERT INTO outbox ({', '.join(row)}) VALUES ({', '.join(f':{k}' for k in row)})"
        " RETURNING id", **row,
    )  # fmt: skip
    return found[0]


async def standing(tx, row):
    """Return a row's status, reason and until_at."""
    return tuple(await tx.row("SELECT status, reason, until_at FROM outbox WHERE id = :id", id=row))


async def batch(tx, due_at, expires_at=NOW + DAY):
    """Add a batch that is planned or being queued, and return its number."""
    return await batches.add(
        tx, kind="announcement", round_id=None, platform_id=None, audience="", texts={"en": "Hi"},
        solicited=False, due_at=due_at, expires_at=expires_at, by=None, now=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, ("held", "restored", NOW + DAY)),
        ({"status": "held", "reason": "quiet", "until_at": 9}, ("held", "restored", NOW + DAY)),
        ({"kind": 0, "text": "Hello"}, ("held", "restored", NOW + DAY)),
        ({"expires_at": NOW}, ("expired", "", 0)),
        ({"status": "held", "until_at": NOW, "expires_at": NOW}, ("expired", "", NOW)),
        ({"status": "sending"}, ("unknown", "restored", NEVER)),
        ({"status": "unknown", "until_at": NOW, "expires_at": NOW}, ("unknown", "restored", NEVER)),
        ({"status": "unknown", "until_at": NOW + 3_650 * DAY}, ("unknown", "", NOW + 3_650 * DAY)),
        ({"status": "sent"}, ("sent", "", 0)),
        ({"status": "delivered"}, ("delivered", "", 0)),
    ],
)  # fmt: skip
async def test_what_waits_is_held(database, before, after):
    """Nothing that a copy says is waiting can leave; what has ended stays as it is."""

    async def unit(tx):
        row = await add(tx, **before)
        await restored.hold(tx, NOW)
        return await standing(tx, row)

    assert await database.write(unit) == after


async def test_held_is_counted(database):
    """What is held, may have left, or is planned is told, and the first is in the audit."""

    async def unit(tx):
        for status in ("queued", "queued", "held", "sending", "sent"):
            await add(tx, status=status)
        await batch(tx, NOW + HOUR)
        await batch(tx, NOW)
        found = await restored.hold(tx, NOW)
        [[act, count]] = await tx.rows("SELECT act, count FROM audit")
        return found, act, count, await releasing.count(tx, NOW)

    assert await database.write(unit) == (Held(3, 1, 2), "restore", 3, (3, 1, 2))


@pytest.mark.parametrize("turns", [1, 2])
async def test_no_number_comes_again(database, turns):
    """Receipts and buttons of what was sent since name numbers that mean nothing any more."""

    async def unit(tx):
        row = await add(tx)
        await tx.run("INSERT INTO forms (id, name, version, privacy, body, created_at)"
                     " VALUES (1, 'f', 1, 'named', '', 1)")  # fmt: skip
        await tx.run("INSERT INTO rounds (id, code, form_id, opened_at) VALUES (7, 'P7', 1, 1)")
        for _ in range(turns):
            await restored.hold(tx, NOW)
        [next_round] = await tx.row(
            "INSERT INTO rounds (code, form_id, opened_at) VALUES ('x', 1, 1) RETURNING id"
        )
        return row, await add(tx), next_round

    first, then, next_round = await database.write(unit)
    assert then == first + turns * SENT_SINCE + 1
    assert next_round == 7 + turns * GIVEN_SINCE + 1


async def test_an_empty_outbox_counts_on_too(database):
    """Where nothing had been sent yet, something may have been since."""

    async def unit(tx):
        await restored.hold(tx, NOW)
        return await add(tx)

    assert await database.write(unit) == SENT_SINCE + 1


async def test_confirmations_are_forgotten(database):
    """What somebody was asked to confirm they may have confirmed since."""

    async def unit(tx):
        await tx.run("INSERT INTO addresses (channel, value, created_at) VALUES ('sms', '+1', 1)")
        await tx.run("INSERT INTO pending (address_id, act, code, expires_at)"
                     " VALUES (1, 'announce', '1234', 9)")  # fmt: skip
        await restored.hold(tx, NOW)
        return await tx.rows("SELECT 1 FROM pending")

    assert await database.write(unit) == []


async def test_contents(database):
    """Members, messages of both directions, and the newest instant of any."""

    async def unit(tx):
        empty = await restored.contents(tx)
        await add(tx, queued_at=5)
        await tx.run("INSERT INTO inbound (channel, key, kind, at) VALUES ('sms', 'k', 'text', 7)")
        await tx.run("INSERT INTO members (state, created_at) VALUES ('joining', 1), ('member', 1)")
        return empty, await restored.contents(tx)

    assert await database.write(unit) == (Contents(0, 0, 0), Contents(1, 2, 7))


async def hold(tx):
    """Fill a database and hold it: rows of two batches, a reply, doubts, planned batches."""
    first, second = await batch(tx, NOW - HOUR), await batch(tx, NOW - HOUR)
    await tx.run("UPDATE batches SET state = 'queued'")
    rows = {
        "first": await add(tx, batch_id=first),
        "late": await add(tx, batch_id=first, expires_at=NOW + 1),
        "second": await add(tx, batch_id=second),
        "reply": await add(tx, kind=0, text="Hello"),
        "sms": await add(tx, status="sending"),
        "chat": await add(tx, status="unknown", channel="telegram"),
    }
    await batch(tx, NOW + 2 * HOUR)
    await batch(tx, NOW - HOUR, expires_at=NOW + 1)
    await restored.hold(tx, NOW)
    return rows


LATER = NOW + HOUR


async def after(database, act):
    """Hold, wait an hour, act, and return every row's standing by name, and each batch's."""

    async def unit(tx):
        rows = await hold(tx)
        result = await act(tx)
        found = {name: (await standing(tx, row))[0] for name, row in rows.items()}
        numbers = await tx.rows("SELECT state, due_at FROM batches ORDER BY id")
        return result, found, [tuple(row) for row in numbers]

    return await database.write(unit)


async def test_release_all(database):
    """What is in time is queued, planned batches are due as before, and doubts are looked up."""

    async def act(tx):
        count = await releasing.release(tx, None, LATER, 100)
        return count, await releasing.release_rest(tx, None, ["sms"], LATER)

    result, found, numbers = await after(database, act)
    assert result == (3, 2)
    assert found == {
        "first": "queued", "late": "held", "second": "queued", "reply": "queued", "sms": "unknown",
        "chat": "unknown",
    }  # fmt: skip
    assert numbers[2:] == [("scheduled", NOW + 2 * HOUR), ("halted", NOW - HOUR)]


async def test_release_one(database):
    """A broadcast or the replies may go first; what is left waits on."""

    async def act(tx):
        one = await releasing.release(tx, 1, LATER, 100)
        replies = await releasing.release(tx, releasing.REPLIES, LATER, 100)
        return one, replies, await releasing.release_rest(tx, 1, ["sms"], LATER)

    result, found, numbers = await after(database, act)
    assert result == (1, 1, 0)
    assert (found["first"], found["second"], found["reply"]) == ("queued", "held", "queued")
    assert numbers[2] == ("scheduled", NOW + 2 * HOUR + NEVER)


async def test_doubts_are_asked_about_or_left(database):
    """What may have left is looked up where that can be done, and sent blindly nowhere."""

    async def act(tx):
        await releasing.release_rest(tx, None, ["sms"], LATER)
        due = "SELECT channel FROM outbox WHERE status = 'unknown' AND until_at <= :now"
        return [row[0] for row in await tx.rows(due, now=LATER)], await releasing.count(tx, LATER)

    (due, count), _, _ = await after(database, act)
    assert due == ["sms"]
    assert count == (3, 0, 0)


async def test_discard(database):
    """What is discarded never leaves, whatever is released afterwards."""

    async def act(tx):
        count = await releasing.discard(tx, None, LATER, 100)
        halted = await releasing.discard_rest(tx, None)
        again = await releasing.release(tx, None, LATER, 100)
        return count, halted, again, await releasing.count(tx, LATER)

    result, found, numbers = await after(database, act)
    assert result == (4, 2, 0, (0, 0, 0))
    assert set(found.values()) == {"cancelled", "unknown"}
    assert [state for state, _ in numbers] == ["queued", "queued", "halted", "halted"]


async def test_chunks(database):
    """A release takes no more at once than it is told."""

    async def unit(tx):
        for _ in range(5):
            await add(tx)
        await restored.hold(tx, NOW)
        return [await releasing.release(tx, None, NOW, 2) for _ in range(4)]

    assert await database.write(unit) == [2, 2, 1, 0]


async def test_time_does_not_release(database):
    """What a restore holds ends with its time to live, and is queued by nobody but a person."""

    async def unit(tx):
        rows = [await add(tx), await add(tx, expires_at=NOW + 2 * DAY)]
        await restored.hold(tx, NOW)
        await tx.run("UPDATE outbox SET until_at = :at", at=NOW)  # as after an EXTEND
        released = await outbox.release(tx, NOW + DAY, 100)
        await outbox.expire(tx, NOW + DAY, 100)
        return released, [(await standing(tx, row))[0] for row in rows]

    assert await database.write(unit) == (0, ["expired", "held"])


async def test_what_waits_by_what_it_says(database):
    """People who get the same are one line, so that its segments are counted once."""

    async def unit(tx):
        number = await batch(tx, NOW - HOUR)
        for language, introduced in (("en", True), ("en", True), ("es", True), ("en", False)):
            [member] = await tx.row(
                "INSERT INTO members (language, introduced, created_at)"
                " VALUES (:language, :introduced, 1) RETURNING id",
                language=language, introduced=introduced,
            )  # fmt: skip
            await add(tx, batch_id=number, member_id=member)
        await add(tx, kind=0, text="Hello")
        await restored.hold(tx, NOW)
        return [
            (w.batch_id, w.language, w.introduced, w.text, w.people)
            for w in await releasing.waiting(tx, NOW)
        ]

    assert sorted(await database.write(unit), key=str) == [
        (1, "en", False, "", 1),
        (1, "en", True, "", 2),
        (1, "es", True, "", 1),
        (None, "", True, "Hello", 1),
    ]
