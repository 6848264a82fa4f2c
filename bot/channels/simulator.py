"""Virtual phones in the program's own memory: for the demo, for trying things out, for tests.

Nothing leaves the machine, and nothing survives a restart.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from bot.channels.base import ChannelSettings, Driver, Sent, Traits
from storage.errors import BadConfig, Malformed
from storage.instant import clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bot.channels.base import (
        Choice,
        Context,
        Event,
        HookRequest,
        Inbound,
        Outcome,
        Outgoing,
        Polled,
    )

PHONES: Final = 20_000
MESSAGES: Final = 500  # of one phone, each way
ATTEMPTS: Final = 100_000  # remembered, so that none is delivered twice
RECENT: Final = 50


class SimulatorSettings(ChannelSettings):
    """The keys of `[channels.NAME]` with `driver = "simulator"`."""

    rate: float = Field(default=1_000, gt=0, le=10_000)


@dataclass(frozen=True, slots=True)
class Message:
    """One message on a phone: `ours` came from the bot, the rest the person typed."""

    id: int
    phone: str
    text: str
    at: int
    ours: bool
    choices: tuple[str, ...] = ()
    row: int = 0
    key: str = ""

    @property
    def moment(self) -> str:
        """When, as ISO 8601 in UTC."""
        moment = datetime.fromtimestamp(self.at / 1_000, UTC).isoformat(timespec="milliseconds")
        return moment.replace("+00:00", "Z")


@dataclass(slots=True)
class _Phone:
    received: deque[Message] = field(default_factory=lambda: deque(maxlen=MESSAGES))
    typed: deque[Message] = field(default_factory=lambda: deque(maxlen=MESSAGES))


class SimulatorChannel:
    """Basic phones that the page of virtual phones shows."""

    def __init__(self, name: str, settings: SimulatorSettings) -> None:
        self.name = name
        self.traits = Traits(
            rate=settings.rate,
            segments=True,
            in_flight=settings.in_flight,
            one_question=True,
            findable=True,
        )
        self._phones: OrderedDict[str, _Phone] = OrderedDict()
        self._attempts: OrderedDict[tuple[int, int], int] = OrderedDict()
        # rises across restarts too, as no machine sends a million messages a second
        self._last = clock() * 1_000
        self._news = asyncio.Event()
        self._hung_up = False

    async def open(self) -> None:
        """Switch the phones on."""
        self._hung_up = False

    async def close(self) -> None:
        """Let whoever waits go."""
        self.hang_up()

    def hang_up(self) -> None:
        """End every wait at once, and each later one, so that no page holds up a shutdown."""
        self._hung_up = True
        self._news.set()

    def parse(self, request: HookRequest) -> Sequence[Event]:
        """Refuse: the phones have a door of their own. Raises Malformed."""
        raise Malformed("virtual phones write to /simulator/messages")

    def parse_receipt(self, request: HookRequest) -> Sequence[Event]:
        """Refuse: virtual phones send no receipts. Raises Malformed."""
        raise Malformed("virtual phones send no receipts")

    async def poll(self) -> AsyncIterator[Polled]:
        """Yield nothing: the phones call us."""
        never: tuple[Polled, ...] = ()
        for polled in never:
            yield polled

    async def send(self, message: Outgoing) -> Outcome:
        """Deliver one message; the same row and attempt never twice."""
        attempt = (message.row, message.attempt)
        if (known := self._attempts.get(attempt)) is not None:
            return Sent(str(known))
        choices = tuple(_label(choice) for choice in message.choices)
        phone = self._phone(message.to)
        self._last += 1
        phone.received.append(
            Message(
                self._last,
                message.to,
                message.text,
                clock(),
                ours=True,
                choices=choices,
                row=message.row,
            )
        )
        self._attempts[attempt] = self._last
        if len(self._attempts) > ATTEMPTS:
            self._attempts.popitem(last=False)
        self._tell()
        return Sent(str(self._last))

    async def find(self, message: Outgoing, since: int) -> Sequence[Sent]:
        """Return what the phone holds of this row and text since an instant, newest first."""
        phone = self._phones.get(message.to, _Phone())
        return [
            Sent(str(held.id))
            for held in reversed(phone.received)
            if held.row == message.row and message.says(held.text) and held.at >= since
        ]

    async def acknowledge(self, inbound: Inbound) -> None:
        """Do nothing: the answer to the request was all."""

    async def check(self) -> str:
        """Return how many phones have been used since the start."""
        return f"{self.name}: simulator, {len(self._phones)} phones"

    def messages(self, to: str, after: int = 0) -> list[dict[str, Any]]:
        """Return what was sent to a phone after a message, oldest first."""
        phone = self._phones.get(to, _Phone())
        return [
            {"id": m.id, "to": to, "text": m.text, "choices": list(m.choices), "at": m.moment}
            for m in _after(phone.received, after)
        ]

    def talk(self, numbers: Sequence[str], after: int = 0) -> list[Message]:
        """Return both sides of some phones' conversations after a message, oldest first."""
        phones = [self._phones[number] for number in dict.fromkeys(numbers) if number in self]
        found = [
            message
            for phone in phones
            for side in (phone.received, phone.typed)
            for message in _after(side, after)
        ]
        return sorted(found, key=lambda message: message.id)

    def typed(self, sender: str, text: str, key: str) -> Message | None:
        """Keep what a person typed, to show it; None where the key was here before."""
        phone = self._phone(sender)
        if any(message.key == key for message in phone.typed):
            return None
        self._last += 1
        message = Message(self._last, sender, text, clock(), ours=False, key=key)
        phone.typed.append(message)
        self._tell()
        return message

    def untype(self, message: Message) -> None:
        """Take back what could not be accepted."""
        phone = self._phones.get(message.phone)
        if phone is not None and message in phone.typed:
            phone.typed.remove(message)

    def phones(self) -> list[str]:
        """Return the numbers used last, the latest first."""
        return list(islice(reversed(self._phones), RECENT))

    async def news(self, numbers: Sequence[str], after: int, seconds: float) -> list[Message]:
        """Return `talk` as soon as it has something; else nothing once the time is up."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := self.talk(numbers, after)) and not self._hung_up:
                    await self._news.wait()
                return found
        except TimeoutError:
            return []

    def __contains__(self, number: str) -> bool:
        return number in self._phones

    def _phone(self, number: str) -> _Phone:
        phone = self._phones.get(number)
        if phone is None:
            phone = self._phones[number] = _Phone()
            if len(self._phones) > PHONES:
                self._phones.popitem(last=False)
        else:
            self._phones.move_to_end(number)
        return phone

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _after(messages: deque[Message], after: int) -> list[Message]:
    """Read from the newest end, so that asking a busy phone for news is cheap."""
    found: list[Message] = []
    for message in reversed(messages):
        if message.id <= after:
            break
        found.append(message)
    found.reverse()
    return found


def _label(choice: Choice) -> str:
    """Return what the phone shows: first the digits to send, where the choice has any.

    They are the last part of its data (`a:7:0:1`, `c:4817`), as there are no buttons here:
    whoever presses one types.
    """
    typed = choice.data.rpartition(":")[2]
    is_digits = typed.isascii() and typed.isdigit()
    if not is_digits or choice.label.split(" ", 1)[0] == typed:
        return choice.label
    return f"{typed} {choice.label}"


def _build(name: str, settings: ChannelSettings, context: Context) -> SimulatorChannel:
    del context
    if not isinstance(settings, SimulatorSettings):
        raise BadConfig(f"[channels.{name}] does not hold the settings of the simulator driver")
    return SimulatorChannel(name, settings)


DRIVER = Driver(settings=SimulatorSettings, build=_build)
