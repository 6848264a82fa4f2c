"""What one process alone may do: poll Telegram, tick the clock. Another takes over within 10 s."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from storage.postgres.tx import lock_key
from tests.peers.fake_bot_api import FakeBotApi
from tests.processes.fleet import fleet, until

TAKES_OVER = 10.0
GIVES_UP = 15.0  # what a frozen process has begun to claim is given up first
PERSON = 4_711
PARTS = ("poll-telegram", "clock")


@dataclass
class OnePoller(FakeBotApi):
    """A bot whose older poller is told of a conflict, as Telegram does. `polls` are instants."""

    polls: list[float] = field(default_factory=list)
    conflicts: int = 0
    number: int = 0

    async def _answer(self, request):
        if request.match_info["method"] != "getUpdates":
            return await super()._answer(request)
        self.number += 1
        mine = self.number
        self.polls.append(time.monotonic())
        params = await request.json() if request.can_read_body else {}
        offset = int(params.get("offset") or 0)
        self.updates = [update for update in self.updates if update["update_id"] >= offset]
        until = time.monotonic() + min(float(params.get("timeout") or 0), 2.0)
        while not self.updates and time.monotonic() < until:
            await asyncio.sleep(0.02)
            if self.number != mine:
                if request.transport is not None and not request.transport.is_closing():
                    self.conflicts += 1
                answer = {
                    "ok": False, "error_code": 409,
                    "description": "Conflict: terminated by other getUpdates request",
                }  # fmt: skip
                return web.json_response(answer, status=409)
        return web.json_response({"ok": True, "result": list(self.updates)})

    def write(self, text):
        """Let a person write."""
        at = len(self.messages) + 100 * self.number
        self.updates.append(
            {
                "update_id": 1_000 * self.number + at,
                "message": {
                    "message_id": at, "date": int(time.time()), "text": text,
                    "chat": {"id": PERSON, "type": "private", "first_name": "Ama"},
                    "from": {"id": PERSON, "is_bot": False, "first_name": "Ama"},
                },
            }
        )  # fmt: skip


def leader(here, part):
    """Return the process that began to lead a part last, of those that run."""
    found = [process for process in here.processes if process.is_up and process.leads(part)]
    assert len(found) == 1, f"{len(found)} processes lead {part}"
    return found[0]


async def holders(here, part):
    """Return the server's processes that hold a part's lock."""
    key = lock_key("lead", part) % 2**64
    return await here.rows(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
        f" AND classid::bigint = {key >> 32} AND objid::bigint = {key % 2**32}"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )


async def answered(bot, seconds=TAKES_OVER):
    """Let a person write, and return how long the answer took."""
    before = len(bot.messages)
    bot.write("HELP")
    return await until(lambda: len(bot.messages) > before, seconds, "a person is answered")


async def ticks(here, seconds=TAKES_OVER):
    """Return after how long the clock has queued a broadcast."""
    number = await here.cli("announce", "Water is off on Friday.", "--yes")

    async def is_queued():
        (found,) = await here.rows(f"SELECT state FROM batches WHERE id = {number}")
        return found[0] == "queued"

    return await until(is_queued, seconds, "the clock ticks")


@pytest.fixture
async def bot():
    """Run a bot that one process may poll."""
    async with OnePoller() as found:
        yield found


async def test_another_leads_when_the_leader_is_killed(tmp_path, migrated_postgres, bot):
    """One process polls and one ticks; is it killed another does so within 10 s."""
    async with fleet(tmp_path, migrated_postgres, telegram=bot.url) as here:
        await asyncio.gather(here.start(port=here.port), here.start())
        await until(lambda: bot.polls, TAKES_OVER, "somebody polls")
        await answered(bot)
        await ticks(here)
        for part in PARTS:
            assert len(await holders(here, part)) == 1
            leader(here, part)
        await leader(here, "poll-telegram").kill()
        await answered(bot)
        await ticks(here)
        await here.start()
        await leader(here, "clock").kill()
        await ticks(here)
        await answered(bot)
        assert not bot.conflicts


async def test_another_leads_when_the_leaders_connections_are_cut(tmp_path, migrated_postgres, bot):
    """A leader that has lost its connection leads no more; somebody does within 10 s, and one."""
    async with fleet(tmp_path, migrated_postgres, telegram=bot.url) as here:
        await asyncio.gather(here.start(port=here.port), here.start())
        await until(lambda: bot.polls, TAKES_OVER, "somebody polls")
        for _ in range(3):
            for part in PARTS:
                for (pid,) in await holders(here, part):
                    await here.rows(f"SELECT pg_terminate_backend({pid})")
            await answered(bot)
            await ticks(here)
            for part in PARTS:
                assert len(await holders(here, part)) == 1
        assert not bot.conflicts
        assert all(process.is_up for process in here.processes)


async def test_a_leader_that_stands_still_leads_no_more(tmp_path, migrated_postgres, bot):
    """A frozen leader loses its parts within 10 s; as it goes on it gets in nobody's way."""
    async with fleet(tmp_path, migrated_postgres, telegram=bot.url) as here:
        await asyncio.gather(here.start(port=here.port), here.start())
        await until(lambda: bot.polls, TAKES_OVER, "somebody polls")
        frozen = leader(here, "poll-telegram")
        frozen.signal(signal.SIGSTOP)
        polls = len(bot.polls)
        await until(lambda: len(bot.polls) > polls, TAKES_OVER, "the other polls")
        await answered(bot, GIVES_UP)
        await ticks(here)
        frozen.signal(signal.SIGCONT)
        begun = sum(process.leads("poll-telegram") for process in here.processes)
        for _ in range(3):
            await answered(bot)
        assert sum(process.leads("poll-telegram") for process in here.processes) == begun
        # What it had asked before it froze, and what it asks in the instant it wakes up.
        assert bot.conflicts <= 2
        for part in PARTS:
            assert len(await holders(here, part)) == 1
