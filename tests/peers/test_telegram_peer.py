"""The Telegram channel alone against a third-party Bot API server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.channels.base import Choice, Context, HookRequest, Outgoing, Refused, Sent
from bot.channels.telegram import DRIVER, TelegramSettings
from storage.errors import Forged
from tests.peers.telegram_emulator import TOKEN, USERNAME, emulated

SECRET = "a-webhook_secret"
TEXT = "Nima: which water problem first? 1 Broken taps 2 High price 0 Skip."
CHOICES = (Choice("1 Broken taps", "7:1:1"), Choice("2 High price", "7:1:2"))


@pytest.fixture
async def emulator():
    """Return a running emulator."""
    async with emulated() as running:
        yield running


@asynccontextmanager
async def opened(emulator, public_url="https://alliance.example.org", **settings):
    """Open a channel that speaks to the emulator."""
    given = {"driver": "telegram", "api_url": emulator.url, "token": TOKEN, **settings}
    context = Context(public_url, ("GH",))
    bot = DRIVER.build("telegram", TelegramSettings.model_validate(given), context)
    await bot.open()
    try:
        yield bot
    finally:
        await bot.close()


@asynccontextmanager
async def door(receive):
    """Serve the webhook's door, which hands each raw request to `receive`."""

    async def handle(request):
        headers = {name.lower(): value for name, value in request.headers.items()}
        raw = HookRequest(request.path, request.query_string, headers, await request.read())
        return web.Response(status=receive(raw))

    app = web.Application()
    app.router.add_post("/hooks/telegram", handle)
    server = TestServer(app)
    await server.start_server(access_log=None, shutdown_timeout=0)
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


async def take(polls):
    """Return the next poll, or fail rather than hang."""
    async with asyncio.timeout(5):
        return await anext(polls)


async def test_who_we_are(emulator):
    """The bot learns its own name, and links to itself by it."""
    async with opened(emulator) as bot:
        assert await bot.check() == f"telegram: @{USERNAME} (bot 7)"
        assert await bot.link("NIMA") == f"https://t.me/{USERNAME}?start=NIMA"


async def test_a_message_with_buttons(emulator):
    """A question with buttons, and one with a link, are what the server accepts."""
    async with opened(emulator) as bot:
        sent = await bot.send(Outgoing(1, 1, "700", TEXT, CHOICES))
        linked = await bot.send(Outgoing(2, 1, "700", "Desk: https://alliance.example.org/d"))
    assert (sent, linked) == (Sent("1"), Sent("2"))
    keyboard = [[{"text": c.label, "callback_data": c.data}] for c in CHOICES]
    first = {"chat_id": "700", "text": TEXT, "reply_markup": {"inline_keyboard": keyboard}}
    assert emulator.of("sendMessage")[0] == first


async def test_limits_are_the_servers(emulator):
    """What the server counts as too long or empty is refused for good, and no more is sent."""
    async with opened(emulator) as bot:
        emoji = await bot.send(Outgoing(1, 1, "700", "\U0001f4a7" * 4_096))
        empty = await bot.send(Outgoing(1, 1, "700", " "))
        whole = await bot.send(Outgoing(1, 1, "700", "a" * 4_096, (Choice("Yes", "x" * 64),)))
    assert emoji == Refused("too long")
    assert empty == Refused("400 Bad Request: message text is empty")
    assert isinstance(whole, Sent)
    assert len(emulator.of("sendMessage")) == 1


async def test_polling_acknowledges_after_commit(emulator):
    """A message and a press come by the long poll, again until acknowledged, then no more."""
    async with opened(emulator) as bot:
        await emulator.write(700, "/start NIMA")
        await emulator.press(700, "7:1:2")
        first_run = bot.poll()
        seen = await take(first_run)
        await first_run.aclose()
        second_run = bot.poll()
        again = await take(second_run)
        assert seen.events == again.events
        await again.acknowledge()
        waiting = asyncio.create_task(take(second_run))
        await emulator.write(701, "2")
        last = await waiting
        await second_run.aclose()
    start, choice = again.events
    assert (start.kind, start.sender, start.text, start.language) == ("start", "700", "NIMA", "en")
    assert (choice.kind, choice.choice) == ("choice", "7:1:2")
    assert [(event.sender, event.text) for event in last.events] == [("701", "2")]


async def test_every_callback_is_answered(emulator):
    """A press that came in is answered by its own id."""
    async with opened(emulator) as bot:
        await emulator.press(700, "7:1:2")
        polls = bot.poll()
        [choice] = (await take(polls)).events
        await polls.aclose()
        await bot.acknowledge(choice)
    assert emulator.of("answerCallbackQuery")[0]["callback_query_id"] == choice.callback


async def test_a_second_poller_waits_its_turn(emulator):
    """Two pollers make a Conflict; once the first is gone the second goes on."""
    async with opened(emulator) as first, opened(emulator) as second:
        holding = asyncio.create_task(take(first.poll()))
        while not emulator.of("getUpdates"):  # noqa: ASYNC110 - the emulator has no event for it
            await asyncio.sleep(0.01)
        refused = asyncio.create_task(take(second.poll()))
        while 409 not in [entry["status"] for entry in emulator.requests]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        holding.cancel()
        await asyncio.wait([holding])
        await emulator.write(700, "2")
        assert [event.text for event in (await refused).events] == ["2"]


async def test_a_webhook_with_its_secret(emulator):
    """An update reaches `parse` with the secret header, and again until answered 200."""
    received = []
    answers = [503, 200, 200]

    async with opened(emulator) as polling:

        def receive(request):
            received.append(bot.parse(request))
            with pytest.raises(Forged):
                polling.parse(request)
            return answers.pop(0)

        async with (
            door(receive) as public_url,
            opened(emulator, public_url, mode="webhook", secret_token=SECRET) as bot,
        ):
            await emulator.write(700, "JOIN")
            await emulator.write(700, "2")
    assert [[event.text for event in events] for events in received] == [["JOIN"], ["JOIN"], ["2"]]
    assert received[0] == received[1]


async def test_a_webhook_with_another_secret(emulator):
    """A server that was told another secret is not believed."""
    refusals = []

    def receive(request):
        with pytest.raises(Forged) as caught:
            bot.parse(request)
        refusals.append(caught.value)
        return 403

    async with (
        door(receive) as public_url,
        opened(emulator, public_url, mode="webhook", secret_token=SECRET) as bot,
        opened(emulator, public_url, mode="webhook", secret_token="another"),
    ):
        await emulator.write(700, "JOIN")
    assert len(refusals) == 1
