"""The long poll: one request at a time, and an offset that moves only after commit."""

from __future__ import annotations

from asyncio import sleep
from typing import TYPE_CHECKING, Any, Final

import structlog
from telegram.error import TelegramError

from bot.channels.base import Polled
from bot.channels.telegram.outcome import UNAUTHORIZED, UNAUTHORIZED_SECONDS
from bot.channels.telegram.transport import ApiError, NoAnswer, reason
from bot.channels.telegram.updates import KINDS, update_id

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from telegram import Bot

    from bot.channels.base import Event

log = structlog.get_logger()

POLL_SECONDS: Final = 30
ANSWER_SECONDS: Final = POLL_SECONDS + 10
LONGEST_WAIT: Final = 30.0

# The library's own get_updates gives up a whole batch for one update that it can't read,
# and warns of a name that it has a method for; the underscore goes when it makes getUpdates.
GET_UPDATES: Final = "get_updates_"


class Patience:
    """How long to wait after each fault in a row: 1 s, 2 s, 4 s, to 30 s at most."""

    def __init__(self, channel: str, event: str) -> None:
        self._channel = channel
        self._event = event
        self._next = 1.0

    def rest(self) -> None:
        """Begin anew: all is well."""
        self._next = 1.0

    async def wait(self, error: TelegramError | str) -> None:
        """Log the fault and wait it out, exactly as long as Telegram says where it does."""
        seconds, self._next = self._next, min(self._next * 2, LONGEST_WAIT)
        if isinstance(error, ApiError) and error.retry_after is not None:
            seconds = error.retry_after
        elif isinstance(error, ApiError) and error.status in UNAUTHORIZED:
            seconds = UNAUTHORIZED_SECONDS
        why = error if isinstance(error, str) else reason(error)
        log.warning(self._event, channel=self._channel, why=why, wait=seconds)
        await sleep(seconds)


class Poller:
    """Asks for updates and remembers how far they are committed.

    `trouble` says why the last question went wrong, "" where it did not.
    """

    def __init__(
        self, channel: str, bot: Bot, read: Callable[[dict[str, Any]], Sequence[Event]]
    ) -> None:
        self._bot = bot
        self._read = read
        self._offset: int | None = None
        self._patience = Patience(channel, "telegram.poll_failed")
        self.trouble = ""

    async def run(self) -> AsyncGenerator[Polled, None]:
        """Yield what arrives, for ever; what is not acknowledged comes again."""
        while True:
            try:
                updates = await self._ask()
            except TelegramError as error:
                self.trouble = reason(error)
                await self._patience.wait(error)
                continue
            self.trouble = ""
            if not updates:
                # Telegram has dropped all before the offset by now. Without one, numbers that
                # start anywhere after a quiet week are not mistaken for old ones.
                self._offset = None
                self._patience.rest()
                continue
            batch = _Batch(self, updates[-1]["update_id"] + 1)
            events = [event for update in updates for event in self._read(update)]
            if events:
                yield Polled(events, batch.acknowledge)
            else:
                await batch.acknowledge()
            if batch.acknowledged:
                self._patience.rest()
            else:
                await self._patience.wait("not acknowledged")

    def move(self, offset: int) -> None:
        """Ask from here on next time, which tells Telegram to forget what came before."""
        self._offset = offset

    async def _ask(self) -> list[dict[str, Any]]:
        """Return what is waiting. Raises TelegramError.

        Source: core.telegram.org/bots/api#getupdates (2026-11).
        """
        found = await self._bot.do_api_request(
            GET_UPDATES,
            {"offset": self._offset, "timeout": POLL_SECONDS, "allowed_updates": list(KINDS)},
            read_timeout=ANSWER_SECONDS,
        )
        if not isinstance(found, list) or any(update_id(update) is None for update in found):
            raise NoAnswer("malformed answer")
        return found


class _Batch:
    """The updates of one answer; the last one's number moves the offset, up or down."""

    def __init__(self, poller: Poller, offset: int) -> None:
        self._poller = poller
        self._offset = offset
        self.acknowledged = False

    async def acknowledge(self) -> None:
        self.acknowledged = True
        self._poller.move(self._offset)
