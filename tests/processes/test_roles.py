"""`serve --only`: processes that share the work by roles, and what `serve` refuses."""

from __future__ import annotations

import asyncio
import json
import socket

from tests.peers.fake_bot_api import FakeBotApi
from tests.peers.fake_twilio import FakeTwilio
from tests.processes.fleet import fleet, until

PHONE = "+12025550123"
OPTIONS = ("--option", "Taps", "--option", "Price")


async def test_three_processes_with_a_role_each(tmp_path, migrated_postgres):
    """One hears, one sends and one has the clock: together they do the whole job."""
    async with (
        FakeTwilio(sends_receipts=True) as carrier,
        FakeBotApi() as bot,
        fleet(tmp_path, migrated_postgres, sms=carrier.url, telegram=bot.url) as here,
    ):
        web, sender, clock = await asyncio.gather(
            here.start(only="web", port=here.port),
            here.start(only="sender"),
            here.start(only="clock"),
        )
        assert [web.leads("poll-telegram"), clock.leads("clock")] == [1, 1]
        for text in ("JOIN", "1", "1", "0", "Ada"):
            before = len(carrier.messages)
            assert await here.text(PHONE, text, web) == 200
            await until(lambda n=before: len(carrier.messages) > n, 10, f"{text} is answered")
        assert "Welcome" in carrier.messages[-1]["body"]
        code = await here.cli("poll", "Which first?", *OPTIONS, "--named", "--yes")
        await until(lambda: "Which first?" in carrier.messages[-1]["body"], 10, "it is asked")
        assert await here.text(PHONE, "2", web) == 200
        await here.cli("close", code)
        await until(lambda: "Result" in carrier.messages[-1]["body"], 30, "the result comes")
        shown = json.loads(await here.cli("result", code, "--json"))
        assert [shown["closed"], shown["answers"]] == [True, 1]

        async def is_delivered():
            (found,) = await here.rows("SELECT COUNT(*) FROM outbox WHERE status <> 'delivered'")
            return not found[0]

        await until(is_delivered, 15, "every receipt has come")
        assert await here.text(PHONE, "HELP", sender) == 404
        assert await here.text(PHONE, "HELP", clock) == 404
        assert not sender.leads("clock") + sender.leads("poll-telegram")
        assert not web.leads("clock") + clock.leads("poll-telegram")


async def test_a_second_process_on_a_taken_port(tmp_path, migrated_postgres):
    """Of two processes on one machine each has a port of its own: the other is told so."""
    async with FakeTwilio() as carrier, fleet(tmp_path, migrated_postgres, sms=carrier.url) as here:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", here.port))
            taken.listen()
            code, _, complained = await here.command("serve")
        assert code == 1
        assert f"can't listen on 127.0.0.1:{here.port}: Address already in use" in complained
        assert "--listen" in complained
