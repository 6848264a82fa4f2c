"""A Telegram bot as a channel: the library's Bot and types over a transport of ours."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
from typing import TYPE_CHECKING, Any, Final

import structlog
from telegram import Bot
from telegram.error import TelegramError
from yarl import URL

from bot.channels.base import Refused, Sent, Traits
from bot.channels.telegram.outcome import UNAUTHORIZED, edited, outcome
from bot.channels.telegram.photos import Photos
from bot.channels.telegram.polling import Patience, Poller
from bot.channels.telegram.sending import amended, body, edit, fault, parameters
from bot.channels.telegram.transport import ApiError, NoAnswer, Transport, reason
from bot.channels.telegram.updates import KINDS, PAYLOAD, read, update_id
from storage.errors import BadConfig, BadInput, CannotTell, Forged, Malformed, SwitchboardError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from telegram import User

    from bot.channels.base import (
        Context,
        Event,
        HookRequest,
        Inbound,
        Outcome,
        Outgoing,
        Polled,
    )
    from bot.channels.telegram.settings import TelegramSettings

log = structlog.get_logger()

SECRET_HEADER: Final = "x-telegram-bot-api-secret-token"  # noqa: S105 - a header's name
GAP_MS: Final = 1_000  # Source: core.telegram.org/bots/faq, "My bot is hitting limits" (2026-11)

# At level DEBUG the library logs its URL, with the token, and every text.
logging.getLogger("telegram").setLevel(logging.WARNING)


class TelegramChannel:
    """One bot. Source: core.telegram.org/bots/api (2026-11)."""

    def __init__(self, name: str, settings: TelegramSettings, context: Context) -> None:
        self.name = name
        self.traits = Traits(
            rate=settings.rate,
            in_flight=settings.in_flight,
            gap_ms=GAP_MS,
            pictures=True,
            polled=settings.mode == "polling",
        )
        self._secret = settings.secret_token.get_secret_value().encode()
        self._hook = f"{context.public_url}/hooks/{name}"
        self._transport = Transport()
        self._bot = Bot(
            settings.token.get_secret_value(),
            base_url=f"{settings.api_url}/bot",
            base_file_url=f"{settings.api_url}/file/bot",
            request=self._transport,
            get_updates_request=self._transport,
        )
        self._sending = URL(f"{self._bot.base_url}/sendMessage", encoded=True)
        self._editing = URL(f"{self._bot.base_url}/editMessageText", encoded=True)
        self._photos = Photos(URL(f"{self._bot.base_url}/sendPhoto", encoded=True), self._transport)
        self._poller = Poller(name, self._bot, self._read)
        self._username = ""
        self._prepared = False
        self._preparing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect; where Telegram can't be reached now, keep trying in the background."""
        await self._transport.initialize()
        try:
            await self._prepare()
        except TelegramError as error:
            log.warning("telegram.open_failed", channel=self.name, why=reason(error))
            if not self.traits.polled:
                self._preparing = asyncio.create_task(self._prepare_at_last())

    async def close(self) -> None:
        """Let go of the connections."""
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.gather(self._preparing, return_exceptions=True)
        await self._transport.shutdown()

    @property
    def trouble(self) -> str:
        """Why nothing comes in at present, "" where all is well; `/readyz` tells it."""
        return self._poller.trouble if self._prepared else "Telegram can't be reached"

    def parse(self, request: HookRequest) -> Sequence[Event]:
        """Read one update. Raises Forged or Malformed.

        Source: core.telegram.org/bots/api#setwebhook (2026-11), secret_token.
        """
        given = request.headers.get(SECRET_HEADER, "").encode(errors="replace")
        if self.traits.polled or not hmac.compare_digest(given, self._secret):
            raise Forged("the secret token is missing or wrong")
        try:
            update = json.loads(request.body)
        except (ValueError, RecursionError):
            raise Malformed("not JSON") from None
        if update_id(update) is None:
            raise Malformed("not an update")
        return read(update, self.name, self._username, request.body.decode(errors="replace"))

    def parse_receipt(self, request: HookRequest) -> Sequence[Event]:
        """Refuse: Telegram sends no receipts. Raises Malformed."""
        del request
        raise Malformed("Telegram sends no receipts")

    async def poll(self) -> AsyncIterator[Polled]:
        """Yield what arrives, for ever; what is not acknowledged comes again."""
        await self._prepare_at_last()
        async with contextlib.aclosing(self._poller.run()) as polls:
            async for polled in polls:
                yield polled

    async def send(self, message: Outgoing) -> Outcome:
        """Carry one message; never raises but CancelledError."""
        if why := fault(message):
            return Refused(why)
        if message.edits:
            got = await self._deliver(edit(message), self._editing)
            return got if isinstance(got, Sent) else edited(got, message)
        if message.picture is not None and self._photos.shows(message):
            return await self._photos.send(message, message.picture)
        got = await self._deliver(body(message))
        if isinstance(got, ApiError) and (better := amended(parameters(message), got)):
            got = await self._deliver(json.dumps(better).encode())
        return got if isinstance(got, Sent) else outcome(got)

    async def find(self, message: Outgoing, since: int) -> Sequence[Sent]:
        """Refuse: Telegram can't be asked. Raises CannotTell."""
        del message, since
        raise CannotTell("Telegram can't be asked what became of a message")

    async def acknowledge(self, inbound: Inbound) -> None:
        """Stop a pressed button's spinner; never raises.

        Source: core.telegram.org/bots/api#callbackquery (2026-11).
        """
        if not inbound.callback:
            return
        try:
            await self._bot.answer_callback_query(inbound.callback)
        except TelegramError as error:
            log.warning("telegram.acknowledge_failed", channel=self.name, why=reason(error))

    async def check(self) -> str:
        """Return who we are to Telegram. Raises BadConfig where it does not know the token."""
        await self._transport.initialize()
        bot = await self._introduced()
        name = f"@{bot.username} " if bot.username else ""
        return f"{self.name}: {name}(bot {bot.id})"

    async def link(self, code: str) -> str:
        """Return a link that opens a chat with us; a `code`, if any, comes back as `start`.

        Raises BadInput for a code that no link can carry.
        Source: core.telegram.org/bots/features#deep-linking (2026-11).
        """
        if code and not PAYLOAD.fullmatch(code):
            raise BadInput("a link carries 64 of A-Z a-z 0-9 _ - at most")
        username = self._username or (await self._introduced()).username
        if not username:
            raise SwitchboardError("the bot has no user name, so nothing can link to it")
        return f"https://t.me/{username}?start={code}" if code else f"https://t.me/{username}"

    async def _prepare(self) -> None:
        """Say how updates are to come; those waiting are kept. Raises TelegramError."""
        await self._who()
        if self.traits.polled:
            await self._bot.delete_webhook()
        else:
            await self._bot.set_webhook(
                self._hook, secret_token=self._secret.decode(), allowed_updates=KINDS
            )
        self._prepared = True

    async def _prepare_at_last(self) -> None:
        patience = Patience(self.name, "telegram.prepare_failed")
        while not self._prepared:
            try:
                await self._prepare()
            except TelegramError as error:
                await patience.wait(error)

    async def _deliver(self, wanted: bytes, method: URL | None = None) -> Sent | TelegramError:
        try:
            answer = await self._transport.send(method or self._sending, wanted)
        except TelegramError as error:
            return error
        number = answer.get("message_id") if isinstance(answer, dict) else None
        return NoAnswer("malformed answer") if number is None else Sent(str(number))

    async def _who(self) -> User:
        """Return the bot's own account, and remember its name. Raises TelegramError."""
        try:
            bot = await self._bot.get_me()
        except (AttributeError, TypeError):
            raise NoAnswer("malformed answer") from None
        self._username = bot.username or ""
        return bot

    async def _introduced(self) -> User:
        try:
            return await self._who()
        except TelegramError as error:
            if isinstance(error, ApiError) and error.status in UNAUTHORIZED:
                variable = f"SWITCHBOARD_CHANNELS__{self.name.upper()}__TOKEN"
                raise BadConfig(f"Telegram does not know the token in {variable}") from None
            raise SwitchboardError(f"Telegram can't be reached ({reason(error)})") from None

    def _read(self, update: dict[str, Any]) -> Sequence[Event]:
        return read(update, self.name, self._username)
