"""Coordinators on their phones, one by SMS and one by Telegram, between real peers.

A member answers on both phones; each poll closes, and its result reaches each once.
"""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.bot.web.serving import until
from tests.peers import twilio_prism
from tests.peers.fake_twilio import TOKEN
from tests.peers.operator import CHANNEL, HOOK, PUBLIC_URL, TAKEN, Operator
from tests.peers.program import switchboard
from tests.peers.telegram_emulator import TOKEN as BOT_TOKEN
from tests.peers.telegram_emulator import emulated

TELEGRAM = """
[channels.telegram]
driver = "telegram"
mode = "polling"
api_url = "%s"
"""
HEARD_SECONDS = 20
SAYS = ("sendMessage", "editMessageText", "sendPhoto")
OTHERS = [f"+12025550{number}" for number in (131, 132, 133, 134)]


class Phone:
    """A basic phone."""

    def __init__(self, operator, number):
        self._operator = operator
        self._number = number
        self._heard = 0

    @property
    def said(self):
        """All that it has been sent."""
        creates = self._operator.creates
        return [fields["Body"] for fields in creates if fields["To"] == self._number]

    async def say(self, text):
        """Send a text."""
        assert await self._operator.text(HOOK, self._number, text) == TAKEN

    async def hear(self, part):
        """Wait for a message with this in it, and return it; what came before is passed over."""
        async with asyncio.timeout(HEARD_SECONDS):
            while True:
                await until(lambda: len(self.said) > self._heard)
                text = self.said[self._heard]
                self._heard += 1
                if part in text:
                    return text


class Chat(Phone):
    """A Telegram chat."""

    def __init__(self, emulator, person):
        super().__init__(None, person)
        self._emulator = emulator

    @property
    def messages(self):
        """All that it has been sent, or that was changed in it."""
        return [
            fields
            for method, fields in self._emulator.accepted
            if method in SAYS and str(fields["chat_id"]) == str(self._number)
        ]

    @property
    def said(self):
        """The texts of it."""
        return [fields.get("text") or fields.get("caption", "") for fields in self.messages]

    async def say(self, text):
        """Send a text."""
        await self._emulator.write(self._number, text)

    async def press(self, label):
        """Press the newest button whose label begins so."""
        for fields in reversed(self.messages):
            markup = fields.get("reply_markup") or {}
            for row in markup.get("inline_keyboard", ()):
                for button in row:
                    if button["text"].startswith(label):
                        await self._emulator.press(self._number, button["callback_data"])
                        return
        raise AssertionError(f"there is no button {label!r}")


@pytest.fixture(scope="module")
def proxied():
    """The URL of prism, and the port it expects the fake on."""
    port = twilio_prism.free_port()
    with twilio_prism.proxy(f"http://127.0.0.1:{port}") as url:
        yield url, port


@pytest.fixture
async def peers(proxied):
    """Twilio behind prism, and the Bot API."""
    async with (
        await Operator(sends_receipts=True).start(proxied[1]) as operator,
        emulated() as emulator,
    ):
        yield operator, emulator


@pytest.fixture
def program(tmp_path, proxied, peers):
    """An alliance with both channels."""
    operator, emulator = peers
    found = switchboard(
        tmp_path, CHANNEL % proxied[0] + TELEGRAM % emulator.url, PUBLIC_URL,
        CHANNELS__SMS__AUTH_TOKEN=TOKEN, CHANNELS__TELEGRAM__TOKEN=BOT_TOKEN,
    )  # fmt: skip
    operator.listens = found.url
    return found


async def taken_in(program, folder):
    """Let everybody be a member, by import, and the two lead."""
    await program.cli("platforms", "add", "nima", "Nima")
    lines = ["phone,consent,platform", *(f"{number},yes,nima" for number in PEOPLE)]
    (folder / "people.csv").write_text("\n".join(lines))
    await program.cli("members", "import", str(folder / "people.csv"))


FIRST, SECOND, MEMBER = "+12025550121", "+12025550122", "+12025550123"
PEOPLE = [FIRST, SECOND, MEMBER, *OTHERS]
FIRST_CHAT, MEMBER_CHAT = 700_000_001, 700_000_003


async def linked(phone, chat):
    """Make a phone and a chat one person's."""
    await phone.say("LINK")
    code = re.search(r"LINK (\d{6})", await phone.hear("LINK"))[1]
    await chat.say(f"LINK {code}")
    await chat.hear("one person's")
    await phone.hear("yours too")


async def confirmed_by_code(phone):
    """Give the code that a preview asks for; return the poll's code."""
    shown = await phone.hear("people")
    await phone.say(re.search(r"reply (\d{4})", shown)[1])
    return re.search(r"\b(P\d+)\b", await phone.hear("P"))[1]


async def test_two_coordinators_and_a_member_with_two_phones(tmp_path, program, peers):
    """The whole of it: two polls, both phones, two closes, one result each."""
    operator, emulator = peers
    by_sms, member = Phone(operator, FIRST), Phone(operator, MEMBER)
    second, others = Phone(operator, SECOND), [Phone(operator, number) for number in OTHERS]
    by_chat, members_chat = Chat(emulator, FIRST_CHAT), Chat(emulator, MEMBER_CHAT)
    everybody = [by_sms, second, member, by_chat, members_chat, *others]
    async with program.serving():
        await taken_in(program, tmp_path)
        await program.cli("members", "grant", FIRST, "coordinator")
        await program.cli("members", "grant", SECOND, "coordinator", "--platform", "nima")
        await linked(member, members_chat)
        await linked(second, by_chat)

        await by_sms.say("POLL Which first? / Taps / Price / Drains / by 2h")
        code = await confirmed_by_code(by_sms)
        await members_chat.hear("Which first?")
        await members_chat.press("1")
        await members_chat.hear("We have: 1 Taps")
        await member.say("2")
        await member.hear("We have: 2 Price")
        for phone in others:
            await phone.hear("Which first?")
            await phone.say("2")
            await phone.hear("We have: 2 Price")
        await by_sms.say(f"CLOSE {code}")
        await by_sms.say(re.search(r"reply (\d{4})", await by_sms.hear("have answered"))[1])
        heard = [await phone.hear(f"Result {code}") for phone in (member, *others)]
        assert all("Taps 0, Price 5, Drains 0. 5 answered" in text for text in heard)

        await by_chat.say("/poll Will you come? / Yes / No / by 2h / named")
        await by_chat.hear("people")
        await by_chat.press("Yes")
        code = re.search(r"\b(P\d+)\b", await by_chat.hear("P"))[1]
        await member.hear("Will you come?")
        await member.say("1")
        await member.hear("We have: 1 Yes")
        await members_chat.say("2")
        await members_chat.hear("We have: 2 No")
        await by_chat.say(f"/close {code}")
        await by_chat.hear("answered")
        await by_chat.press("Yes")
        await members_chat.hear(f"Result {code}")
        async with asyncio.timeout(HEARD_SECONDS):
            await until(lambda: not program.count("outbox WHERE status IN ('queued', 'sending')"))
        results = [text for phone in everybody for text in phone.said if "Result" in text]
        assert len(results) == len(heard) + 1
    assert program.count("answers") == 1  # of the named one: the anonymous one keeps no link
    assert program.count("rounds WHERE state = 'closed'") == 2
    assert program.count("inbound WHERE state = 'failed'") == 0
    for secret in (*PEOPLE, "Taps", str(MEMBER_CHAT), TOKEN, BOT_TOKEN):
        assert secret not in program.log
