from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import channels
from bot.channels import simulator as simulator_module
from bot.channels.base import ChannelSettings, Choice, Context, HookRequest, Outgoing, Sent
from bot.channels.simulator import DRIVER
from storage.errors import BadConfig, Malformed
from storage.instant import clock

NINA = "+12025550123"
OMAR = "+12025550124"
CONTEXT = Context("http://127.0.0.1:8080", ("US",))
REQUEST = HookRequest("/hooks/phones", "", {}, b"")


def build(**keys):
    """Return phones with these settings."""
    return DRIVER.build("phones", DRIVER.settings(driver="simulator", **keys), CONTEXT)


def texts(messages):
    """Return what stands in messages."""
    return [message["text"] for message in messages]


async def test_a_message_is_on_its_phone_alone():
    """What is sent to one phone is there, and on no other."""
    phones = build()
    sent = await phones.send(Outgoing(1, 1, NINA, "hello"))
    [message] = phones.messages(NINA)
    assert sent == Sent(str(message["id"]))
    assert message["to"] == NINA
    assert phones.messages(OMAR) == []


async def test_one_attempt_is_delivered_once():
    """The same row and attempt gives the first answer again; another attempt is a message."""
    phones = build()
    first = await phones.send(Outgoing(1, 1, NINA, "hello"))
    assert await phones.send(Outgoing(1, 1, NINA, "hello")) == first
    assert await phones.send(Outgoing(1, 2, NINA, "hello")) != first
    assert texts(phones.messages(NINA)) == ["hello", "hello"]


async def test_ids_rise_across_restarts(monkeypatch):
    """A program that remembers the last id misses nothing when the server starts anew."""
    last = 0
    for start in (1_000, 1_001):
        monkeypatch.setattr(simulator_module, "clock", lambda start=start: start)
        phones = build()
        for row in range(900):
            sent = await phones.send(Outgoing(row, 1, NINA, "x"))
            assert int(sent.provider_id) > last
            last = int(sent.provider_id)


@pytest.mark.parametrize(
    ("choice", "label"),
    [
        (Choice("Broken taps", "1"), "1 Broken taps"),
        (Choice("1 Broken taps", "1"), "1 Broken taps"),
        (Choice("1 Broken taps", "4"), "4 1 Broken taps"),
        (Choice("1 Broken taps", "a:7:0:1"), "1 Broken taps"),
        (Choice("Yes", "c:4817"), "4817 Yes"),
        (Choice("No", "c:no"), "No"),
        (Choice("Yes", "²"), "Yes"),
        (Choice("1", "1"), "1"),
    ],
)
async def test_choices_show_their_digit(choice, label):
    """A basic phone answers by digit, so a choice that has one shows it."""
    phones = build()
    await phones.send(Outgoing(1, 1, NINA, "?", (choice,)))
    assert phones.messages(NINA)[0]["choices"] == [label]


@pytest.mark.parametrize(
    ("row", "text", "later", "found"),
    [(1, "hello", 0, 2), (2, "hello", 0, 0), (1, "hullo", 0, 0), (1, "hello", 60_000, 0)],
)
async def test_find_goes_by_row_text_and_time(row, text, later, found):
    """A look-up finds each attempt of a row that the phone holds, newest first."""
    phones, since = build(), clock()
    sent = [await phones.send(Outgoing(1, attempt, NINA, "hello")) for attempt in (1, 2)]
    held = await phones.find(Outgoing(row, 1, NINA, text), since + later)
    assert held == sent[::-1][:found]
    assert await phones.find(Outgoing(row, 1, OMAR, text), since) == []


