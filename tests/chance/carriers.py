"""Stand-ins of Twilio and Telegram in this process: the channels' own doors, and nothing sent.

What comes in is signed and read as it would be; what leaves is kept in a ledger.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from twilio.request_validator import RequestValidator

from bot.channels.base import Context, HookRequest, Sent, Unknown
from bot.channels.telegram.channel import SECRET_HEADER, TelegramChannel
from bot.channels.telegram.settings import TelegramSettings
from bot.channels.twilio.channel import TwilioChannel
from bot.channels.twilio.settings import TwilioSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.channels.base import Event, Inbound, Outcome, Outgoing

SMS, TELEGRAM = "sms", "telegram"
URL = "https://alliance.example.org"
TOKEN = "a token for tests"
CONTEXT = Context(URL, ("US",))


@dataclass(frozen=True, slots=True)
class Letter:
    """One message that a carrier took, when it was handed over (ms) and as the which.

    `lost` is where the carrier said nothing to that.
    """

    channel: str
    row: int
    attempt: int
    to: str
    text: str
    buttons: tuple[tuple[str, str], ...]
    at: int
    id: str
    asked: int
    lost: bool = False


@dataclass(slots=True)
class Ledger:
    """What both carriers took, in its order. `mood` says how the next message is answered.

    While `way` is clear whatever is sent waits inside the carrier.
    """

    now: Callable[[], int] = lambda: 0
    mood: Callable[[str], Outcome | None] = lambda _: None
    letters: list[Letter] = field(default_factory=list)
    way: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    # What was handed over, taken or not, in its order.
    handed: list[Letter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.way.set()

    async def take(self, channel: str, message: Outgoing) -> Outcome:
        """Take a message, or refuse it, as the mood is; without an answer some are taken too."""
        self.asked += 1
        letter = Letter(
            channel, message.row, message.attempt, message.to, message.text,
            tuple((choice.label, choice.data) for choice in message.choices),
            self.now(), f"{channel}{self.asked}", self.asked,
        )  # fmt: skip
        self.handed.append(letter)
        await self.way.wait()
        outcome = self.mood(channel)
        if outcome is not None and not (isinstance(outcome, Unknown) and outcome.error == "taken"):
            return outcome
        self.letters.append(replace(letter, lost=outcome is not None))
        return outcome or Sent(letter.id)


class Sms(TwilioChannel):
    """Twilio, but for the network."""

    def __init__(self, ledger: Ledger) -> None:
        settings = TwilioSettings(
            driver="twilio", account_sid="AC" + "0" * 32, sender="+12025550199", auth_token=TOKEN,
            rate=10_000, in_flight=512,
        )  # fmt: skip
        super().__init__(SMS, settings, CONTEXT)
        self._ledger = ledger
        self._signer = RequestValidator(TOKEN)

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def send(self, message: Outgoing) -> Outcome:
        """Hand a message to the ledger."""
        return await self._ledger.take(self.name, message)

    async def find(self, message: Outgoing, since: int) -> Sequence[Sent]:
        """Return what the ledger has with this number and text, newest first."""
        return [
            Sent(letter.id)
            for letter in reversed(self._ledger.letters)
            if letter.channel == SMS and letter.to == message.to and message.says(letter.text)
            and letter.at >= since
        ]  # fmt: skip

    def brings(self, key: str, sender: str, text: str, **fields: str) -> Sequence[Event]:
        """Return what a webhook with these fields is read as."""
        form = {"MessageSid": key, "From": sender, "Body": text, **fields}
        return self.parse(self._signed("/hooks/sms", "", form))

    def tells(self, row: int, attempt: int, key: str, **fields: str) -> Sequence[Event]:
        """Return what a status callback is read as."""
        form = {"MessageSid": key, **fields}
        return self.parse_receipt(
            self._signed("/hooks/sms/status", f"row={row}&attempt={attempt}", form)
        )

    def _signed(self, path: str, query: str, form: dict[str, str]) -> HookRequest:
        body = urlencode(form, errors="surrogatepass")
        # Signed is what arrives: half a surrogate pair is no text in UTF-8.
        arrives = dict(parse_qsl(body, keep_blank_values=True))
        url = f"{URL}{path}" + (f"?{query}" if query else "")
        signature = self._signer.compute_signature(url, arrives)
        return HookRequest(path, query, {"x-twilio-signature": signature}, body.encode())


class Telegram(TelegramChannel):
    """Telegram, but for the network."""

    def __init__(self, ledger: Ledger) -> None:
        settings = TelegramSettings(
            driver="telegram", mode="webhook", token="1:a", secret_token="a-secret",
            rate=10_000, in_flight=512,
        )  # fmt: skip
        super().__init__(TELEGRAM, settings, CONTEXT)
        # What a gap between two messages to one chat is worth is the sender's tests' business.
        self.traits = replace(self.traits, gap_ms=0)
        self._ledger = ledger
        self._username, self._prepared = "chance_bot", True
        self._updates = itertools.count(1)

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def send(self, message: Outgoing) -> Outcome:
        """Hand a message to the ledger."""
        return await self._ledger.take(self.name, message)

    async def acknowledge(self, inbound: Inbound) -> None:
        """Do nothing."""

    async def link(self, code: str) -> str:
        """Return a link to this bot."""
        return f"https://t.me/{self._username}?start={code}"

    def blocks(self, person: int, at: int, *, reachable: bool) -> Sequence[Event]:
        """Return what is read where somebody blocks the bot, or lets it in again."""
        status = "member" if reachable else "kicked"
        bot = {"id": 1, "is_bot": True, "first_name": "B"}
        more = {} if reachable else {"until_date": 0}
        change = {
            "chat": {"id": person, "type": "private"}, "from": self._user(person),
            "date": at // 1_000, "old_chat_member": {"user": bot, "status": "member"},
            "new_chat_member": {"user": bot, "status": status, **more},
        }  # fmt: skip
        return self._read_update({"my_chat_member": change})

    def brings(self, person: int, number: int, at: int, **fields: Any) -> Sequence[Event]:
        """Return what a message with these fields is read as; edited where there is `edit_date`."""
        message = {
            "message_id": number, "date": at // 1_000, "from": self._user(person),
            "chat": {"id": person, "type": "private"}, **fields,
        }  # fmt: skip
        kind = "edited_message" if "edit_date" in fields else "message"
        return self._read_update({kind: message})

    def presses(self, person: int, callback: str, data: str) -> Sequence[Event]:
        """Return what a pressed button is read as."""
        pressed = {"id": callback, "from": self._user(person), "chat_instance": "1", "data": data}
        return self._read_update({"callback_query": pressed})

    def _user(self, person: int) -> dict[str, Any]:
        return {"id": person, "is_bot": False, "first_name": "A", "language_code": "en"}

    def _read_update(self, update: dict[str, Any]) -> Sequence[Event]:
        body = json.dumps({"update_id": next(self._updates), **update}).encode()
        return self.parse(HookRequest("/hooks/telegram", "", {SECRET_HEADER: "a-secret"}, body))
