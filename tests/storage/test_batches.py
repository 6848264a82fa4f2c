"""Queueing for many: in chunks, each person once, whatever happens in between."""

from __future__ import annotations

import pytest

from storage import addresses, batches, members, outbox, platforms, recipients
from storage.audience import All, Not, Platform
from storage.errors import Busy, NotFound

NOW = 1_900_000_000_000
DAY = 86_400_000


async def person(tx, number, platform_id, **changes):
    """Add a member with one number; `changes` are columns of the member or the address."""
    address_id = await addresses.add(tx, "sms", number, NOW)
    member = await members.add(tx, "en", NOW)
    await addresses.link(tx, member.id, address_id, NOW)
    await members.put(tx, member.id, "platform_id", platform_id)
    await members.join(tx, member.id, NOW)
    for column, value in changes.items():
        table, key = ("addresses", address_id) if column == "state" else ("members", member.id)
        await tx.run(f"UPDATE {table} SET {column} = :value WHERE id = :id", value=value, id=key)
    return member.id


async def add(tx, kind="announcement", due_at=NOW):
    """Add a batch of no particular words."""
    return await batches.add(
        tx, kind=kind, round_id=None, platform_id=None, audience="all", texts={"en": "Hi"},
        solicited=False, due_at=due_at, expires_at=NOW + DAY, by=None, now=NOW,
    )  # fmt: skip


@pytest.fixture
async def people(database):
    """Seven who can be written to, four of them in nima; one has stopped, one can't be reached."""

    async def unit(tx):
        root = await platforms.add(tx, "accra", "Accra", "", None, "", NOW)
        nima = await platforms.add(tx, "nima", "Nima", "", root, "", NOW)
        for i in range(7):
            await person(tx, f"+1202555{100 + i:04d}", nima.id if i < 4 else root.id)
        await person(tx, "+12025550190", root.id, stopped_at=NOW)
        await person(tx, "+12025550191", root.id, state="dead")

    await database.write(unit)
    return database


async def queue(database, number, audience, span):
    """Queue one chunk, reading the batch anew as each tick of the clock does."""

    async def unit(tx):
        batch = await batches.by_id(tx, number)
        return await recipients.queue_chunk(tx, batch, audience, NOW, span)

    return await database.write(unit)


@pytest.mark.parametrize(
    ("audience", "chunks", "by_status"),
    [
        (All(), [3, 3, 2], {"queued": 7, "unreachable": 1}),
        (Platform("nima"), [3, 1, 0], {"queued": 4}),
        (Platform("accra"), [3, 3, 2], {"queued": 7, "unreachable": 1}),
        (Not(Platform("accra")), [0, 0, 0], {}),
    ],
)
async def test_everybody_is_queued_once(people, audience, chunks, by_status):
    """Chunk by chunk, and then it is through; who stopped is left out, who can't be is told."""
    number = await people.write(add)
    assert [await queue(people, number, audience, 3) for _ in chunks] == chunks
    batch = await people.read(lambda tx: batches.by_id(tx, number))
    assert (batch.state, batch.recipients) == ("queued", sum(chunks))
    assert await people.read(lambda tx: outbox.by_status(tx, number)) == by_status
    assert await people.read(lambda tx: batches.due(tx, NOW)) is None
    doubled = await people.read(
        lambda tx: tx.rows("SELECT member_id FROM outbox GROUP BY member_id HAVING COUNT(*) > 1")
    )
    assert doubled == []


async def test_a_chunk_that_fails_is_queued_again_whole(people):
    """Its rows and the place it came to stand together, or not at all."""
    number = await people.write(add)
    await queue(people, number, All(), 3)

    async def crash(tx):
        await recipients.queue_chunk(tx, await batches.by_id(tx, number), All(), NOW, 3)
        raise KeyError

    with pytest.raises(KeyError):
        await people.write(crash)
    assert [await queue(people, number, All(), 3) for _ in range(2)] == [3, 2]
    assert (await people.read(lambda tx: outbox.by_status(tx, number)))["queued"] == 7


@pytest.mark.parametrize("meanwhile", ["cursor = cursor + 1", "state = 'halted'"])
async def test_a_chunk_that_another_has_queued_meanwhile_is_not_kept(people, meanwhile):
    """Whoever read the batch before another moved or halted it queues nothing of it."""
    number = await people.write(add)
    read = await people.read(lambda tx: batches.by_id(tx, number))
    await people.write(lambda tx: tx.run(f"UPDATE batches SET {meanwhile}"))
    with pytest.raises(Busy):
        await people.write(lambda tx: recipients.queue_chunk(tx, read, All(), NOW, 3))
    assert await people.read(lambda tx: outbox.by_status(tx, number)) == {}


async def test_an_audience_is_counted_no_further_than_asked(people):
    """To know that there are enough nobody counts a million."""
    counted = [
        await people.read(lambda tx, n=most: recipients.people(tx, All(), n)) for most in (3, 99)
    ]
    assert counted == [3, 8]


async def test_a_halted_batch_queues_no_more(people):
    """What waits of it is cancelled, and it is never due again."""
    number = await people.write(add)
    await queue(people, number, All(), 3)
    assert await people.write(lambda tx: batches.halt(tx, number))
    assert await people.write(lambda tx: outbox.halt(tx, number, NOW)) == 3
    assert not await people.write(lambda tx: batches.halt(tx, number))
    assert await people.read(lambda tx: batches.due(tx, NOW)) is None
    assert await people.read(lambda tx: outbox.by_status(tx, number)) == {"cancelled": 3}


async def test_a_batch_is_due_at_its_time(people):
    """Neither before, nor behind one that was due earlier."""
    late = await people.write(lambda tx: add(tx, due_at=NOW + 2))
    early = await people.write(lambda tx: add(tx, due_at=NOW + 1))
    due = [await people.read(lambda tx, at=at: batches.due(tx, NOW + at)) for at in (0, 1, 2)]
    assert [batch and batch.id for batch in due] == [None, early, early]
    await queue(people, early, All(), 99)
    assert (await people.read(lambda tx: batches.due(tx, NOW + 2))).id == late


async def test_what_a_preview_tells(people):
    """How many of a language and zone a channel reaches, who has stopped, who had enough."""
    reach = await people.read(lambda tx: recipients.reach(tx, All()))
    assert {(row[0], row[-1]) for row in reach} == {("sms", 7), ("", 1)}
    assert await people.read(lambda tx: recipients.stopped(tx, All())) == 1
    await people.write(
        lambda tx: tx.run(
            "INSERT INTO outbox (kind, member_id, channel, status, sent_at, queued_at, expires_at)"
            " VALUES (1, 1, 'sms', 'sent', :now, 1, 1), (0, 2, 'sms', 'sent', :now, 1, 1)",
            now=NOW,
        )
    )
    capped = [
        await people.read(lambda tx, s=since: recipients.capped(tx, All(), s, 1))
        for since in (NOW - 1, NOW)
    ]
    assert capped == [1, 0]


async def test_a_number_that_is_no_batch_is_told(database):
    """Whoever asks for it hears so."""
    with pytest.raises(NotFound, match="broadcast 7"):
        await database.read(lambda tx: batches.by_id(tx, 7))
