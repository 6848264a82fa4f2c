from __future__ import annotations

import asyncio

import httpx
import pytest
from structlog.testing import capture_logs

from bot.channels.base import HookRequest, Inbound
from bot.web.body import LIMIT
from bot.web.hooks import Hooks
from storage.errors import Busy, DiskFull, Forged, Malformed
from tests.bot.web.serving import served, until

SECRET = "+12025550123 says hello"
EVENT = Inbound("sms", "SM1", "+12025550123", "hello")


async def test_a_taken_message_is_answered_once_durable(client, channel, accept):
    """200 comes only after accept has returned, and with the channel's events in it."""
    channel.events = [EVENT]
    accept.gate.clear()
    asked = asyncio.create_task(client.post("/hooks/sms", content=b"Body=hello"))
    await accept.called.wait()
    assert not asked.done()
    accept.gate.set()
    answer = await asked
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/plain"
    assert accept.events == [EVENT]


async def test_the_request_reaches_the_channel_as_it_came(client, channel):
    """Path and query are handed on undecoded, and header names in lower case."""
    url = "/hooks/%73ms?a=1%202&b=%C3%A9"
    answer = await client.post(url, content=b"\xff\x00", headers={"X-Twilio-Signature": "abc="})
    assert answer.status_code == 200
    [request] = channel.requests
    assert isinstance(request, HookRequest)
    assert (request.path, request.query) == ("/hooks/%73ms", "a=1%202&b=%C3%A9")
    assert request.body == b"\xff\x00"
    assert request.headers["x-twilio-signature"] == "abc="


async def test_receipts_have_a_door_of_their_own(client, channel, accept):
    """/status goes to parse_receipt, and nothing to accept is answered 200 without it."""
    answer = await client.post("/hooks/sms/status?row=7", content=b"")
    assert answer.status_code == 200
    assert [request.query for request in channel.receipts] == ["row=7"]
    assert not channel.requests
    assert not accept.called.is_set()


async def test_a_channel_may_word_its_answer(app, channel, client, metrics):
    """A channel's hook_answer is the answer, with its type."""
    channel.hook_answer = ("text/xml", b"<Response/>")
    hooks = Hooks({"sms": channel}, app, metrics)
    transport = httpx.ASGITransport(hooks)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as other:
        answer = await other.post("/hooks/sms")
    assert answer.content == b"<Response/>"
    assert answer.headers["content-type"] == "text/xml"
    assert answer.headers["content-length"] == "11"


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (Forged(SECRET), 403, "forged"),
        (Malformed(SECRET), 400, "malformed"),
        (KeyError(SECRET), 500, "error"),
        (RecursionError(SECRET), 500, "error"),
    ],
)
async def test_a_refused_request_stores_nothing(
    client, channel, accept, metrics, error, status, reason
):
    """What parse raises decides the status; its words are shown to nobody and logged nowhere."""
    channel.error, channel.events = error, [EVENT]
    with capture_logs() as logs:
        answer = await client.post("/hooks/sms", content=b"x")
    assert answer.status_code == status
    assert answer.text.count("\n") == 1
    assert not accept.called.is_set()
    assert SECRET not in answer.text + str(logs)
    assert refused(metrics, "sms", reason) == 1


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [(Busy(SECRET), 503, "5"), (DiskFull(SECRET), 503, "5"), (ValueError(SECRET), 500, None)],
)
async def test_what_is_not_durable_is_not_answered_200(
    client, channel, accept, error, status, retry_after
):
    """A storage that can't take it now asks the provider to come again."""
    channel.events, accept.error = [EVENT], error
    with capture_logs() as logs:
        answer = await client.post("/hooks/sms", content=b"x")
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == retry_after
    assert SECRET not in answer.text + str(logs)
    assert logs[0]["channel"] == "sms"


async def test_an_unexpected_fault_is_logged_with_its_place(client, channel):
    """The log says where it broke and through what, though not in the fault's own words."""
    channel.error = KeyError(SECRET)
    with capture_logs() as logs:
        await client.post("/hooks/sms")
    assert logs[0]["event"] == "hook.failed"
    assert "in parse" in logs[0]["trace"]
    assert logs[0]["trace"].endswith("KeyError")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/hooks/nosuch", 404),
        ("POST", "/hooks/sms/other", 404),
        ("POST", "/hooks/sms/", 404),
        ("POST", "/hooks/", 404),
        ("GET", "/hooks/nosuch", 404),
        ("GET", "/hooks/sms", 405),
        ("PUT", "/hooks/sms/status", 405),
    ],
)
async def test_only_a_post_to_a_known_channel_is_read(client, channel, method, path, status):
    """Anything else is refused in plain text, before the body is looked at."""
    answer = await client.request(method, path, content=b"x")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/plain")
    assert (answer.headers.get("allow") == "POST") is (status == 405)
    assert not channel.requests
    assert not channel.receipts


async def test_an_unknown_name_is_no_label(client, metrics):
    """Whatever a stranger writes into a URL, metrics do not grow by it."""
    for name in ("a", "b", "+12025550123"):
        await client.post(f"/hooks/{name}")
    assert refused(metrics, "-", "unknown_channel") == 3


@pytest.mark.parametrize("chunks", [1, 4])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
async def test_a_body_has_a_limit(client, channel, chunks, size, status):
    """Over 1 MiB is refused, in one piece or in several."""

    async def body():
        step = -(-size // chunks)
        for start in range(0, size, step):
            yield b"x" * min(step, size - start)

    answer = await client.post("/hooks/sms", content=body() if chunks > 1 else b"x" * size)
    assert answer.status_code == status
    assert [len(request.body) for request in channel.requests] == [size] * (status == 200)


async def test_a_body_in_pieces_is_put_together(client, channel):
    """Where the pieces part makes no difference."""

    async def body():
        for piece in (b"Bo", b"", b"dy=", b"hello"):
            yield piece

    await client.post("/hooks/sms", content=body())
    assert channel.requests[0].body == b"Body=hello"


async def test_half_a_request_is_nothing(app, channel):
    """A client who leaves in the middle of its body is not answered, and nothing is read."""
    events = iter(
        [
            {"type": "http.request", "body": b"Bo", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent = []

    async def receive():
        return next(events)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/hooks/sms", "headers": []}
    await app(scope, receive, send)
    assert not sent
    assert not channel.requests


@pytest.mark.parametrize("http", ["httptools", "h11"])
async def test_a_client_who_hangs_up_loses_nothing(app, channel, accept, http):
    """Once the body has come the event is accepted, whether or not anyone waits for it."""
    channel.events = [EVENT]
    accept.gate.clear()
    async with served(app, http=http) as (server, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /hooks/sms?q=%20 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        await accept.called.wait()
        writer.transport.abort()
        await until(lambda: not server.server_state.connections)
        accept.gate.set()
    assert accept.events == [EVENT]
    assert channel.requests[0].path == "/hooks/sms"
    assert channel.requests[0].query == "q=%20"


def refused(metrics, channel, reason):
    """Return how many requests were refused so."""
    labels = {"channel": channel, "reason": reason}
    return metrics.registry.get_sample_value("switchboard_hook_refused_total", labels)
