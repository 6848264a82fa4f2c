from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from twilio.rest import Client

from bot.channels import driver, names
from bot.channels.base import (
    Again,
    Context,
    Inbound,
    Outgoing,
    Refused,
    Sent,
    Unknown,
)
from bot.channels.twilio import channel as channel_module
from bot.channels.twilio import transport
from bot.channels.twilio.answer import outcome
from storage.errors import BadConfig, CannotTell
from storage.instant import MINUTE, SECOND, clock
from tests.peers.fake_twilio import (
    ACCOUNT,
    SENDER,
    TOKEN,
    FakeTwilio,
    Fault,
)

OURS = "https://alliance.example.org"
PHONE = "+12025550123"
SID = "SM" + "0c" * 16
SERVICE = "MG" + "0b" * 16
FORM = "application/x-www-form-urlencoded; charset=utf-8"


def build(public_url=OURS, **keys):
    """Make a channel of the fake's account, in an alliance of Ghana."""
    settings = {"account_sid": ACCOUNT, "auth_token": TOKEN, "sender": SENDER}
    made = driver("twilio")
    return made.build(
        "sms",
        made.settings(driver="twilio", **(settings | keys)),
        Context(public_url, ("GH",)),
    )


@asynccontextmanager
async def opened(channel):
    """Hold a channel open."""
    await channel.open()
    try:
        yield channel
    finally:
        await channel.close()


@pytest.fixture
async def fake():
    """Twilio, as far as the channel can see."""
    async with FakeTwilio() as fake:
        yield fake


@pytest.fixture
async def channel(fake):
    """An open channel at the fake."""
    async with opened(build(api_url=fake.url)) as channel:
        yield channel


def message(text="Vote: 1 yes 2 no", **keys):
    """Return a message of row 7 in its second attempt."""
    return Outgoing(**({"row": 7, "attempt": 2, "to": PHONE, "text": text} | keys))


# --- settings ----------------------------------------------------------------------------