async def test_memory_is_bounded(monkeypatch):
    """A phone keeps its latest messages, the simulator the phones used last."""
    monkeypatch.setattr(simulator_module, "PHONES", 2)
    monkeypatch.setattr(simulator_module, "ATTEMPTS", 3)
    phones = build()
    for row in range(simulator_module.MESSAGES + 1):
        await phones.send(Outgoing(row, 1, NINA, str(row)))
    assert texts(phones.messages(NINA)) == [str(n) for n in range(1, simulator_module.MESSAGES + 1)]
    assert len(phones._attempts) == 3
    await phones.send(Outgoing(901, 1, OMAR, "x"))
    await phones.send(Outgoing(902, 1, NINA, "x"))
    await phones.send(Outgoing(903, 1, "+12025550125", "x"))
    assert phones.phones() == ["+12025550125", NINA]
    assert phones.messages(OMAR) == []


@given(st.lists(st.tuples(st.sampled_from([NINA, OMAR]), st.booleans()), max_size=30), st.data())
async def test_talk_is_both_sides_in_order(acts, data):
    """Reading on from any message, one gets exactly what came after it, in order."""
    phones = build()
    for row, (number, ours) in enumerate(acts):
        if ours:
            await phones.send(Outgoing(row, 1, number, str(row)))
        else:
            phones.typed(number, str(row), f"k{row}")
    told = phones.talk([NINA, OMAR, NINA])
    assert [message.text for message in told] == [str(row) for row in range(len(acts))]
    if told:
        at = data.draw(st.integers(0, len(told) - 1))
        assert phones.talk([NINA, OMAR], told[at].id) == told[at + 1 :]


async def test_news_come_as_soon_as_there_are_any():
    """Whoever waits is woken by what concerns them, or after their time, with nothing."""
    phones = build()
    waiting = asyncio.create_task(phones.news([NINA], 0, 20))
    await asyncio.sleep(0)
    await phones.send(Outgoing(1, 1, OMAR, "another's"))
    await asyncio.sleep(0)
    assert not waiting.done()
    await phones.send(Outgoing(2, 1, NINA, "mine"))
    async with asyncio.timeout(5):
        [message] = await waiting
    assert message.text == "mine"
    assert await phones.news([NINA], message.id, 0) == []


async def test_closing_ends_every_wait():
    """A wait that began before the end, or comes after it, does not hold it up."""
    phones = build()
    await phones.open()
    waiting = asyncio.create_task(phones.news([NINA], 0, 20))
    await asyncio.sleep(0)
    await phones.close()
    async with asyncio.timeout(5):
        assert await waiting == []
        assert await phones.news([NINA], 0, 20) == []


async def test_what_was_typed_can_be_taken_back():
    """What could not be accepted is gone; a redelivery is not kept twice."""
    phones = build()
    message = phones.typed(NINA, "JOIN", "k1")
    assert phones.typed(NINA, "JOIN", "k1") is None
    phones.untype(message)
    phones.untype(message)
    assert phones.talk([NINA]) == []


async def test_it_is_a_basic_phone():
    """Segments are counted, one question is open at a time, and nothing costs anything."""
    traits = build(rate=5, in_flight=2).traits
    assert (traits.rate, traits.in_flight) == (5, 2)
    assert (traits.segments, traits.one_question, traits.findable) == (True, True, True)
    assert (traits.polled, traits.price) == (False, 0)
    assert build().traits.rate == 1_000


async def test_it_has_no_provider():
    """Nobody can write to it by a webhook, and there is nothing to poll or to acknowledge."""
    phones = build()
    with pytest.raises(Malformed):
        phones.parse(REQUEST)
    with pytest.raises(Malformed):
        phones.parse_receipt(REQUEST)
    assert [polled async for polled in phones.poll()] == []
    await phones.send(Outgoing(1, 1, NINA, "x"))
    assert await phones.check() == "phones: simulator, 1 phones"


def test_the_driver_is_found_by_name():
    """The configuration's word for it is simulator, and it takes no other's settings."""
    assert channels.driver("simulator") is DRIVER
    with pytest.raises(BadConfig):
        DRIVER.build("phones", ChannelSettings(driver="simulator"), CONTEXT)
