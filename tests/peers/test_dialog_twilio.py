"""The dialog by SMS: signed webhooks in, and out through Twilio's own description to a fake."""

from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator

from tests.bot.web.serving import until
from tests.peers import twilio_prism
from tests.peers.dialog import play
from tests.peers.fake_twilio import SENDER, TOKEN, incoming
from tests.peers.operator import CHANNEL, HOOK, PUBLIC_URL, TAKEN, Operator
from tests.peers.program import switchboard

NUMBER = "+12025550123"


class Phone:
    """A basic phone: it types everything."""

    ends_as = "delivered"

    def __init__(self, operator):
        self._operator = operator
        self._heard = 0

    async def say(self, text):
        """Send a text, which Twilio hands on twice."""
        assert await self._operator.text(HOOK, NUMBER, text) == TAKEN

    async def answer(self, digit):
        """Type the digit."""
        await self.say(str(digit))

    async def hear(self):
        """Return the next message that Twilio was given for this phone."""
        await until(lambda: len(self._operator.creates) > self._heard)
        fields = self._operator.creates[self._heard]
        self._heard += 1
        assert (fields["To"], fields["From"]) == (NUMBER, SENDER)
        return fields["Body"]


@pytest.fixture(scope="module")
def proxied():
    """The URL of prism, and the port it expects the fake on."""
    port = twilio_prism.free_port()
    with twilio_prism.proxy(f"http://127.0.0.1:{port}") as url:
        yield url, port


@pytest.fixture
async def operator(proxied):
    """Twilio behind prism, sending receipts."""
    async with await Operator(sends_receipts=True).start(proxied[1]) as operator:
        yield operator


@pytest.fixture
def program(tmp_path, proxied, operator):
    """An alliance whose SMS go to prism."""
    program = switchboard(
        tmp_path, CHANNEL % proxied[0], PUBLIC_URL, CHANNELS__SMS__AUTH_TOKEN=TOKEN
    )
    operator.listens = program.url
    return program


async def test_the_dialog_by_sms(program, operator):
    """From JOIN to STOP by signed webhooks, each delivered twice; every message is delivered
    once, and by its receipts known to be.
    """
    phone = Phone(operator)
    async with program.serving():
        await play(phone, program)
        typed = sum(request.startswith("POST") for request in operator.requests)
        assert typed == len(operator.creates) == program.count("outbox")
    assert program.count("inbound") == 10
    for secret in (NUMBER, NUMBER[1:], TOKEN, "alliance.example.org"):
        assert secret not in program.log


async def test_a_forged_webhook(program, operator):
    """Without our token's signature over the public URL: 403, and nothing is stored."""
    fields = incoming(NUMBER, "JOIN")
    async with program.serving():
        for door, token, signed in (
            (HOOK, "another token", HOOK),
            (HOOK, TOKEN, f"{program.url}/hooks/sms"),
            (HOOK, TOKEN, f"{HOOK}/status"),
            (HOOK, "", HOOK),
            (f"{HOOK}/status?row=1&attempt=1", TOKEN, f"{HOOK}/status?row=2&attempt=1"),
        ):
            signature = RequestValidator(token).compute_signature(signed, dict(fields))
            status, _ = await operator.deliver(door, fields, signature if token else "")
            assert status == 403, (door, signed)
    assert [program.count(table) for table in ("inbound", "addresses", "outbox")] == [0, 0, 0]
    assert operator.requests == []
