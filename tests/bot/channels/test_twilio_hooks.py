from __future__ import annotations

import hashlib
import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.base import HookRequest, Inbound, Outgoing, Receipt, Unreadable
from storage.errors import Forged
from tests.bot.channels.test_twilio import OURS, PHONE, build, opened
from tests.peers.fake_twilio import SENDER, TOKEN, FakeTwilio, incoming, sign

SID = "SM" + "0c" * 16
FORM = "application/x-www-form-urlencoded; charset=utf-8"

# --- what comes in: the signature --------------------------------------------------------


def request(fields, path="/hooks/sms", query="", *, body=None, public_url=OURS, **headers):
    """Return a request signed as Twilio signs it."""
    url = f"{public_url}{path}" + (f"?{query}" if query else "")
    given = {"content-type": FORM, "x-twilio-signature": sign(TOKEN, url, fields)}
    raw = urlencode(fields).encode() if body is None else body
    return HookRequest(path, query, given | headers, raw)


def test_a_signed_message_comes_in():
    """From is the address, Body the text, MessageSid the key that a retry repeats."""
    fields = incoming(PHONE, "2", MessageSid=SID)
    events = build().parse(request(fields))
    assert events == [Inbound(channel="sms", key=SID, sender=PHONE, text="2")]
    assert build().parse(request(fields)) == events


@pytest.mark.parametrize(
    "fields",
    [
        [*incoming(PHONE, "  two  spaces ")],
        [*incoming(PHONE, "Kɔ? ñandú & = + % 😀\n")],
        [*incoming(PHONE, "")],
        [*incoming(PHONE, "x"), ("Tag", "b"), ("Tag", "a"), ("Tag", "b"), ("Tag", "")],
        [*incoming(PHONE, "x", New="a field of tomorrow")],
        [*reversed(incoming(PHONE, "x"))],
    ],
)
def test_every_field_is_signed_as_it_came(fields):
    """Spaces, blanks, repeats, unknown fields: all as received, in any order."""
    (event,) = build().parse(request(fields))
    assert event.text == dict(fields)["Body"]


@pytest.mark.parametrize(
    ("public_url", "query"),
    [
        (OURS, "a=1&b=%20x"),
        ("https://alliance.example.org:8443", ""),
        ("http://127.0.0.1:8080", ""),
        ("https://alliance.example.org/bot", "x=y"),
    ],
)
def test_the_public_url_is_what_is_signed(public_url, query):
    """The configured URL with the query as received, not what the socket saw."""
    channel = build(public_url)
    signed = request(incoming(PHONE, "x"), query=query, public_url=public_url)
    assert len(channel.parse(signed)) == 1
    elsewhere = request(incoming(PHONE, "x"), query=query, public_url="http://10.0.0.7:8080")
    with pytest.raises(Forged):
        channel.parse(elsewhere)


def test_the_newer_algorithm_is_known():
    """A request may be signed with HMAC_SHA256, and then says so."""
    fields = incoming(PHONE, "x")
    headers = {
        "x-twilio-signature": sign(TOKEN, f"{OURS}/hooks/sms", fields, "sha256"),
        "x-twilio-webhooks-signature-settings": "key=any,algorithm=HMAC_SHA256",
    }
    assert len(build().parse(request(fields, **headers))) == 1
    with pytest.raises(Forged):
        build().parse(request(fields, **{"x-twilio-signature": headers["x-twilio-signature"]}))


def forgeries():
    """Return one request for each way of not being Twilio."""
    fields = incoming(PHONE, "x", MessageSid=SID)
    genuine = request(fields)
    sent = dict(fields)
    no_signature = {k: v for k, v in genuine.headers.items() if k != "x-twilio-signature"}
    settings = "x-twilio-webhooks-signature-settings"

    def with_body(changed):
        return HookRequest("/hooks/sms", "", genuine.headers, urlencode(changed).encode())

    return {
        "no signature": HookRequest("/hooks/sms", "", no_signature, genuine.body),
        "empty": request(fields, **{"x-twilio-signature": ""}),
        "wrong": request(fields, **{"x-twilio-signature": sign("x", f"{OURS}/hooks/sms", fields)}),
        "same length": request(fields, **{"x-twilio-signature": "A" * 28}),
        "not ascii": request(fields, **{"x-twilio-signature": "é" * 28}),
        "unknown algorithm": request(fields, **{settings: "algorithm=NONE"}),
        "another algorithm": request(fields, **{settings: "algorithm=HMAC_SHA256"}),
        "another body": with_body(sent | {"Body": "y"}),
        "another sender": with_body(sent | {"From": "+12025550199"}),
        "a field more": with_body(sent | {"Extra": "1"}),
        "a field fewer": with_body({k: v for k, v in sent.items() if k != "Body"}),
        "another path": HookRequest("/hooks/x", "", genuine.headers, genuine.body),
        "a query": HookRequest("/hooks/sms", "row=1", genuine.headers, genuine.body),
        "a strange path": HookRequest("/hooks/\udcff", "", genuine.headers, genuine.body),
        "not utf-8": HookRequest("/hooks/sms", "", genuine.headers, b"Body=\xff"),
        "nothing": HookRequest("/hooks/sms", "", {}, b""),
        "thousands of fields": request([(f"Field{n}", "x") for n in range(1_001)]),
        "json not covered": request([], body=b'{"a": 1}', **{"content-type": "application/json"}),
    }


