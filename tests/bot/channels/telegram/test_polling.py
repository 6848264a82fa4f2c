"""Updates in, by the long poll.

Source of the rules: core.telegram.org/bots/api (2026-11).
"""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.channels.telegram import polling
from tests.bot.channels.fake_telegram import GROUP, Answer, channel, error, membership, message

KINDS = ["message", "edited_message", "callback_query", "my_chat_member"]


async def take(polls):
    """Return the next poll, or fail rather than hang."""
    async with asyncio.timeout(5):
        return await anext(polls)


async def test_the_offset_moves_only_after_commit(fake, bot, waits):
    """What is not acknowledged comes again, after a wait; the offset confirms the rest."""
    fake.updates = [message(5, text="1"), message(6, text="2")]
    polls = bot.poll()
    first, again = await take(polls), await take(polls)
    assert first.events == again.events
    assert [event.text for event in again.events] == ["1", "2"]
    assert waits == [1]
    await again.acknowledge()
    fake.updates.append(message(7, text="3"))
    third = await take(polls)
    assert [event.text for event in third.events] == ["3"]
    asked = fake.of("getUpdates")
    assert [call.get("offset") for call in asked] == [None, None, 7]
    assert all(call["allowed_updates"] == KINDS and call["timeout"] == 30 for call in asked)
    await polls.aclose()


async def test_update_ids_may_start_anywhere(fake, bot):
    """After a quiet week `update_id` may start lower: nothing is taken for old."""
    fake.updates = [message(900, text="old")]
    polls = bot.poll()
    await (await take(polls)).acknowledge()
    following = asyncio.create_task(take(polls))
    await asyncio.wait_for(fake.asked.wait(), 5)
    fake.updates = [message(12, text="new")]
    polled = await following
    assert [event.text for event in polled.events] == ["new"]
    await polled.acknowledge()
    fake.asked.clear()
    ended = asyncio.create_task(take(polls))
    await asyncio.wait_for(fake.asked.wait(), 5)
    assert 13 in [call.get("offset") for call in fake.of("getUpdates")]
    ended.cancel()
    await asyncio.wait([ended])


async def test_the_last_of_a_batch_moves_the_offset(fake, bot, waits):
    """The offset is one past the last update of a batch, though an earlier one be higher."""
    fake.will("getUpdates", Answer(200, {"ok": True, "result": [message(9), message(3)]}))
    fake.will("getUpdates", error(500, "Oops"))
    fake.updates = [message(4, text="2")]
    polls = bot.poll()
    await take(polls)
    assert [call.get("offset") for call in fake.of("getUpdates")][-1] == 4
    await polls.aclose()


async def test_what_says_nothing_is_passed_over(fake, bot):
    """Updates without events move the offset on their own; unreadable ones are handed on."""
    fake.updates = [membership(5, "member", GROUP)]
    polls = bot.poll()
    following = asyncio.create_task(take(polls))
    await asyncio.wait_for(fake.asked.wait(), 5)
    fake.updates = [message(6, text=5), message(7, text="2")]
    polled = await following
    assert [type(event).__name__ for event in polled.events] == ["Unreadable", "Inbound"]
    await polls.aclose()


FAULTS = [
    (
        [error(409, "Conflict: terminated by other getUpdates request")] * 7,
        [1, 2, 4, 8, 16, 30, 30],
    ),
    ([error(429, "Too Many Requests", retry_after=3)], [3]),
    ([error(401, "Unauthorized")], [30]),
    ([Answer(502, b"<html>")], [1]),
    ([Answer(200, b"{")], [1]),
    ([Answer(200, {"ok": True, "result": "no"})], [1]),
    ([Answer(200, {"ok": True, "result": [{"message": {}}]})], [1]),
    ([Answer(200, b'{"ok"', cut=True)], [1]),
]


@pytest.mark.parametrize(("answers", "expected"), FAULTS)
async def test_a_fault_is_waited_out(fake, bot, waits, answers, expected):
    """One poller at a time: a Conflict, like any fault, is logged and waited out, 30 s at most."""
    fake.will("getUpdates", *answers)
    fake.updates = [message(5, text="2")]
    polls = bot.poll()
    with capture_logs() as logs:
        polled = await take(polls)
    assert [event.text for event in polled.events] == ["2"]
    assert waits == expected
    assert [entry["event"] for entry in logs] == ["telegram.poll_failed"] * len(expected)
    await polls.aclose()


async def test_a_success_ends_the_growing_wait(fake, bot, waits):
    """After a poll that went well the next fault waits 1 s again."""
    oops = error(500, "Oops")
    fake.will("getUpdates", oops, oops, Answer(200, {"ok": True, "result": []}), oops)
    fake.updates = [message(5, text="2")]
    polls = bot.poll()
    await take(polls)
    assert waits == [1, 2, 1]
    await polls.aclose()


async def test_polling_begins_when_telegram_is_back(fake, url, waits):
    """Unreachable at the start is no failure: the webhook goes, and polling begins, later."""
    fake.will("getMe", error(502, "Bad Gateway"), error(502, "Bad Gateway"))
    fake.updates = [message(5, text="2")]
    bot = channel(url)
    await bot.open()
    polls = bot.poll()
    await take(polls)
    assert [method for method, _ in fake.calls][-3:] == ["getMe", "deleteWebhook", "getUpdates"]
    assert waits == [1]
    await polls.aclose()
    await bot.close()


async def test_what_is_wrong_is_told_while_it_lasts(fake, url, monkeypatch):
    """/readyz hears of a bot that can't begin, and of a poll that fails, until it is over."""
    told = []
    bot = channel(url)

    async def look(seconds):
        told.append(bot.trouble)

    monkeypatch.setattr(polling, "sleep", look)
    fake.will("getMe", error(502, "Bad Gateway"), error(502, "Bad Gateway"))
    fake.will("getUpdates", error(409, "Conflict"))
    fake.updates = [message(5, text="2")]
    await bot.open()
    polls = bot.poll()
    await take(polls)
    assert told == ["Telegram can't be reached", "409 Conflict"]
    assert bot.trouble == ""
    await polls.aclose()
    await bot.close()


async def test_polling_stops_at_once(fake, bot):
    """Cancelling a poll that waits ends within a second."""
    fake.will("getUpdates", Answer(200, b"", hang=True))
    polling_task = asyncio.create_task(take(bot.poll()))
    await asyncio.wait_for(fake.hung.wait(), 5)
    polling_task.cancel()
    done, _ = await asyncio.wait([polling_task], timeout=1)
    assert done == {polling_task}
    assert polling_task.cancelled()
