"""A second channel for whole-path tests: buttons, several questions at once."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from bot.channels.base import Sent, Traits
from storage.errors import CannotTell, Malformed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bot.channels.base import Event, HookRequest, Inbound, Outcome, Outgoing, Polled


class Chat:
    """Keeps what it is given; `outcomes` are what the next sends end with, then all are sent.

    While `way` is clear nothing leaves: a send waits inside the provider. While `linkless` it
    can't be asked for a link.
    """

    def __init__(self, name: str = "chat", **traits: Any) -> None:
        self.name = name
        known = {"rate": 1_000.0, "one_question": False, "gap_ms": 0}
        self.traits = Traits(**{**known, **traits})
        self.sent: list[dict[str, Any]] = []
        self.outcomes: list[Outcome] = []
        self.acknowledged: list[str] = []
        self.way = asyncio.Event()
        self.way.set()
        self.flying = 0
        self.linkless = False
        self._ids = itertools.count(1)

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def parse(self, request: HookRequest) -> Sequence[Event]:
        """Refuse: there is no door. Raises Malformed."""
        raise Malformed("the test calls intake itself")

    parse_receipt = parse

    async def poll(self) -> AsyncIterator[Polled]:
        """Yield nothing: the test calls intake itself."""
        never: tuple[Polled, ...] = ()
        for polled in never:
            yield polled

    async def send(self, message: Outgoing) -> Outcome:
        """Keep a message, or end it as the test wants."""
        self.flying += 1
        await self.way.wait()
        self.flying -= 1
        if self.outcomes and not isinstance(outcome := self.outcomes.pop(0), Sent):
            return outcome
        number = next(self._ids)
        buttons = [(choice.label, choice.data) for choice in message.choices]
        self.sent.append(
            {"id": number, "to": message.to, "text": message.text, "buttons": buttons,
             "choices": [label for label, _ in buttons]}
        )  # fmt: skip
        return Sent(str(number))

    async def find(self, message: Outgoing, since: int) -> Sequence[Sent]:
        """Refuse: it can't be asked. Raises CannotTell."""
        raise CannotTell("this channel can't be asked")

    async def acknowledge(self, inbound: Inbound) -> None:
        """Keep which button's spinner was stopped."""
        self.acknowledged.append(inbound.callback)

    async def check(self) -> str:
        """Say who we are."""
        return f"{self.name}: a test"

    async def link(self, code: str) -> str:
        """Return a link to this bot. Raises CannotTell while `linkless`."""
        if self.linkless:
            raise CannotTell("this channel can't be asked")
        return f"https://t.me/test_bot?start={code}" if code else "https://t.me/test_bot"

    def messages(self, to: str, after: int = 0) -> list[dict[str, Any]]:
        """Return what was sent to somebody after a message, oldest first."""
        return [m for m in self.sent if m["to"] == to and m["id"] > after]