@pytest.mark.parametrize("case", forgeries())
def test_what_is_not_signed_is_forged(case):
    """Wrong or absent: refused, whatever else it is."""
    for parse in (build().parse, build().parse_receipt):
        with pytest.raises(Forged) as error:
            parse(forgeries()[case])
        assert PHONE not in str(error.value)


def json_request(content, covered=None):
    """Return a JSON request as Twilio signs it, for this content or another."""
    digest = hashlib.sha256(content if covered is None else covered).hexdigest()
    return request(
        [], query=f"bodySHA256={digest}", body=content, **{"content-type": "application/json"}
    )


def test_a_json_body_is_covered_by_its_hash():
    """bodySHA256 in the signed URL stands for a JSON body; another body is forged."""
    content = json.dumps({"MessageSid": SID, "From": PHONE, "Body": "2", "n": None}).encode()
    assert build().parse(json_request(content)) == [Inbound("sms", SID, PHONE, "2")]
    with pytest.raises(Forged):
        build().parse(json_request(content.replace(b"2", b"3"), covered=content))


# --- what comes in: the message ----------------------------------------------------------

MESSAGES = [
    ({}, {}),
    ({"Body": ""}, {"text": ""}),
    ({"Body": "a\x00b"}, {"text": "a\ufffdb"}),
    ({"NumMedia": "1", "MediaUrl0": "https://m/1"}, {"kind": "media", "media": "https://m/1"}),
    ({"NumMedia": "1"}, {"kind": "media"}),
    ({"NumMedia": "x", "MediaUrl0": "https://m/1"}, {}),
    ({"Body": "STOP", "OptOutType": "STOP"}, {"text": "STOP", "opt_out": "stop"}),
    ({"OptOutType": "START"}, {"opt_out": "start"}),
    ({"OptOutType": "HELP"}, {"opt_out": "help"}),
    ({"OptOutType": "OTHER"}, {}),
    ({"From": "12345"}, {"sender": "12345", "kind": "not_a_person"}),
    ({"From": "+12345"}, {"sender": "+12345", "kind": "not_a_person"}),
    ({"From": "MTN-INFO"}, {"sender": "MTN-INFO", "kind": "not_a_person"}),
    ({"From": "+1202555٠١٢٣"}, {"sender": "+1202555٠١٢٣", "kind": "not_a_person"}),
    ({"From": "MTN", "NumMedia": "1"}, {"sender": "MTN", "kind": "not_a_person"}),
    ({"MessageSid": ""}, {"key": SID}),
    ({"Latitude": "1", "Anything": "else"}, {}),
]


@pytest.mark.parametrize(("sent", "means"), MESSAGES)
def test_what_a_message_means(sent, means):
    """One table for what Twilio sends and what the rest of the program sees."""
    fields = list((dict(incoming(PHONE, "hi", MessageSid=SID)) | sent).items())
    expected = {"channel": "sms", "key": SID, "sender": PHONE, "text": "hi"} | means
    assert build().parse(request(fields)) == [Inbound(**expected)]


@pytest.mark.parametrize("missing", [("MessageSid", "SmsSid"), ("From",)])
def test_a_message_without_key_or_sender_is_unreadable(missing):
    """Genuine but not usable: kept raw, under a key that a retry repeats."""
    fields = [(k, v) for k, v in incoming(PHONE, "hi") if k not in missing]
    body = urlencode(fields).encode()
    expected = Unreadable("sms", hashlib.sha256(body).hexdigest(), body.decode())
    assert build().parse(request(fields)) == [expected]


def test_json_that_is_no_message_is_unreadable():
    """A list, a number, a lone surrogate: nothing that storage could not keep comes in."""
    for content in (b"[1]", b"5", b"{}", b"\x00", b"[" * 5000):
        (event,) = build().parse(json_request(content))
        assert isinstance(event, Unreadable)
        assert "\x00" not in event.raw
    content = b'{"MessageSid": "SM1", "From": "+12025550123", "Body": "\\ud800 \\u0000"}'
    (event,) = build().parse(json_request(content))
    assert event.text == "\ufffd \ufffd"


