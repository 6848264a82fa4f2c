"""The Twilio channel: carries SMS out, looks them up, and reads what Twilio sends us."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlsplit

import aiohttp
from twilio.rest import Client

from bot.channels.base import Again, Sent, Traits, Unknown
from bot.channels.twilio import hooks
from bot.channels.twilio.answer import outcome, read_object, trouble
from bot.channels.twilio.transport import OFFICIAL, Transport, quoted
from storage.errors import BadConfig, CannotTell
from storage.instant import SECOND, of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from bot.channels.base import Context, Event, HookRequest, Inbound, Outcome, Outgoing, Polled
    from bot.channels.twilio.settings import TwilioSettings

_MAX_VALIDITY_SECONDS = 36_000
_PAGE = 200
_MAX_PAGES = 20
_CLOCK_SLACK = 5 * SECOND
_TRIAL_PREFIX = "Sent from your Twilio trial account - "
_TRIAL_NOTE = ", a trial: it sends to verified numbers only"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class TwilioChannel:
    """One sender, or messaging service, of one Twilio account.

    At Twilio, set the sender's "a message comes in" URL to
    `{public_url}/hooks/{name}#rc=5&rp=all`: without the fragment a webhook is retried only
    when it could not connect.
    Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides (2026-11)
    """

    # TwiML that says nothing; an empty text/plain answer is logged as an error at Twilio
    hook_answer = ("text/xml", b"<Response/>")

    def __init__(self, name: str, settings: TwilioSettings, ctx: Context) -> None:
        self.name = name
        self.traits = Traits(
            rate=settings.rate,
            segments=True,
            in_flight=settings.in_flight,
            one_question=True,
            findable=True,
            price=settings.price,
            currency=settings.currency,
            countries=settings.countries or ctx.countries,
        )
        self._settings = settings
        self._token = settings.auth_token
        self._account = f"{OFFICIAL}/2010-04-01/Accounts/{settings.account_sid}"
        self._messages = f"{self._account}/Messages.json"
        self._origin = (
            f"MessagingServiceSid={quoted(settings.messaging_service_sid)}"
            if settings.messaging_service_sid
            else f"From={quoted(settings.sender)}"
        )
        self._callback = _callback(name, ctx.public_url, settings.api_url)
        self._door = hooks.Door(ctx.public_url, self._token.get_secret_value())
        self._transport: Transport | None = None
        self._client: Any = None
        self.trouble = ""

    async def open(self) -> None:
        """Make the connection pool; the first request connects."""
        self._transport = Transport(self._settings.api_url)
        self._client = Client(
            self._settings.account_sid,
            self._token.get_secret_value(),
            http_client=self._transport,
            # else TWILIO_REGION or TWILIO_EDGE would quietly change the host
            environment={"TWILIO_REGION": ""},
        )
        self._transport.carries(self._client.get_headers("POST", {}), self._client.auth)

    async def close(self) -> None:
        """Let go of the connections."""
        self._client = None
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    async def send(self, message: Outgoing) -> Outcome:
        """Carry one message; `trouble` says whether Twilio takes any at present."""
        found = await self._post(message)
        self.trouble = trouble(found, self.trouble)
        return found

    async def _post(self, message: Outgoing) -> Outcome:
        """Carry one message; the request names its row, so that a receipt finds it.

        The library's own client would make the same headers anew for each message, and an
        object of each answer: it goes to the transport at once.
        Source: https://www.twilio.com/docs/messaging/api/message-resource (2026-11)
        """
        if self._transport is None:
            return Again("closed")
        try:
            answer = await self._transport.post(self._messages, self._form(message))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Again(type(error).__name__, whole_channel=True)
        except (aiohttp.ClientError, OSError) as error:
            return Unknown(type(error).__name__)
        return outcome(*answer)

    def _form(self, message: Outgoing) -> str:
        """Return a message as a form; what is the same in each is quoted once."""
        seconds = min(max(message.seconds_left, 1), _MAX_VALIDITY_SECONDS)
        form = (
            f"To={quote_plus(message.to)}&Body={quoted(message.text)}"
            f"&ValidityPeriod={seconds}&{self._origin}"
        )
        if not self._callback:
            return form
        named = f"row%3D{message.row}%26attempt%3D{message.attempt}"
        return f"{form}&StatusCallback={quoted(self._callback)}%3F{named}"

    async def find(self, message: Outgoing, since: int) -> Sequence[Sent]:
        """Return what Twilio holds with this To and body since an instant, newest first.

        It goes by `date_created`, as `date_sent` is null while a message is queued, and
        asks no filter for it, as Twilio's only date filter is by `date_sent`.
        Source: https://www.twilio.com/docs/messaging/api/message-resource (2026-11)
        """
        oldest = since - _CLOCK_SLACK
        found: list[tuple[int, str]] = []
        uri, params = self._messages, {"To": message.to, "PageSize": str(_PAGE)}
        for _ in range(_MAX_PAGES):
            page = await self._get(uri, params)
            held = [(_created(item, oldest), item) for item in _listed(page, "messages")]
            found += [
                (created, str(item.get("sid")))
                for created, item in held
                if created >= oldest and _is_same(item.get("body"), message)
            ]
            uri, params = _next_page(page), {}
            # pages come newest first
            if not uri or all(created < oldest for created, _ in held):
                return [Sent(sid) for _, sid in sorted(found, reverse=True)]
        raise CannotTell("twilio: there are too many messages to this address to look through")

    def parse(self, request: HookRequest) -> Sequence[Event]:
        """Read a message that came in. Raises Forged."""
        return hooks.inbound(self.name, self._door.open(request), request.body)

    def parse_receipt(self, request: HookRequest) -> Sequence[Event]:
        """Read a status callback; an intermediate status gives nothing. Raises Forged."""
        return hooks.receipt(self.name, self._door.open(request), request.query)

    async def poll(self) -> AsyncIterator[Polled]:
        """Yield nothing: Twilio calls us."""
        never: tuple[Polled, ...] = ()
        for polled in never:
            yield polled

    async def acknowledge(self, inbound: Inbound) -> None:
        """Do nothing: the answer to the webhook was all."""

    async def check(self) -> str:
        """Return which account this is. Raises BadConfig, CannotTell."""
        who = f"account ...{self._settings.account_sid[-4:]}"
        try:
            answer = await self._get(f"{self._account}.json")
        except _Unauthorized as error:
            raise BadConfig(f"twilio: {who} is refused: wrong account_sid or auth token") from error
        if (status := str(answer.get("status", "unknown"))) != "active":
            raise BadConfig(f"twilio: {who} is {status}")
        trial = str(answer.get("type", "")).lower() == "trial"
        return f"twilio: {who}, active" + (_TRIAL_NOTE if trial else "")

    async def webhook(self) -> str:
        """Return the URL Twilio sends our number's messages to; "" where it can't be told.

        Compare what stands before the `#` with `{public_url}/hooks/{name}`, and remind of
        `#rc=5&rp=all` where that is missing. A messaging service's can't be told here.
        Source: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
        (2026-11)
        """
        if not self._settings.sender:
            return ""
        uri, params = (
            f"{self._account}/IncomingPhoneNumbers.json",
            {"PhoneNumber": self._settings.sender},
        )
        try:
            answer = await self._get(uri, params)
        except CannotTell:
            return ""
        for number in _listed(answer, "incoming_phone_numbers"):
            # an application's URL stands before the number's own
            if not number.get("sms_application_sid"):
                return str(number.get("sms_url") or "")
        return ""

    async def _get(self, uri: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read one resource. Raises CannotTell."""
        if self._client is None:
            raise CannotTell("twilio: the channel is not open")
        try:
            answer = await self._client.request_async("GET", uri, params=params)
        except (aiohttp.ClientError, OSError) as error:
            raise CannotTell(f"twilio could not be reached: {type(error).__name__}") from None
        if answer.status_code in (401, 403, 404):
            raise _Unauthorized(f"twilio answered {answer.status_code}")
        if answer.status_code != 200 or not (found := read_object(answer.text)):
            raise CannotTell(f"twilio answered {answer.status_code}")
        return found


