"""Twilio between prism and us: signed with its own library, every webhook handed on twice."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from tests.peers.fake_twilio import ACCOUNT, SENDER, TOKEN, FakeTwilio, Fields

PUBLIC_URL = "https://alliance.example.org"
HOOK = f"{PUBLIC_URL}/hooks/sms"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
TAKEN = (200, b"<Response/>")
CHANNEL = f"""
[channels.sms]
driver = "twilio"
account_sid = "{ACCOUNT}"
sender = "{SENDER}"
rate = 30
api_url = "%s"
"""


class Operator(FakeTwilio):
    """The fake, signing with Twilio's own library and repeating every webhook at once.

    `listens` is where the public URL leads, as a proxy in front of us would.
    """

    listens = ""

    async def post(self, url: str, fields: Fields, reached_at: str = "") -> tuple[int, bytes]:
        """POST signed fields twice at once; the answers must be the same."""
        signature = RequestValidator(TOKEN).compute_signature(url, dict(fields))
        answers = await asyncio.gather(*[self.deliver(url, fields, signature) for _ in range(2)])
        assert answers[0] == answers[1]
        return answers[0]

    async def deliver(self, url: str, fields: Fields, signature: str) -> tuple[int, bytes]:
        """POST fields with a signature, or with none."""
        headers = {"Content-Type": FORM}
        if signature:
            headers["X-Twilio-Signature"] = signature
        reached = url.replace(PUBLIC_URL, self.listens)
        body = urlencode(fields).encode()
        async with self._session.post(reached, data=body, headers=headers) as answer:
            return answer.status, await answer.read()
