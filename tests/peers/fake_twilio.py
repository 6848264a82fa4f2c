"""A stateful stand-in for Twilio's Messages API, on loopback.

test_twilio_peer.py holds it to Twilio's own description. As a program it keeps a ledger that
outlives our server, and takes faults at POST /fake/faults:

    python -m tests.peers.fake_twilio --port 9000 --ledger sent.jsonl [--receipts]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ACCOUNT = "AC" + "0a" * 16
TOKEN = "a token of the fake"
SENDER = "+12025550100"

Fields = list[tuple[str, str]]


def sign(token: str, url: str, fields: Fields, algorithm: str = "sha1") -> str:
    """Sign as Twilio says it does: the URL, then each field by name, unique values sorted.

    Source: https://www.twilio.com/docs/usage/security#validating-requests (2026-11)
    """
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(token.encode(), signed.encode(), algorithm).digest()
    return base64.b64encode(digest).decode()


@dataclass
class Fault:
    """What the next creates to one number meet, `times` times (None: always).

    `error` answers `status` with `code`; the others answer 201 and spoil it, or don't
    answer. `is_kept` says whether the message was taken all the same.
    """

    kind: Literal["error", "hang", "reset", "cut", "silent", "garbage", "empty"] = "error"
    code: int | None = None
    status: int = 400
    retry_after: str = ""
    is_kept: bool = False
    times: int | None = None


@dataclass
class FakeTwilio:
    """One account with one number.

    `messages` are the API's records, oldest first; `creates` the fields of every create that
    was taken, `requests` every path asked; `asked` is set once there is one.
    """

    account_sid: str = ACCOUNT
    auth_token: str = TOKEN
    account_status: str = "active"
    account_type: str = "Full"
    sms_url: str = ""
    ledger: Path | None = None
    sends_receipts: bool = False
    faults: dict[str, Fault] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    creates: list[dict[str, str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    async def start(self, port: int = 0) -> Self:
        self.asked = asyncio.Event()
        self._released = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._session = aiohttp.ClientSession()
        self._file = (
            os.open(self.ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if self.ledger
            else None
        )
        root = f"/2010-04-01/Accounts/{self.account_sid}"
        app = web.Application(middlewares=[self._authorized])
        app.router.add_post(f"{root}/Messages.json", self._create)
        app.router.add_get(f"{root}/Messages.json", self._list)
        app.router.add_get(f"{root}/Messages/{{sid}}.json", self._one)
        app.router.add_get(f"{root}.json", self._account)
        app.router.add_get(f"{root}/IncomingPhoneNumbers.json", self._numbers)
        app.router.add_post("/fake/faults", self._set_fault)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def stop(self) -> None:
        self._released.set()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._runner.cleanup()
        await self._session.close()
        if self._file is not None:
            os.close(self._file)

    async def __aenter__(self) -> Self:
        return self if self.url else await self.start()

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    # --- what Twilio sends us ------------------------------------------------------------

    async def receipt(self, sid: str, status: str, error_code: int | None = None) -> int:
        """Send one status callback for a message; return the answer's status, 0 for none."""
        index = next(i for i, message in enumerate(self.messages) if message["sid"] == sid)
        self.messages[index].update(status=status, error_code=error_code)
        callback = self.creates[index].get("StatusCallback", "")
        fields = [
            ("MessageSid", sid),
            ("SmsSid", sid),
            ("MessageStatus", status),
            ("SmsStatus", status),
            ("To", self.messages[index]["to"]),
            ("From", self.messages[index]["from"] or ""),
            ("AccountSid", self.account_sid),
            ("ApiVersion", "2010-04-01"),
        ]
        if error_code:
            fields.append(("ErrorCode", str(error_code)))
        return (await self.post(callback, fields))[0] if callback else 0

    async def text(self, hook: str, sender: str, body: str, **more: str) -> tuple[int, bytes]:
        """Send a message as a phone would; return the webhook's answer."""
        return await self.post(hook, incoming(sender, body, **more))

    async def post(self, url: str, fields: Fields, reached_at: str = "") -> tuple[int, bytes]:
        """POST signed fields; `reached_at` is where `url` really listens."""
        headers = {
            "X-Twilio-Signature": sign(self.auth_token, url.partition("#")[0], fields),
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        }
        body = urlencode(fields).encode()
        async with self._session.post(reached_at or url, data=body, headers=headers) as answer:
            return answer.status, await answer.read()

    # --- the API -------------------------------------------------------------------------

    @web.middleware
    async def _authorized(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        self.asked.set()
        pair = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if request.path.startswith("/2010") and request.headers.get("Authorization") != (
            f"Basic {pair}"
        ):
            return _error(401, 20003, "Authenticate")
        return await handler(request)  # type: ignore[no-any-return]

    async def _create(self, request: web.Request) -> web.StreamResponse:
        fields = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        fault = self._fault(fields.get("To", ""))
        if fault is None and (wrong := _refusal(fields)):
            return _error(400, *wrong)
        if fault is None or fault.is_kept:
            message = self._keep(fields)
        if fault is None:
            return web.json_response(message, status=201)
        return await self._spoil(request, fault)

    def _keep(self, fields: dict[str, str]) -> dict[str, Any]:
        """Take a message: in the ledger before it is answered."""
        sid = "SM" + hashlib.md5(os.urandom(16), usedforsecurity=False).hexdigest()
        path = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{sid}"
        now = formatdate(time.time()).replace("-0000", "+0000")
        message = {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": fields["Body"],
            "date_created": now,
            "date_sent": None,
            "date_updated": now,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": fields.get("From"),
            "messaging_service_sid": fields.get("MessagingServiceSid"),
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": "accepted" if "MessagingServiceSid" in fields else "queued",
            "subresource_uris": {"media": f"{path}/Media.json"},
            "to": fields["To"],
            "uri": f"{path}.json",
        }
        self.messages.append(message)
        self.creates.append(fields)
        if self._file is not None:
            # written is enough to outlive any killed process
            os.write(self._file, (json.dumps({"sid": sid, **fields}) + "\n").encode())
        if self.sends_receipts:
            self._soon(self._receipts(sid))
        return message

    async def _receipts(self, sid: str) -> None:
        for status in ("sent", "delivered"):
            with suppress(aiohttp.ClientError, OSError):
                await self.receipt(sid, status)

    def _soon(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        size, number = int(query.get("PageSize", 50)), int(query.get("Page", 0))
        held = [m for m in reversed(self.messages) if m["to"] == query.get("To", m["to"])]
        start, end = number * size, (number + 1) * size

        def page(n: int) -> str:
            token = {"PageToken": f"PASM{n}"} if n else {}
            return f"{request.path}?{urlencode({**query, 'PageSize': size, 'Page': n, **token})}"

        return web.json_response(
            {
                "messages": held[start:end],
                "first_page_uri": page(0),
                "next_page_uri": page(number + 1) if end < len(held) else None,
                "previous_page_uri": page(number - 1) if number else None,
                "page": number,
                "page_size": size,
                "start": start,
                "end": min(end, len(held)),
                "uri": request.path_qs,
            }
        )

    async def _one(self, request: web.Request) -> web.StreamResponse:
        for message in self.messages:
            if message["sid"] == request.match_info["sid"]:
                return web.json_response(message)
        return _error(404, 20404, "The requested resource was not found")

    async def _account(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {"sid": self.account_sid, "status": self.account_status, "type": self.account_type}
        )

    async def _numbers(self, request: web.Request) -> web.StreamResponse:
        number = {"phone_number": SENDER, "sms_url": self.sms_url, "sms_application_sid": None}
        asked = request.query.get("PhoneNumber", SENDER)
        return web.json_response({"incoming_phone_numbers": [number] * (asked == SENDER)})

    # --- faults --------------------------------------------------------------------------

    async def _set_fault(self, request: web.Request) -> web.StreamResponse:
        """Take `{"to": NUMBER or "*", ...}` with the fields of a Fault."""
        wanted = await request.json()
        self.faults[wanted.pop("to")] = Fault(**wanted)
        return web.Response(status=204)

    def _fault(self, to: str) -> Fault | None:
        key = to if to in self.faults else "*"
        if (fault := self.faults.get(key)) and fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                del self.faults[key]
        return fault

    async def _spoil(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        match fault.kind:
            case "error":
                headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
                return _error(fault.status, fault.code, "told to", headers)
            case "garbage":
                return web.Response(status=201, text='{"sid": "SM', content_type="application/json")
            case "empty":
                return web.Response(status=201)
            case "hang":
                await self._released.wait()
            case "cut" | "silent":
                answer = web.StreamResponse(status=201, headers={"Content-Length": "500"})
                await answer.prepare(request)
                await answer.write(b'{"sid": "SM' if fault.kind == "cut" else b"")
                if fault.kind == "silent":
                    await self._released.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)


def incoming(sender: str, body: str, **more: str) -> Fields:
    """Return the fields of one incoming message, as Twilio sends them: blanks included.

    Source: https://www.twilio.com/docs/messaging/guides/webhook-request (2026-11)
    """
    sid = more.get("MessageSid") or "SM" + os.urandom(16).hex()
    fields = {
        "ToCountry": "US",
        "ToState": "DC",
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ToCity": "",
        "FromZip": "",
        "SmsSid": sid,
        "FromState": "DC",
        "SmsStatus": "received",
        "FromCity": "WASHINGTON",
        "Body": body,
        "FromCountry": "US",
        "To": SENDER,
        "ToZip": "",
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": ACCOUNT,
        "From": sender,
        "ApiVersion": "2010-04-01",
    }
    return list((fields | more).items())


def _refusal(fields: dict[str, str]) -> tuple[int, str] | None:
    """Return what Twilio would say against a create.

    Source: https://www.twilio.com/docs/api/errors (2026-11)
    """
    if not fields.get("To"):
        return 21604, "A 'To' phone number is required."
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", fields["To"]):
        return 21211, "The 'To' number is not a valid phone number."
    if not fields.get("From") and not fields.get("MessagingServiceSid"):
        return 21603, "A 'From' phone number is required."
    if not fields.get("Body"):
        return 21602, "Message body is required."
    if len(fields["Body"]) > 1600:
        return 21617, "The concatenated message body exceeds the 1600 character limit."
    if not re.match(r"https?://[^/_]+/", fields.get("StatusCallback", "https://x/")):
        return 21609, "The StatusCallback URL is not a valid URL."
    if not 1 <= int(fields.get("ValidityPeriod", "36000")) <= 36000:
        return 21621, "ValidityPeriod is out of range."
    return None


def _error(
    status: int, code: int | None, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    body: dict[str, Any] = {"message": message, "status": status}
    if code:
        body |= {"code": code, "more_info": f"https://www.twilio.com/docs/errors/{code}"}
    return web.json_response(body, status=status, headers=headers)


async def _serve(options: argparse.Namespace) -> None:
    fake = FakeTwilio(
        options.account, options.token, ledger=options.ledger, sends_receipts=options.receipts
    )
    async with await fake.start(options.port):
        print(f"listening on {fake.url}", flush=True)  # noqa: T201 (its caller waits for it)
        await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", help="a line of JSON for each message taken")
    parser.add_argument("--account", default=ACCOUNT)
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--receipts", action="store_true", help="send receipts: sent, delivered")
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