def test_the_driver_is_found():
    """`driver = "twilio"` names this driver."""
    assert "twilio" in names()


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"sender": ""}, "exactly one of sender and messaging_service_sid"),
        ({"messaging_service_sid": SERVICE}, "exactly one of sender and messaging_service_sid"),
        ({"sender": "", "messaging_service_sid": "MG1"}, "messaging_service_sid"),
        ({"account_sid": "AC123"}, "account_sid"),
        ({"account_sid": ACCOUNT + "\n"}, "account_sid"),
        ({"api_url": "api.twilio.com"}, "api_url"),
        ({"api_url": "https://api.twilio.com/"}, "api_url"),
        ({"countries": ["Ghana"]}, "countries"),
        ({"price": -1}, "price"),
        ({"rate": 0}, "rate"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_wrong_key_is_told_by_name(keys, told):
    """A setting that can't be used is named, and no value of it is shown."""
    with pytest.raises(ValidationError, match=told) as error:
        build(**keys)
    assert TOKEN not in str(error.value)


def test_a_missing_token_is_told_by_its_variable():
    """The auth token comes from the environment, so the variable is what is named."""
    with pytest.raises(BadConfig, match="SWITCHBOARD_CHANNELS__SMS__AUTH_TOKEN"):
        build(auth_token="")


def test_traits_say_what_the_sender_needs():
    """Segments are paced, one question is open at a time, and a lost message can be found."""
    traits = build(price=0.04, currency="EUR").traits
    assert (traits.rate, traits.in_flight, traits.segments) == (10, 32, True)
    assert (traits.one_question, traits.findable) == (True, True)
    assert (traits.price, traits.currency, traits.polled) == (0.04, "EUR", False)


@pytest.mark.parametrize(("own", "countries"), [((), ("GH",)), (("EG", "CN"), ("EG", "CN"))])
def test_countries_are_the_alliance_s_unless_named(own, countries):
    """Two-way SMS is not offered everywhere: a channel says where numbers are answered."""
    assert build(countries=own).traits.countries == countries


def test_nothing_shows_the_token():
    """Neither the settings nor the channel show the token when printed."""
    channel = build()
    assert TOKEN not in f"{channel!r} {channel._settings!r} {channel.traits!r}"


# --- send --------------------------------------------------------------------------------


async def test_a_message_names_its_row(channel, fake):
    """The create carries a callback that names the row and the attempt, and the time left."""
    assert await channel.send(message(seconds_left=90)) == Sent(fake.messages[0]["sid"])
    assert fake.creates == [
        {
            "To": PHONE,
            "From": SENDER,
            "Body": "Vote: 1 yes 2 no",
            "ValidityPeriod": "90",
            "StatusCallback": f"{OURS}/hooks/sms/status?row=7&attempt=2",
        }
    ]


async def test_a_messaging_service_sends_in_place_of_a_number(fake):
    """With messaging_service_sid there is no From."""
    async with opened(build(api_url=fake.url, sender="", messaging_service_sid=SERVICE)) as channel:
        await channel.send(message())
    assert fake.creates[0]["MessagingServiceSid"] == SERVICE
    assert "From" not in fake.creates[0]


@pytest.mark.parametrize(
    ("left", "period"), [(-5, "1"), (0, "1"), (1, "1"), (36_000, "36000"), (172_800, "36000")]
)
async def test_validity_is_within_what_twilio_takes(channel, fake, left, period):
    """ValidityPeriod is 1 to 36,000 s, from the message's time to live."""
    await channel.send(message(seconds_left=left))
    assert fake.creates[0]["ValidityPeriod"] == period


@pytest.mark.parametrize(
    ("public_url", "api_url", "callback"),
    [
        (OURS, "https://api.twilio.com", f"{OURS}/hooks/sms/status"),
        ("http://10.0.0.7", "https://api.twilio.com", "http://10.0.0.7/hooks/sms/status"),
        (
            "https://a.example/bot",
            "https://api.twilio.com",
            "https://a.example/bot/hooks/sms/status",
        ),
        ("http://127.0.0.1:8080", "http://127.0.0.1:9", "http://127.0.0.1:8080/hooks/sms/status"),
        ("http://127.0.0.1:8080", "https://api.twilio.com", ""),
        ("http://localhost:8080", "https://api.twilio.com", ""),
        ("", "https://api.twilio.com", ""),
        ("alliance.example.org", "https://api.twilio.com", ""),
    ],
)
def test_no_callback_is_asked_for_where_twilio_can_t_reach_us(public_url, api_url, callback):
    """Twilio refuses the message itself (21609) over a callback it can't use."""
    assert build(public_url, api_url=api_url)._callback == callback


async def test_no_callback_at_all_without_a_public_url(fake):
    """Without a public URL the create goes out without StatusCallback."""
    async with opened(build(public_url="", api_url=fake.url)) as channel:
        assert isinstance(await channel.send(message()), Sent)
    assert "StatusCallback" not in fake.creates[0]


HELD = {"seconds": 60, "whole_channel": True}
FAULTS = [
    # what Twilio does, what that means
    (Fault(code=21610), Refused("21610", effect="stopped")),
    (Fault(code=21211), Refused("21211", effect="dead")),
    (Fault(code=21614), Refused("21614", effect="dead")),
    (Fault(code=30005), Refused("30005", effect="dead")),
    (Fault(code=30006), Refused("30006", effect="dead")),
    (Fault(code=30003), Refused("30003")),
    (Fault(code=30007), Refused("30007", alert=True)),
    (Fault(code=30034), Refused("30034", alert=True)),
    (Fault(code=21408, status=403), Refused("21408", alert=True)),
    (Fault(code=21606), Refused("21606", alert=True)),
    (Fault(code=21617), Refused("21617")),
    (Fault(status=422), Refused("http 422")),
    (Fault(code=20429, status=429), Again("20429", whole_channel=True)),
    (Fault(status=429, retry_after="7"), Again("429", seconds=7, whole_channel=True)),
    (
        Fault(status=429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"),
        Again("429", whole_channel=True),
    ),
    (Fault(code=20429, status=400), Again("20429", whole_channel=True)),
    (Fault(code=21611, status=400), Again("21611", whole_channel=True)),
    (Fault(code=20003, status=401), Again("unauthorized", **HELD)),
    (Fault(code=20003, status=403), Again("unauthorized", **HELD)),
    (Fault(status=401), Again("unauthorized", **HELD)),
    (Fault(status=403), Again("unauthorized", **HELD)),
    (Fault(code=20005, status=400), Again("20005", **HELD)),
    (Fault(code=20404, status=404), Again("20404", **HELD)),
    (Fault(status=404), Again("http 404", **HELD)),
    (Fault(status=408), Unknown("http 408")),
    (Fault(status=500), Unknown("http 500")),
    (Fault(status=502, is_kept=True), Unknown("http 502")),
    (Fault(code=20503, status=503), Unknown("http 503")),
    (Fault(status=307), Unknown("http 307")),
    (Fault("garbage", is_kept=True), Unknown("unreadable answer")),
    (Fault("empty", is_kept=True), Unknown("unreadable answer")),
    (Fault("cut", is_kept=True), Unknown("ClientPayloadError")),
    (Fault("reset"), Unknown("ServerDisconnectedError")),
    (Fault("reset", is_kept=True), Unknown("ServerDisconnectedError")),
]


@pytest.mark.parametrize(
    ("fault", "meaning"),
    FAULTS,
    ids=[f"{f.kind}-{f.code or f.status}-{i}" for i, (f, _) in enumerate(FAULTS)],
)
async def test_what_an_answer_means(channel, fake, fault, meaning):
    """Refused is final, Again was not processed, and whatever may have left is Unknown."""
    fake.faults[PHONE] = fault
    assert await channel.send(message()) == meaning
    assert len(fake.requests) == 1, "the channel retries nothing by itself"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(code=20003, status=401), "Twilio takes no message: unauthorized"),
        (Fault(code=20005, status=400), "Twilio takes no message: 20005"),
        (Fault(status=429), ""),
        (Fault(code=21611, status=400), ""),
        (Fault(status=500), ""),
        (Fault(code=21610, status=400), ""),
    ],
)
async def test_trouble_is_what_keeps_every_message_back(channel, fake, fault, told):
    """/readyz hears of it until a message goes through; what is one message's is no trouble."""
    fake.faults[PHONE] = fault
    await channel.send(message())
    assert channel.trouble == told
    fake.faults[PHONE] = Fault(status=429)
    await channel.send(message())
    assert channel.trouble == told, "nothing got through yet"
    del fake.faults[PHONE]
    await channel.send(message())
    assert channel.trouble == ""