class _Unauthorized(CannotTell):
    """Twilio knows no such account, or not with this token."""


def _callback(name: str, public_url: str, api_url: str) -> str:
    """Return where receipts go, "" where Twilio would refuse the URL, and so the message."""
    host = urlsplit(public_url).hostname
    is_local = host in _LOOPBACK and urlsplit(api_url).hostname not in _LOOPBACK
    if not public_url.startswith(("http://", "https://")) or not host or is_local:
        return ""
    return f"{public_url}/hooks/{quote(name)}/status"


def _created(item: Mapping[str, Any], unknown: int) -> int:
    """Return when a message was created; one that does not say counts as recent."""
    try:
        return of(parsedate_to_datetime(item.get("date_created") or ""))
    except (TypeError, ValueError):
        return unknown


def _is_same(body: object, message: Outgoing) -> bool:
    """Compare bodies as Twilio keeps them: a trial account's carry a prefix."""
    return isinstance(body, str) and message.says(body.removeprefix(_TRIAL_PREFIX))


def _listed(page: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the records of a page. Raises CannotTell."""
    records = page.get(name)
    if not isinstance(records, list) or not all(isinstance(item, dict) for item in records):
        raise CannotTell("twilio: the answer is not the list that was asked for")
    return records


def _next_page(page: Mapping[str, Any]) -> str:
    """Return the next page, at Twilio alone: our credentials go to no other host."""
    uri = page.get("next_page_uri")
    return f"{OFFICIAL}{uri}" if isinstance(uri, str) and uri.startswith("/") else ""
