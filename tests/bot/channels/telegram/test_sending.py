"""Messages out, and what each answer means.

Source of the rules: core.telegram.org/bots/api (2026-11).
"""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from bot.channels.base import Again, Refused, Sent, Unknown
from bot.channels.telegram import transport
from storage.errors import CannotTell
from tests.bot.channels.fake_telegram import Answer, channel, error, outgoing


async def test_a_text_goes_as_it_is(fake, bot):
    """People's text is never sent as markup: no parse_mode, no entities."""
    wild = "*a* _b_ <b>c</b> [d](e) `f` &amp; \U0001f4a7"
    assert await bot.send(outgoing(wild)) == Sent("77")
    assert fake.of("sendMessage") == [{"chat_id": "700", "text": wild}]


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("Open https://alliance.example.org/desk", True),
        ("http://127.0.0.1:8080", True),
        ("See example.org for more", True),
        ("Send one number. Free. By 6.30 pm", False),
    ],
)
async def test_links_are_not_previewed(fake, bot, text, linked):
    """A preview would fetch, and so use up, a link that works once."""
    await bot.send(outgoing(text))
    [sent] = fake.of("sendMessage")
    assert (sent.get("link_preview_options") == {"is_disabled": True}) is linked


@pytest.mark.parametrize(
    ("labels", "rows"),
    [
        (["Yes", "No"], [2]),
        (["1", "2", "3"], [2, 1]),
        (["Community or women's group", "NGO"], [1, 1]),
        (["Only"], [1]),
    ],
)
async def test_choices_are_buttons(fake, bot, labels, rows):
    """Choices are an inline keyboard: two a row where all are short, else one."""
    await bot.send(outgoing(choices=[(label, f"d{label}") for label in labels]))
    [sent] = fake.of("sendMessage")
    keyboard = sent["reply_markup"]["inline_keyboard"]
    assert [len(row) for row in keyboard] == rows
    assert [button for row in keyboard for button in row] == [
        {"text": label, "callback_data": f"d{label}"} for label in labels
    ]


@pytest.mark.parametrize(
    ("data", "fits"), [("a" * 64, True), ("a" * 65, False), ("\u0e01" * 22, False), ("", False)]
)
async def test_callback_data_is_at_most_64_bytes(fake, bot, data, fits):
    """`callback_data` is 1 to 64 bytes: what is longer never leaves."""
    got = await bot.send(outgoing(choices=[("Yes", data)]))
    assert isinstance(got, Sent if fits else Refused)
    assert len(fake.of("sendMessage")) == fits


async def test_4096_characters_a_message(fake, bot):
    """A text over 4,096 characters never leaves, nor is it split."""
    assert await bot.send(outgoing("a" * 4_096)) == Sent("77")
    assert await bot.send(outgoing("a" * 4_097)) == Refused("too long")
    assert len(fake.of("sendMessage")) == 1


BLOCKED = "Forbidden: bot was blocked by the user"
OUTCOMES = [
    (
        error(429, "Too Many Requests: retry after 7", retry_after=7),
        Again("429 Too Many Requests: retry after 7", 7, whole_channel=True),
    ),
    (Answer(429, b"<html>slow down"), Again("429", None, whole_channel=True)),
    (error(403, BLOCKED), Refused(f"403 {BLOCKED}", "blocked")),
    (
        error(400, "Bad Request: chat not found"),
        Refused("400 Bad Request: chat not found", "dead"),
    ),
    (
        error(400, "Bad Request: user is deactivated"),
        Refused("400 Bad Request: user is deactivated", "dead"),
    ),
    (
        error(400, "Bad Request: PEER_ID_INVALID"),
        Refused("400 Bad Request: PEER_ID_INVALID", "dead"),
    ),
    (error(400, "Bad Request: message is too long"), Refused("too long")),
    (error(400, "Bad Request: other"), Refused("400 Bad Request: other")),
    (error(413, "Too Large"), Refused("413 Too Large", alert=True)),
    (error(401, "Unauthorized"), Again("unauthorized", 30, whole_channel=True)),
    (error(404, "Not Found"), Again("unauthorized", 30, whole_channel=True)),
    (Answer(404, b"<html>"), Again("unauthorized", 30, whole_channel=True)),
    (Answer(302, b""), Again("302")),
    (error(500, "Internal Server Error"), Unknown("500 Internal Server Error")),
    (Answer(502, b"<html>Bad Gateway"), Unknown("502")),
    (Answer(403, b"<html>captive portal"), Unknown("403")),
    (Answer(400, b"[]"), Unknown("400")),
    (Answer(200, b"<html>welcome"), Unknown("malformed answer")),
    (Answer(200, b"[" * 100_000), Unknown("malformed answer")),
    (Answer(200, b"\xff"), Unknown("malformed answer")),
    (Answer(200, b"[]"), Unknown("malformed answer")),
    (Answer(200, {"ok": True}), Unknown("malformed answer")),
    (Answer(200, {"ok": True, "result": True}), Unknown("malformed answer")),
    (Answer(200, {"ok": False}), Unknown("malformed answer")),
    (
        Answer(200, {"ok": False, "error_code": 403, "description": BLOCKED}),
        Refused(f"403 {BLOCKED}", "blocked"),
    ),
    (Answer(200, b'{"ok": true', cut=True), Unknown("ClientPayloadError")),
    (Answer(403, b'{"ok": fal', cut=True), Unknown("ClientPayloadError")),
]