async def test_a_refused_recipient_ends_the_trouble(channel, fake):
    """Twilio reads our messages again, whatever it says of this one."""
    fake.faults[PHONE] = Fault(status=401)
    await channel.send(message())
    fake.faults[PHONE] = Fault(code=21610, status=400)
    await channel.send(message())
    assert channel.trouble == ""


@pytest.mark.parametrize("kind", ["hang", "silent"])
async def test_an_answer_that_never_comes_is_unknown(channel, fake, kind, monkeypatch):
    """A read that times out may have been a message: it is looked up, never sent again blindly."""
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 0.2)
    fake.faults[PHONE] = Fault(kind, is_kept=True)
    async with opened(build(api_url=fake.url)) as hasty:
        assert isinstance(await hasty.send(message()), Unknown)
        assert [s.provider_id for s in await hasty.find(message(), clock())] == [
            fake.messages[0]["sid"]
        ]


async def test_a_refused_connection_left_nothing():
    """A connection that never stood carried nothing: it is safe to try again."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with opened(build(api_url=f"http://127.0.0.1:{closed.getsockname()[1]}")) as channel:
            assert await channel.send(message()) == Again(
                "ClientConnectorError", whole_channel=True
            )
            assert channel.trouble == "Twilio takes no message: ClientConnectorError"


async def test_an_unknown_host_left_nothing(monkeypatch):
    """A name that can't be resolved carried nothing."""

    async def fail(*arguments, **keywords):
        raise socket.gaierror(socket.EAI_AGAIN, "no")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
    async with opened(build(api_url="http://nowhere.invalid")) as channel:
        assert await channel.send(message()) == Again("ClientConnectorDNSError", whole_channel=True)


async def test_a_slow_connection_left_nothing(monkeypatch):
    """Running out of time before the connection stands is not Unknown."""

    async def hang(*arguments, **keywords):
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.1)
    async with opened(build(api_url="http://nowhere.invalid")) as channel:
        assert await channel.send(message()) == Again("ConnectionTimeoutError", whole_channel=True)


