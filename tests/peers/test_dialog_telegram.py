"""The dialog through Telegram, polled and by webhook, against a third-party Bot API server."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import aiohttp
import pytest

from handlers.dialog.asking import CHECK
from tests.bot.web.serving import until
from tests.peers.dialog import HEARD_SECONDS, play
from tests.peers.program import switchboard
from tests.peers.telegram_emulator import TOKEN, emulated

PERSON = 700_123_456
SAYS = ("sendMessage", "editMessageText", "sendPhoto")
SECRET = "a-webhook_secret"
CHANNEL = """
[channels.telegram]
driver = "telegram"
mode = "%s"
api_url = "%s"
"""


class Chat:
    """A private chat: commands with a slash, answers by the buttons that the bot sent."""

    ends_as = "sent"

    def __init__(self, emulator):
        self._emulator = emulator
        self._heard = 0

    async def say(self, text):
        """Write a text; whoever opens the chat sends /start."""
        command = f"/{text.lower()}" if text.isupper() else text
        await self._emulator.write(PERSON, "/start" if text == "JOIN" else command)

    async def answer(self, digit):
        """Press the button of the last question that begins with the digit."""
        keyboards = [sent["reply_markup"] for sent in self.sent if "reply_markup" in sent]
        buttons = [button for row in keyboards[-1]["inline_keyboard"] for button in row]
        labels = (f"{digit} ", f"{CHECK}{digit} ")
        (data,) = [b["callback_data"] for b in buttons if b["text"].startswith(labels)]
        await self._emulator.press(PERSON, data)

    async def hear(self):
        """Return the next message that the bot sent to this chat."""
        await until(lambda: len(self.sent) > self._heard)
        message = self.sent[self._heard]
        self._heard += 1
        assert message["chat_id"] == str(PERSON)
        return message["text"] if "text" in message else message["caption"]

    @property
    def sent(self):
        """All that the bot has said, oldest first: by a message, in another's place, or with a
        picture.
        """
        return [fields for method, fields in self._emulator.accepted if method in SAYS]


@pytest.fixture
async def emulator():
    """Return a running emulator."""
    async with emulated() as running:
        yield running


def alliance(folder, emulator, mode="polling"):
    """Configure an alliance whose bot is the emulator's."""
    return switchboard(
        folder, CHANNEL % (mode, emulator.url),
        CHANNELS__TELEGRAM__TOKEN=TOKEN, CHANNELS__TELEGRAM__SECRET_TOKEN=SECRET,
    )  # fmt: skip


@pytest.fixture
def acknowledged(emulator, monkeypatch):
    """Keep, of every poll that acknowledges, the last update it gives up: (number, rows kept).

    Call it with the program whose rows are meant.
    """
    validate, found = emulator.validate, []

    def watch(program):
        def watched(method, fields, uploads):
            if method == "getUpdates" and fields.get("offset"):
                found.append((fields["offset"] - 1, program.count("inbound")))
            return validate(method, fields, uploads)

        monkeypatch.setattr(emulator, "validate", watched)
        return found

    return watch


def looks_private(log):
    """No line of the log says who wrote or with which keys."""
    return not any(secret in log for secret in (str(PERSON), TOKEN, SECRET))


async def test_the_dialog_polled(tmp_path, emulator, acknowledged):
    """From /start to /stop by the long poll; no update is given up before it is committed, and
    every press is answered.
    """
    program = alliance(tmp_path, emulator)
    given_up = acknowledged(program)
    chat = Chat(emulator)
    async with program.serving():
        await play(chat, program)
        await until(lambda: not emulator._update_queues.info(TOKEN)["pending_update_count"])
    assert len(chat.sent) == program.count("outbox")
    assert len(emulator.of("answerCallbackQuery")) == 6
    # The vote, and the change of it, are shown in the question's own message; the result has a
    # picture, which this server takes.
    assert [len(emulator.of(method)) for method in SAYS[1:]] == [2, 1]
    assert program.count("inbound") == 10
    assert given_up[-1] == (10, 10)
    assert all(number <= rows for number, rows in given_up)
    assert looks_private(program.log)


async def test_nothing_is_given_up_before_its_commit(tmp_path, emulator, acknowledged):
    """While the storage can't take an update Telegram keeps it; it is answered once it can."""
    program = alliance(tmp_path, emulator)
    given_up = acknowledged(program)
    chat = Chat(emulator)
    async with program.serving():
        with closing(sqlite3.connect(tmp_path / "alliance.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            polls = len(emulator.requests)
            await chat.say("JOIN")
            await until(lambda: len(emulator.requests) > polls)
            assert await program.cli("members", "list", "--json") == "[]"
            assert (given_up, chat.sent) == ([], [])
            other.execute("ROLLBACK")
        async with asyncio.timeout(HEARD_SECONDS):
            assert "Which language?" in await chat.hear()
            await until(lambda: given_up)
    assert given_up[0] == (1, 1)
    assert len(chat.sent) == 1


async def test_the_dialog_by_webhook(tmp_path, emulator, monkeypatch):
    """From /start to /stop by webhooks with the secret, each repeated, also under another number;
    everything is answered once.
    """
    program = alliance(tmp_path, emulator, "webhook")
    chat = Chat(emulator)
    queue = emulator.enqueue_update

    async def queue_and_repeat(update, *, token):
        number = await queue(update, token=token)
        for repeated in (number, number + 1_000):
            assert await post(program, {"update_id": repeated, **update}, SECRET) == 200
        return number

    monkeypatch.setattr(emulator, "enqueue_update", queue_and_repeat)
    async with program.serving():
        await play(chat, program)
        assert emulator._update_queues.info(TOKEN)["pending_update_count"] == 0
    assert len(chat.sent) == program.count("outbox")
    assert program.count("inbound") == 10
    assert emulator.of("getUpdates") == []
    (hook,) = emulator.of("setWebhook")
    assert (hook["url"], hook["secret_token"]) == (f"{program.url}/hooks/telegram", SECRET)
    assert looks_private(program.log)


async def test_a_webhook_with_another_secret(tmp_path, emulator):
    """Without the secret that we told Telegram: 403, and nothing is stored."""
    program = alliance(tmp_path, emulator, "webhook")
    update = {"update_id": 1, "message": emulator._message(PERSON, "/start")}
    async with program.serving():
        for secret in ("another-secret", SECRET[:-1], "", None):
            assert await post(program, update, secret) == 403
    assert [program.count(table) for table in ("inbound", "addresses", "outbox")] == [0, 0, 0]
    assert emulator.of("sendMessage") == []


async def post(program, update, secret):
    """POST an update to the webhook, and return the answer's status."""
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{program.url}/hooks/telegram", json=update, headers=headers) as answer,
    ):
        return answer.status