@pytest.mark.parametrize(("answer", "outcome"), OUTCOMES)
async def test_what_each_answer_means(fake, bot, answer, outcome):
    """429 waits for the whole bot exactly as told, 403 and dead chats stop that address, and
    what may have been processed is unknown: each is one request, never repeated here.
    """
    fake.will("sendMessage", answer)
    assert await bot.send(outgoing()) == outcome
    assert len(fake.of("sendMessage")) == 1


async def test_a_connection_reset_is_unknown(fake, bot, monkeypatch):
    """A connection that breaks, or an answer that never comes, leaves the outcome unknown."""

    async def reset(request):
        request.transport.abort()
        return aiohttp.web.Response()

    monkeypatch.setattr(fake, "_scripted", lambda request, _answer: reset(request))
    fake.will("sendMessage", Answer(200, b""))
    assert await bot.send(outgoing()) == Unknown("ServerDisconnectedError")


async def test_no_answer_in_time_is_unknown(fake, url, monkeypatch):
    """A request that left and was not answered in time may have been processed."""
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 0.1)
    bot = channel(url)
    await bot.open()
    fake.will("sendMessage", Answer(200, b"", hang=True))
    assert await bot.send(outgoing()) == Unknown("TimeoutError")
    await bot.close()


async def sent_to(url):
    """Return what becomes of one message to an address that can't be reached."""
    bot = channel(url)
    await bot.open()
    try:
        return await bot.send(outgoing())
    finally:
        await bot.close()


async def test_what_never_left_is_sent_again(unused_tcp_port, bot):
    """A refused connection or a closed channel sent nothing: it is safe to send again."""
    assert await sent_to(f"http://127.0.0.1:{unused_tcp_port}") == Again(
        "ClientConnectorError", whole_channel=True
    )
    await bot.close()
    assert await bot.send(outgoing()) == Again("closed", whole_channel=True)


@pytest.mark.parametrize(
    ("seconds", "error_name"), [(0, "ClientConnectorDNSError"), (60, "ConnectionTimeoutError")]
)
async def test_an_unknown_host_got_nothing(monkeypatch, seconds, error_name):
    """A host whose name is not known, or a connect that takes too long, got nothing."""

    async def resolve(*_args, **_kwargs):
        await asyncio.sleep(seconds)
        raise OSError("no such host")

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.05)
    assert await sent_to("http://telegram.example") == Again(error_name, whole_channel=True)


async def test_a_group_that_moved_is_followed(fake, bot):
    """A group becomes a supergroup with another id: `migrate_to_chat_id` is followed."""
    moved = error(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1001)
    fake.will("sendMessage", moved)
    assert await bot.send(outgoing(to="-100")) == Sent("77")
    assert [sent["chat_id"] for sent in fake.of("sendMessage")] == ["-100", "-1001"]


async def test_what_cannot_be_parsed_is_resent_plain(fake, bot):
    """`can't parse entities` is resent plain, once."""
    unparsed = error(400, "Bad Request: can't parse entities: at byte offset 5")
    fake.will("sendMessage", unparsed)
    choices = [("Yes", "1")]
    assert await bot.send(outgoing("https://example.org", choices)) == Sent("77")
    keyboard = {"inline_keyboard": [[{"text": "Yes", "callback_data": "1"}]]}
    plain = {"chat_id": "700", "text": "https://example.org", "reply_markup": keyboard}
    assert fake.of("sendMessage")[1] == plain
    fake.will("sendMessage", unparsed, unparsed)
    assert isinstance(await bot.send(outgoing()), Refused)
    assert len(fake.of("sendMessage")) == 4


async def test_cancelling_a_send_is_not_swallowed(fake, bot):
    """`send` never raises but CancelledError."""
    fake.will("sendMessage", Answer(200, b"", hang=True))
    sending = asyncio.create_task(bot.send(outgoing()))
    await asyncio.wait_for(fake.hung.wait(), 5)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_telegram_cannot_be_asked(bot):
    """Nobody can ask Telegram what became of a message."""
    with pytest.raises(CannotTell):
        await bot.find(outgoing(), 0)