async def test_a_channel_that_is_not_open_sends_nothing():
    """Before open and after close a message waits."""
    channel = build()
    assert await channel.send(message()) == Again("closed")
    await channel.open()
    await channel.close()
    assert await channel.send(message()) == Again("closed")


async def test_cancelling_a_send_cancels_it(channel, fake):
    """A shutdown is not taken for an answer."""
    fake.faults[PHONE] = Fault("hang")
    sending = asyncio.create_task(channel.send(message()))
    await fake.asked.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_the_environment_s_region_is_not_taken_over(fake, monkeypatch):
    """`api_url` alone says where requests go, whatever TWILIO_REGION and TWILIO_EDGE say."""
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    async with opened(build(api_url=fake.url)) as channel:
        assert isinstance(await channel.send(message()), Sent)


async def test_the_library_itself_works_over_our_transport(fake):
    """Any call of the official library goes over the same transport."""
    carrier = transport.Transport(fake.url)
    client = Client(ACCOUNT, TOKEN, http_client=carrier)
    sent = await client.messages.create_async(to=PHONE, from_=SENDER, body="hello")
    listed = await client.messages.list_async(to=PHONE, limit=5)
    assert [m.sid for m in listed] == [sent.sid]
    await carrier.close()


@given(
    status=st.integers(100, 599),
    text=st.one_of(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["sid", "code"]), inner)
            ),
        ).map(json.dumps),
    ),
    retry_after=st.text(),
)
def test_any_answer_means_something(status, text, retry_after):
    """No answer raises, and only a 2xx with a SID is Sent."""
    meaning = outcome(status, text, {"Retry-After": retry_after})
    if isinstance(meaning, Sent):
        assert 200 <= status < 300
        assert json.loads(text)["sid"] == meaning.provider_id
    if isinstance(meaning, Refused):
        assert 400 <= status < 500


async def test_any_text_can_be_posted(channel, fake):
    """A lone surrogate, which no request can carry, leaves as a question mark."""
    assert isinstance(await channel.send(message("a\ud800b\x00")), Sent)
    assert fake.creates[0]["Body"] == "a?b\x00"


# --- find --------------------------------------------------------------------------------


