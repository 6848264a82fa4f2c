from __future__ import annotations

import json

import pytest

from bot.channels.base import Again, Outgoing, Refused, Sent
from bot.channels.twilio import channel as channel_module
from storage.errors import BadConfig
from storage.instant import MINUTE, clock
from tests.bot.channels.test_twilio import OURS, PHONE, SERVICE, build, opened
from tests.peers import twilio_prism
from tests.peers.fake_twilio import ACCOUNT, SENDER, FakeTwilio


@pytest.fixture(scope="module")
def proxied():
    """The URL of prism, and the port it expects the fake on."""
    port = twilio_prism.free_port()
    with twilio_prism.proxy(f"http://127.0.0.1:{port}") as url:
        yield url, port


@pytest.fixture
async def fake(proxied):
    """Twilio behind prism."""
    async with await FakeTwilio().start(proxied[1]) as fake:
        yield fake


@pytest.fixture
async def channel(proxied, fake):
    """An open channel before prism."""
    async with opened(build(api_url=proxied[0])) as channel:
        yield channel


@pytest.mark.parametrize(
    "text", ["Vote: 1 yes 2 no", "Kɔ? ñandú & + % =", "a\nb", "5" * 1600, "😀 " * 40 + "."]
)
async def test_a_create_obeys_the_description(channel, fake, text):
    """What we post, and what the fake answers, is what Twilio's description allows."""
    outcome = await channel.send(Outgoing(row=7, attempt=2, to=PHONE, text=text))
    assert outcome == Sent(fake.messages[0]["sid"])
    assert fake.creates[0] == {
        "To": PHONE,
        "From": SENDER,
        "Body": text,
        "ValidityPeriod": "36000",
        "StatusCallback": f"{OURS}/hooks/sms/status?row=7&attempt=2",
    }


async def test_a_messaging_service_obeys_the_description(proxied, fake):
    """A messaging service takes the sender's place."""
    async with opened(
        build(api_url=proxied[0], sender="", messaging_service_sid=SERVICE)
    ) as channel:
        outcome = await channel.send(Outgoing(row=1, attempt=1, to=PHONE, text="hello"))
    assert outcome == Sent(fake.messages[0]["sid"])
    assert fake.messages[0]["messaging_service_sid"] == SERVICE


async def test_find_obeys_the_description(fake, monkeypatch):
    """A look-up reads every page, and each page is what Twilio's description allows.

    But for one thing: the description wants whole URLs where its own examples, and Twilio,
    have paths.
    """
    monkeypatch.setattr(channel_module, "_PAGE", 2)
    with twilio_prism.proxy(fake.url, strict=False) as url:
        async with opened(build(api_url=url)) as channel:
            violations = _recorded(channel, monkeypatch)
            for text in ("find me", "another", "a third", "find me", "a fifth"):
                await channel.send(Outgoing(row=1, attempt=1, to=PHONE, text=text))
            sought = Outgoing(row=1, attempt=1, to=PHONE, text="find me")
            found = await channel.find(sought, clock() - MINUTE)
    assert {s.provider_id for s in found} == {
        m["sid"] for m in fake.messages if m["body"] == "find me"
    }
    assert sum(r.startswith("GET") for r in fake.requests) == 3
    assert violations
    assert {(v["location"][0], v["code"]) for v in violations} == {("response", "format")}
    assert all(v["location"][-1].endswith("uri") for v in violations)


def _recorded(channel, monkeypatch):
    """Collect what prism finds wrong with each request of a channel and its answer."""
    violations = []
    carry = channel._transport.request

    async def request(*arguments, **keywords):
        answer = await carry(*arguments, **keywords)
        violations.extend(json.loads(answer.headers.get("sl-violations", "[]")))
        return answer

    monkeypatch.setattr(channel._transport, "request", request)
    return violations


async def test_missing_credentials_hold_the_channel(channel, fake):
    """401 stops the whole channel for a while, and refuses no message."""
    del channel._transport._posting.headers["Authorization"]
    channel._client.get_auth = lambda _: None
    outcome = await channel.send(Outgoing(row=1, attempt=1, to=PHONE, text="hello"))
    assert outcome == Again("unauthorized", seconds=60, whole_channel=True)
    assert fake.requests == []
    with pytest.raises(BadConfig, match="auth token"):
        await channel.check()


async def test_a_request_the_description_forbids_is_refused(channel, fake):
    """Prism does check: a create without its To never reaches the fake."""
    messages = channel._messages
    answer = await channel._client.request_async("POST", messages, data={"Body": "x"})
    assert answer.status_code == 422
    assert fake.requests == []


async def test_check_and_webhook_obey_the_description(channel, fake):
    """The account and the number are asked for as Twilio's description says."""
    fake.sms_url = f"{OURS}/hooks/sms"
    assert await channel.check() == f"twilio: account ...{ACCOUNT[-4:]}, active"
    assert await channel.webhook() == fake.sms_url


async def test_the_description_s_own_answer_is_read():
    """Twilio's own example of a created message is Sent; an invalid number is not."""
    with twilio_prism.mock() as url:
        async with opened(build(api_url=url)) as channel:
            outcome = await channel.send(Outgoing(row=1, attempt=1, to=PHONE, text="hello"))
            assert isinstance(outcome, Sent)
            assert outcome.provider_id.startswith("SM")
            channel._origin = "MessagingServiceSid=no+such+thing"
            outcome = await channel.send(Outgoing(row=1, attempt=1, to=PHONE, text="hello"))
            assert outcome == Refused("http 422")