@given(
    fields=st.lists(
        st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
    )
)
def test_any_signed_form_is_read(fields):
    """Whatever Twilio signs makes one event that storage can keep, and never an error."""
    (event,) = build().parse(request(fields))
    kept = f"{event.key}{getattr(event, 'text', '')}{getattr(event, 'raw', '')}"
    assert "\x00" not in kept
    kept.encode()


@given(
    body=st.binary(),
    query=st.text(),
    path=st.text(),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "x-twilio-signature"]),
        st.text() | st.just("application/json"),
    ),
)
def test_any_unsigned_request_is_forged(body, query, path, headers):
    """Noise at the door is refused, and nothing else happens."""
    with pytest.raises(Forged):
        build().parse(HookRequest(path, query, headers, body))


def test_the_answer_is_empty_twiml():
    """Twilio is answered with TwiML that sends no message."""
    assert build().hook_answer == ("text/xml", b"<Response/>")


# --- receipts ----------------------------------------------------------------------------

NOTHING_NEW = ["queued", "accepted", "scheduled", "sending", "receiving", "nonsense", ""]
RECEIPTS = [
    ({"MessageStatus": "sent"}, {"status": "sent"}),
    ({"MessageStatus": "delivered"}, {"status": "delivered"}),
    ({"MessageStatus": "read"}, {"status": "delivered"}),
    ({"MessageStatus": "undelivered"}, {"status": "undelivered"}),
    ({"MessageStatus": "failed"}, {"status": "failed"}),
    ({"MessageStatus": "canceled"}, {"status": "failed"}),
    (
        {"MessageStatus": "failed", "ErrorCode": "21610"},
        {"status": "failed", "error": "21610", "effect": "stopped"},
    ),
    (
        {"MessageStatus": "undelivered", "ErrorCode": "30005"},
        {"status": "undelivered", "error": "30005", "effect": "dead"},
    ),
    (
        {"MessageStatus": "undelivered", "ErrorCode": "30006"},
        {"status": "undelivered", "error": "30006", "effect": "dead"},
    ),
    (
        {"MessageStatus": "undelivered", "ErrorCode": "30003"},
        {"status": "undelivered", "error": "30003", "again": True},
    ),
    (
        {"MessageStatus": "undelivered", "ErrorCode": "30007"},
        {"status": "undelivered", "error": "30007", "alert": True},
    ),
    (
        {"MessageStatus": "failed", "ErrorCode": "30036"},
        {"status": "expired", "error": "30036"},
    ),
]


def receipt_request(fields, query="row=7&attempt=2"):
    """Return a signed status callback."""
    sent = {"MessageSid": SID, "SmsSid": SID, "To": PHONE, "From": SENDER} | fields
    return request(list(sent.items()), path="/hooks/sms/status", query=query)


@pytest.mark.parametrize(("fields", "means"), RECEIPTS)
def test_what_a_receipt_means(fields, means):
    """A receipt names its row and attempt, and what its error means for the address."""
    expected = {"channel": "sms", "provider_id": SID, "row": 7, "attempt": 2} | means
    assert build().parse_receipt(receipt_request(fields)) == [Receipt(**expected)]


@pytest.mark.parametrize("status", NOTHING_NEW)
def test_an_intermediate_status_says_nothing(status):
    """Status only moves forward from `sent`, so what stands before it is passed over."""
    assert build().parse_receipt(receipt_request({"MessageStatus": status})) == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", (0, 0)),
        ("row=x&attempt=-1", (0, 0)),
        ("row=&attempt=", (0, 0)),
        ("row=99999999999999999999&attempt=9999999999999999999", (0, 0)),
        ("row=٣&attempt=1.5", (0, 0)),
        ("row=9223372036854775807&attempt=3&more=1", (2**63 - 1, 3)),
    ],
)
def test_a_row_that_can_t_be_read_is_none(query, named):
    """Garbage in the query leaves the SID to find the row by."""
    query = quote(query, safe="=&.-")
    (event,) = build().parse_receipt(receipt_request({"MessageStatus": "sent"}, query))
    assert (event.row, event.attempt) == named


async def test_receipts_of_the_fake_name_the_row():
    """The callback that Twilio makes of our StatusCallback passes our own door."""
    fake, received = await FakeTwilio().start(), []

    async def take(url, fields):
        received.append((url, fields))
        return 200, b""

    fake.post = take
    async with opened(build(api_url=fake.url)) as channel:
        sent = await channel.send(Outgoing(row=7, attempt=2, to=PHONE, text="hi"))
    await fake.receipt(sent.provider_id, "delivered")
    await fake.stop()
    url, fields = received[0]
    path, _, query = url.removeprefix(OURS).partition("?")
    (event,) = build().parse_receipt(request(fields, path=path, query=query))
    assert event == Receipt("sms", sent.provider_id, "delivered", row=7, attempt=2)