async def test_find_goes_by_address_and_text(channel, fake):
    """What was sent to this address with this text, newest first; nothing else."""
    for to, text in [(PHONE, "a"), (PHONE, "b"), ("+12025550199", "a"), (PHONE, "a")]:
        await channel.send(message(text, to=to))
    now = clock()
    fake.messages[0]["date_created"] = formatdate(now // 1000 - 2)
    found = await channel.find(message("a"), now - 3 * SECOND)
    assert [s.provider_id for s in found] == [fake.messages[3]["sid"], fake.messages[0]["sid"]]


@pytest.mark.parametrize(
    ("age", "is_found"), [(0, True), (59, True), (64, True), (67, False), (3600, False)]
)
async def test_find_goes_back_to_an_instant(channel, fake, age, is_found):
    """Older messages are others; five seconds are allowed for Twilio's clock."""
    await channel.send(message())
    now = clock()
    fake.messages[0]["date_created"] = formatdate(now // 1000 - age)
    assert bool(await channel.find(message(), now - MINUTE)) is is_found


@pytest.mark.parametrize(
    "kept", ["Vote: 1 yes 2 no\n", "Sent from your Twilio trial account - Vote: 1 yes 2 no"]
)
async def test_find_knows_a_text_as_twilio_keeps_it(channel, fake, kept):
    """Edges may be trimmed, and a trial account's messages carry a prefix."""
    await channel.send(message())
    fake.messages[0]["body"] = kept
    assert len(await channel.find(message(), clock() - MINUTE)) == 1


async def test_find_counts_a_message_without_a_date_as_recent(channel, fake):
    """To doubt would be to send twice."""
    await channel.send(message())
    fake.messages[0]["date_created"] = None
    assert len(await channel.find(message(), clock())) == 1


async def test_find_reads_pages_until_they_are_too_old(channel, fake, monkeypatch):
    """Pages are followed while they are recent, and no further."""
    monkeypatch.setattr(channel_module, "_PAGE", 2)
    for _ in range(8):
        await channel.send(message())
    now = clock()
    for old in fake.messages[:5]:
        old["date_created"] = formatdate(now // 1000 - 3600)
    fake.requests.clear()
    assert len(await channel.find(message(), now - MINUTE)) == 3
    assert len(fake.requests) == 3


async def test_find_says_when_it_can_t_tell(channel, fake, monkeypatch):
    """An error, a strange answer, endless pages: never an empty answer."""
    monkeypatch.setattr(channel_module, "_PAGE", 1)
    monkeypatch.setattr(channel_module, "_MAX_PAGES", 2)
    for _ in range(3):
        await channel.send(message())
    with pytest.raises(CannotTell):
        await channel.find(message(), clock() - MINUTE)
    fake.auth_token = "another"
    with pytest.raises(CannotTell):
        await channel.find(message(), clock() - MINUTE)
    await fake.stop()
    with pytest.raises(CannotTell) as error:
        await channel.find(message(), clock() - MINUTE)
    assert PHONE not in str(error.value)
    await fake.start()


@pytest.mark.parametrize("page", [{}, {"messages": None}, {"messages": [1]}, {"messages": "x"}])
async def test_find_trusts_no_strange_page(channel, monkeypatch, page):
    """An answer that is not a list of messages does not mean that there are none."""

    async def get(uri, params=None):
        return page

    monkeypatch.setattr(channel, "_get", get)
    with pytest.raises(CannotTell):
        await channel.find(message(), clock())


async def test_credentials_go_to_no_other_host(channel, monkeypatch):
    """A next page at another host is not followed."""
    asked = []

    async def get(uri, params=None):
        asked.append(uri)
        return {"messages": [], "next_page_uri": "https://elsewhere.example/next"}

    monkeypatch.setattr(channel, "_get", get)
    monkeypatch.setattr(channel_module, "_created", lambda *arguments: arguments[1])
    assert await channel.find(message(), clock()) == []
    assert len(asked) == 1


# --- check -------------------------------------------------------------------------------


async def test_check_says_who_we_are(channel, fake):
    """One line, with no more of the account than its last four characters."""
    assert await channel.check() == "twilio: account ...0a0a, active"
    fake.account_type = "Trial"
    assert "verified numbers only" in await channel.check()


@pytest.mark.parametrize(
    ("fake_keys", "told"),
    [({"auth_token": "another"}, "auth token"), ({"account_status": "suspended"}, "suspended")],
)
async def test_check_refuses_what_can_t_send(channel, fake, fake_keys, told):
    """Wrong credentials and a suspended account are configuration to mend."""
    for key, value in fake_keys.items():
        setattr(fake, key, value)
    with pytest.raises(BadConfig, match=told) as error:
        await channel.check()
    assert TOKEN not in str(error.value)
    assert ACCOUNT not in str(error.value)


async def test_check_says_when_twilio_is_away():
    """No connection is not taken for a wrong token."""
    with pytest.raises(CannotTell):
        await build().check()


async def test_webhook_is_what_twilio_has(channel, fake):
    """The number's URL at Twilio, "" where an application, a service or an error hides it."""
    fake.sms_url = f"{OURS}/hooks/sms#rc=5&rp=all"
    assert await channel.webhook() == fake.sms_url
    async with opened(build(api_url=fake.url, sender="", messaging_service_sid=SERVICE)) as service:
        assert await service.webhook() == ""
    async with opened(build(api_url=fake.url, sender="+12025550177")) as other:
        assert await other.webhook() == ""
    fake.auth_token = "another"
    assert await channel.webhook() == ""


async def test_a_channel_that_is_called_polls_nothing(channel):
    """A poll and an acknowledgement do nothing."""
    assert [polled async for polled in channel.poll()] == []
    await channel.acknowledge(Inbound("sms", SID, PHONE, "x"))


async def test_the_fake_s_ledger_outlives_a_kill(tmp_path):
    """As a program the fake has each message on file before it answers."""
    ledger = tmp_path / "sent.jsonl"
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.peers.fake_twilio", "--ledger", str(ledger)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        line = (await asyncio.wait_for(program.stdout.readline(), 30)).decode()
        async with opened(build(api_url=line.split()[-1])) as channel:
            outcomes = [await channel.send(message(f"{n}")) for n in range(3)]
    finally:
        program.kill()
        await program.wait()
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [(one["sid"], one["Body"]) for one in lines] == [
        (sent.provider_id, f"{n}") for n, sent in enumerate(outcomes)
    ]
