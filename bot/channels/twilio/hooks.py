"""Reads Twilio's requests: proves that they are Twilio's, then makes events of them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, parse_qsl

from twilio.request_validator import RequestValidator, get_signature_algorithm

from bot.channels.base import Inbound, Receipt, Unreadable
from bot.channels.twilio.answer import ALERTS, EXPIRED, UNREACHED, effect, read_object
from storage.errors import Forged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.channels.base import Event, HookRequest, InboundKind

_PERSON = re.compile(r"\+[1-9][0-9]{6,14}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAX_ROW = 2**63 - 1
# Twilio sends about forty. Sorting all that fit in a body would hold up everybody else, and
# whoever sends them need not be Twilio: nothing is proved yet.
MOST_FIELDS = 1_000

# Source: https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
# (2026-11). What is not listed says nothing that we did not know.
_STATUS: Mapping[str, Literal["sent", "delivered", "undelivered", "failed"]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",
}
_OPT_OUT: Mapping[str, Literal["stop", "start", "help"]] = {
    "STOP": "stop",
    "START": "start",
    "HELP": "help",
}


class Form(dict[str, list[str]]):
    """Fields in the shape that the library's validator reads: repeats and blanks kept."""

    def getlist(self, name: str) -> list[str]:
        """Return every value of one field; the validator looks for this name."""
        return self[name]

    def one(self, *names: str) -> str:
        """Return the first value there is under these names, fit to be stored, or ""."""
        for name in names:
            if (values := self.get(name)) and values[0]:
                return _storable(values[0])
        return ""


class Door:
    """Lets in only what was signed with the account's token.

    `public_url` is what Twilio was told, not what the socket saw; a `#rc=5&rp=all` behind
    it is no part of what is signed.
    Source: https://www.twilio.com/docs/usage/security#validating-requests (2026-11)
    """

    def __init__(self, public_url: str, token: str) -> None:
        self._public_url = public_url
        self._validator = RequestValidator(token)

    def open(self, request: HookRequest) -> Form:
        """Return the request's fields. Raises Forged."""
        signature = request.headers.get("x-twilio-signature")
        settings = request.headers.get("x-twilio-webhooks-signature-settings", "")
        algorithm = get_signature_algorithm(settings).upper()
        if not signature or algorithm not in {"HMAC_SHA1", "HMAC_SHA256"}:
            raise Forged("a webhook came without a signature")
        url = f"{self._public_url}{request.path}"
        if request.query:
            url = f"{url}?{request.query}"
        is_json = request.headers.get("content-type", "").lower().startswith("application/json")
        if is_json and not parse_qs(request.query).get("bodySHA256"):
            raise Forged("a webhook's JSON body is not covered by its signature")
        try:
            text = request.body.decode()
            form = _form("" if is_json else text)
            signed = text if is_json else form
            genuine = self._validator.validate(url, signed, signature, algorithm)
        except ValueError as error:
            # only what Twilio never sends: another charset, a port that is no number, or
            # thousands of fields
            raise Forged("a webhook could not have been signed") from error
        if not genuine:
            raise Forged("a webhook's signature is wrong")
        return _json(text) if is_json else form


def inbound(channel: str, form: Form, body: bytes) -> Sequence[Event]:
    """Return the one message of a webhook that was proved genuine.

    A retry carries the same MessageSid, which is the key.
    Source: https://www.twilio.com/docs/messaging/guides/webhook-request (2026-11)
    """
    key, sender = form.one("MessageSid", "SmsSid"), form.one("From")
    if not key or not sender:
        raw = _storable(body.decode("utf-8", "replace"))
        return [Unreadable(channel, key=hashlib.sha256(body).hexdigest(), raw=raw)]
    media = form.one("MediaUrl0") if _count(form.one("NumMedia")) else ""
    kind: InboundKind = "text"
    if not _PERSON.fullmatch(sender):
        kind = "not_a_person"
    elif _count(form.one("NumMedia")):
        kind = "media"
    return [
        Inbound(
            channel=channel,
            key=key,
            sender=sender,
            text=form.one("Body"),
            kind=kind,
            media=media,
            opt_out=_OPT_OUT.get(form.one("OptOutType").upper(), ""),
        )
    ]


def receipt(channel: str, form: Form, query: str) -> Sequence[Event]:
    """Return what a status callback says, if it says anything new.

    Callbacks come in any order, and repeated.
    Source: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status (2026-11)
    """
    status = _STATUS.get(form.one("MessageStatus", "SmsStatus"))
    provider_id = form.one("MessageSid", "SmsSid")
    if status is None or not provider_id:
        return []
    error = form.one("ErrorCode")
    named = parse_qs(query)
    return [
        Receipt(
            channel=channel,
            provider_id=provider_id,
            status="expired" if error == EXPIRED else status,
            row=_count(named.get("row", ["0"])[0]),
            attempt=_count(named.get("attempt", ["0"])[0]),
            error=error,
            effect=effect(error),
            alert=error in ALERTS,
            again=error == UNREACHED,
        )
    ]


def _form(body: str) -> Form:
    form = Form()
    for name, value in parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS):
        form.setdefault(name, []).append(value)
    return form


def _json(body: str) -> Form:
    return Form({k: [str(v)] for k, v in read_object(body).items() if isinstance(v, str | int)})


def _storable(text: str) -> str:
    """Put U+FFFD where PostgreSQL or UTF-8 could not keep a character."""
    return _UNSTORABLE.sub("\ufffd", text)


def _count(text: str) -> int:
    """Return a whole number that fits a BIGINT, 0 for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return 0
    number = int(text)
    return number if number <= _MAX_ROW else 0
