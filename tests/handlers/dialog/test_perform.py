from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.announce import announce
from handlers.dialog import perform
from handlers.halt import halt
from storage.audience import All, Platform
from storage.errors import BadAudience
from storage.instant import HOUR


@pytest.fixture(autouse=True)
def _chunks_of_two(monkeypatch):
    monkeypatch.setattr(perform, "CHUNK", 2)


async def tell(store, audience=None, at=0):
    """Queue an announcement and return its number."""
    return await store.write(
        lambda tx: announce(
            tx, store.alliance, audience or All(), {"en": "Hello"}, at=at or store.now, by=None,
            now=store.now,
        )
    )  # fmt: skip


async def queue(store):
    """Queue one chunk."""
    return await store.write(lambda tx: perform.queue_next(tx, store.now))


async def queued(store):
    """Return who has a row, in the order of the members."""
    return [row[0] for row in await store.rows("SELECT member_id FROM outbox ORDER BY member_id")]


async def batch(store):
    """Return how far the broadcast is."""
    return (await store.rows("SELECT state, cursor, recipients FROM batches"))[0]


async def test_an_audience_is_queued_chunk_by_chunk(store):
    """Each member gets one row, and the cursor and the count of recipients go with the chunks."""
    for last in range(5):
        await store.member(last)
    await tell(store)
    seen = []
    while (count := await queue(store)) is not None:
        seen.append((count, await batch(store)))
    assert seen == [
        (2, ("queueing", 2, 2)), (2, ("queueing", 4, 4)), (1, ("queued", 5, 5)),
    ]  # fmt: skip
    assert await queued(store) == [1, 2, 3, 4, 5]


async def test_an_audience_that_fills_its_last_chunk_ends_with_it(store):
    """Nobody is queued twice or left out where the people are a multiple of the chunk."""
    for last in range(4):
        await store.member(last)
    await tell(store)
    assert [await queue(store) for _ in range(3)] == [2, 2, None]
    assert await queued(store) == [1, 2, 3, 4]
    assert await batch(store) == ("queued", 4, 4)


async def test_a_crash_within_a_chunk_doubles_nobody(store):
    """A chunk's rows and its cursor commit together, so it is queued again whole or not at all."""
    for last in range(5):
        await store.member(last)
    await tell(store)
    await queue(store)

    async def crashes(tx):
        await perform.queue_next(tx, store.now)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.write(crashes)
    assert await queued(store) == [1, 2]
    assert await batch(store) == ("queueing", 2, 2)
    while await queue(store) is not None:
        pass
    assert await queued(store) == [1, 2, 3, 4, 5]


async def test_who_joins_meanwhile_is_told_too(store):
    """The audience is taken at the send: whoever is in it when its chunk comes is in."""
    for last in range(3):
        await store.member(last)
    await tell(store)
    await queue(store)
    await store.member(9)
    await store.run("UPDATE members SET stopped_at = 1 WHERE id = 1")
    while await queue(store) is not None:
        pass
    assert await queued(store) == [1, 2, 3, 4]
    assert await batch(store) == ("queued", 4, 4)


async def test_who_stopped_or_is_no_member_gets_no_row(store):
    """Those who asked us to stop, are signing up or were forgotten are left out."""
    for last in range(4):
        await store.member(last)
    await store.run("UPDATE members SET stopped_at = 1 WHERE id = 1")
    await store.run("UPDATE members SET state = 'joining' WHERE id = 2")
    await store.run("UPDATE members SET state = 'erased' WHERE id = 3")
    await tell(store)
    assert [await queue(store) for _ in range(2)] == [0, 1]
    assert await queued(store) == [4]


async def test_who_can_not_be_reached_is_counted_as_such(store):
    """A member without a working address is a recipient whose row has ended unreachable."""
    await store.member(0)
    await store.member()
    await store.member(1)
    await store.run("UPDATE addresses SET state = 'blocked' WHERE id = 2")
    await tell(store)
    while await queue(store) is not None:
        pass
    assert await store.rows(
        "SELECT member_id, status, channel, address_id, settled_at > 0 FROM outbox ORDER BY 1"
    ) == [
        (1, "queued", "sms", 1, 0), (2, "unreachable", "", None, 1),
        (3, "unreachable", "", None, 1),
    ]  # fmt: skip


async def test_the_address_that_worked_last_is_used(store):
    """Of several phones the one that wrote last gets the message."""
    member = await store.member(0)
    other = await store.member(1)
    await store.run("UPDATE member_addresses SET member_id = :m WHERE member_id = :o", m=member,
                    o=other)  # fmt: skip
    await store.run("DELETE FROM members WHERE id = :id", id=other)
    await store.run("UPDATE addresses SET worked_at = id")
    await tell(store)
    await queue(store)
    assert await store.rows("SELECT address_id FROM outbox") == [(2,)]


async def test_a_halt_midway_leaves_the_rest_unqueued(store):
    """After a halt there is nothing more to queue."""
    for last in range(5):
        await store.member(last)
    number = await tell(store)
    await queue(store)
    await store.write(lambda tx: halt(tx, number, None, store.now))
    assert await queue(store) is None
    assert await queued(store) == [1, 2]


async def test_what_is_not_due_waits_and_the_earliest_goes_first(store):
    """A scheduled broadcast is queued once its time has come, the earliest due before others."""
    await store.member(0)
    later = await tell(store, at=store.now + 2 * HOUR)
    sooner = await tell(store, at=store.now + HOUR)
    assert await queue(store) is None
    store.now += 3 * HOUR
    while await queue(store) is not None:
        pass
    assert await store.rows("SELECT batch_id FROM outbox ORDER BY id") == [(sooner,), (later,)]


async def test_only_the_audience_is_queued(store):
    """A platform's broadcast goes to it and to those below it."""
    await store.platform("city", "Springfield")
    east = await store.platform("east", "East", "city")
    await store.platform("west", "West", "city")
    await store.member(0, platform=east)
    await store.member(1)
    await tell(store, Platform("city"))
    assert await queue(store) == 1
    assert await queued(store) == [1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nima", "no platform 'nima'"),
        ("city and not nima", "no platform 'nima'"),
        ("org:wateraid", "no organisation 'wateraid'"),
        ("type:king", "no type 'king'; there are business, donor, water_users"),
        ("sector:third", "no sector 'third'; there are civil, private, public"),
        ("lang:fr", "no lang 'fr'; there are en, es"),
        ("role:king", "no role 'king'; there are coordinator, documenter"),
        ("city and", "something is missing"),
    ],
)
async def test_an_audience_whose_names_do_not_exist_is_refused(store, text, told):
    """A name nobody has would silently select nobody, so it is told."""
    await store.platform("city", "Springfield")
    alliance = replace(store.alliance, languages=("en", "es"))
    with pytest.raises(BadAudience, match=told):
        await store.write(lambda tx: perform.read_audience(tx, text, alliance))


async def test_an_audience_of_known_names_is_read(store):
    """Platforms, organisations, types, sectors, languages, roles and channels may be named."""
    await store.platform("city", "Springfield")
    await store.run(
        "INSERT INTO organisations (name, name_key, created_at) VALUES ('Aid', 'aid', 1)"
    )
    text = "city and org:aid and type:donor and sector:civil and lang:en or role:coordinator"
    tree = await store.write(lambda tx: perform.read_audience(tx, text, store.alliance))
    assert await store.write(lambda tx: perform.read_audience(tx, "", store.alliance)) == All()
    assert tree != All()
