"""Several processes sending on one channel, as on PostgreSQL any number may."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from bot.channels.base import Sent
from bot.sending.claiming import LEASE
from bot.sending.outcome import Answer
from storage import claims
from tests.bot.sending.office import FakeChannel, Office, over, until


@pytest.fixture
async def offices(databases, tmp_path):
    """Four processes' post offices over one database."""
    url = await databases.url("")
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(over(url, tmp_path)) for _ in range(4)]


async def send(offices: list[Office], seconds: float) -> None:
    """Let all of them send until nothing is left."""
    async with AsyncExitStack() as stack:
        for office in offices:
            await stack.enter_async_context(office.draining())
        await until(offices[0].settled, seconds)


async def test_they_keep_one_pace_together(offices):
    """By the instants of the requests, no second sees more than the channel's rate."""
    for office in offices:
        office.channel = FakeChannel(rate=100)
    post = offices[0]
    for _ in range(150):
        await post.queue(await post.person())
    await send(offices, 20)
    moments = sorted(at for office in offices for at, _ in office.channel.sent)
    assert len(moments) == 150
    assert max(sum(a <= b < a + 1 for b in moments) for a in moments) <= 100


async def test_each_message_is_sent_by_one_of_them(offices):
    """No row is taken twice, and each is settled."""
    post = offices[0]
    rows = [await post.queue(await post.person()) for _ in range(200)]
    await send(offices, 20)
    assert sorted(row for office in offices for row in office.channel.rows) == rows
    assert set(await post.statuses()) == {"sent"}


async def test_one_person_s_messages_keep_their_order(offices):
    """Whichever process sends the next one: it waits until the one before is settled."""
    post = offices[0]
    people = [await post.person() for _ in range(3)]
    for number in range(10):
        for person in people:
            await post.queue(person, f"{person}-{number}")
    await send(offices, 20)
    sent = sorted((at, message.text) for office in offices for at, message in office.channel.sent)
    for person in people:
        texts = [text for _, text in sent if text.startswith(f"{person}-")]
        assert texts == [f"{person}-{number}" for number in range(10)]


async def test_what_is_being_sent_to_a_person_keeps_only_theirs_waiting(offices):
    """Others pass by, and theirs may leave as soon as the one before is settled."""
    here, there = offices[:2]
    ada, bob = await here.person(), await here.person()
    await here.queue(ada)
    (item,) = await here.claim()
    second, third = await here.queue(ada), await here.queue(bob)
    assert [found.row.id for found in await there.claim()] == [third]
    settler = here.settler()
    settler.put(Answer(item, Sent("1"), here.now()))
    await settler.flush()
    assert [found.row.id for found in await there.claim()] == [second]


async def test_a_doubt_is_looked_into_by_one_of_them(offices):
    """Whoever takes an unknown row has it for a while."""
    post = offices[0]
    for _ in range(10):
        await post.queue(await post.person())
    await post.claim()
    post.offset += LEASE + 1
    now = post.now()

    async def unit(tx):
        await claims.lapsed(tx, now, now)
        return await claims.doubtful(tx, "sms", now, now + 30_000, 20)

    found = await asyncio.gather(*(office.database.write(unit) for office in offices))
    assert sorted(row[0] for rows in found for row in rows) == list(range(1, 11))
