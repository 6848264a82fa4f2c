from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest
from structlog.testing import capture_logs

from bot.channels.base import Choice, Inbound, Outgoing
from bot.web.body import LIMIT
from bot.web.doors import build
from storage.errors import Busy
from tests.bot.web.conftest import BASE, read_number
from tests.bot.web.serving import served, until

NINA = "+12025550123"
OMAR = "+12025550124"


async def test_a_typed_message_is_accepted(client, accept):
    """202 comes once it is durable, with the key that tells it from every other."""
    answer = await client.post("/simulator/messages", json={"from": NINA, "text": "JOIN"})
    assert answer.status_code == 202
    assert accept.events == [Inbound("phones", answer.json()["key"], NINA, "JOIN")]
    other = await client.post("/simulator/messages", json={"from": NINA, "text": "JOIN"})
    assert other.json()["key"] != answer.json()["key"]


async def test_a_key_can_be_given(client, accept):
    """A redelivery carries its key to accept again, and the page shows it once."""
    given = {"from": "202 555 0123", "text": "JOIN", "key": "k1"}
    for _ in range(2):
        answer = await client.post("/simulator/messages", json=given)
        assert answer.json() == {"key": "k1"}
    assert [event.key for event in accept.events] == ["k1", "k1"]
    assert [m["text"] for m in await talk(client, NINA)] == ["JOIN"]


@pytest.mark.parametrize(
    ("text", "arrives"),
    [
        ("", ""),
        ("x" * 20_000, "x" * 20_000),
        ("a\ud800b\0c", "a\ufffdb\ufffdc"),
        ("\U0001f600 Kɔ?", "\U0001f600 Kɔ?"),
    ],
)
async def test_any_text_arrives(client, accept, text, arrives):
    """Long texts are the engine's matter; what no database can store is replaced."""
    body = json.dumps({"from": NINA, "text": text})
    answer = await client.post("/simulator/messages", content=body)
    assert answer.status_code == 202
    assert accept.events[0].text == arrives


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe\xfd", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"from": ' + b"9" * 5_000 + b"}", "JSON"),
        (b"[]", "object"),
        (b'"JOIN"', "object"),
        (b"null", "object"),
        (b'{"text": "JOIN"}', '"from" is missing'),
        (b'{"from": "+12025550123"}', '"text" is missing'),
        (b'{"from": 12025550123, "text": "JOIN"}', '"from" must be a string'),
        (b'{"from": "+12025550123", "text": null}', '"text" must be a string'),
        (b'{"from": "+12025550123", "text": ["JOIN"]}', '"text" must be a string'),
        (b'{"from": "+12025550123", "text": "JOIN", "key": 1}', '"key" must be a string'),
        (b'{"from": "+12025550123", "text": "JOIN", "key": ""}', "1 to 200"),
        (b'{"from": "banana", "text": "JOIN"}', "write it like"),
        (b'{"from": "\\ud800", "text": "JOIN"}', "write it like"),
    ],
)
async def test_a_bad_message_is_told_why(client, accept, body, word):
    """Whoever asks wrongly reads one line that says what is wrong, and nothing is accepted."""
    answer = await client.post("/simulator/messages", content=body)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert word in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert not accept.called.is_set()


async def test_a_body_has_a_limit(client):
    """Over 1 MiB is 413."""
    answer = await client.post("/simulator/messages", content=b" " * (LIMIT + 1))
    assert (answer.status_code, list(answer.json())) == (413, ["error"])


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [(Busy("+12025550123"), 503, "5"), (KeyError("+12025550123"), 500, None)],
)
async def test_what_was_not_accepted_is_not_shown(client, accept, error, status, retry_after):
    """The person can try again, and the page does not show what was never taken."""
    accept.error = error
    with capture_logs() as logs:
        answer = await client.post("/simulator/messages", json={"from": NINA, "text": "JOIN"})
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry_after)
    assert NINA not in str(logs) + answer.text
    assert await talk(client, NINA) == []


async def test_what_was_sent_can_be_read(client, simulator):
    """A phone's messages come oldest first, after any id, each with exactly these keys."""
    choices = (Choice("1 Yes", "r1:1"), Choice("2 No", "r1:2"))
    await simulator.send(Outgoing(1, 1, NINA, "Agree? 1 Yes 2 No", choices))
    await simulator.send(Outgoing(2, 1, OMAR, "not for Nina"))
    await simulator.send(Outgoing(3, 1, NINA, "second"))
    found = (await client.get("/simulator/messages", params={"to": NINA})).json()
    assert [list(one) for one in found] == [["id", "to", "text", "choices", "at"]] * 2
    assert [(one["to"], one["text"], one["choices"]) for one in found] == [
        (NINA, "Agree? 1 Yes 2 No", ["1 Yes", "2 No"]),
        (NINA, "second", []),
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found[0]["at"])
    later = await client.get("/simulator/messages", params={"to": NINA, "after": found[0]["id"]})
    assert later.json() == found[1:]


@pytest.mark.parametrize("to", ["+12025550123", "%2B12025550123", "202-555-0123", "12025550123"])
async def test_a_number_may_be_written_as_people_write_it(client, simulator, to):
    """A plus sign that a URL turned into a space is still one."""
    await simulator.send(Outgoing(1, 1, NINA, "hello"))
    answer = await client.get(f"/simulator/messages?to={to}")
    assert [one["text"] for one in answer.json()] == ["hello"]


@pytest.mark.parametrize(
    "url",
    [
        "/simulator/messages",
        "/simulator/messages?to=",
        "/simulator/messages?to=banana",
        "/simulator/messages?to=2025550123&after=",
        "/simulator/messages?to=2025550123&after=1.5",
        "/simulator/messages?to=2025550123&after=٣",
        "/simulator/messages?to=2025550123&after=9999999999999999999999",
        "/phones/talk?number=banana",
        "/phones/talk?wait=soon",
        "/phones/talk?wait=-1",
        "/phones/number",
        "/phones/talk?" + "number=2025550123&" * 51,
    ],
)
async def test_a_bad_question_is_told_why(client, url):
    """400 with one line of JSON, whatever was wrong."""
    answer = await client.get(url)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


async def test_the_page_sees_both_sides(client, simulator):
    """What a person typed and what they were sent stand in order, with their segments."""
    await client.post("/simulator/messages", json={"from": NINA, "text": "JOIN"})
    await simulator.send(Outgoing(1, 1, NINA, "x" * 161))
    await simulator.send(Outgoing(2, 1, OMAR, "hello"))
    found = await talk(client, NINA)
    assert [(m["number"], m["ours"], m["segments"]) for m in found] == [
        (NINA, False, 1),
        (NINA, True, 2),
    ]
    assert len(await talk(client, NINA, OMAR)) == 3
    answer = await client.get("/phones/talk")
    assert answer.json() == {"messages": [], "phones": [OMAR, NINA]}
    assert (await client.get("/phones/number?text=202 555 0123")).json() == {"number": NINA}


async def test_the_page_is_told_at_once(client, simulator):
    """A waiting page gets what concerns its phones, and only that."""
    params = {"number": NINA, "wait": 20}
    asked = asyncio.create_task(client.get("/phones/talk", params=params))
    await simulator.send(Outgoing(1, 1, OMAR, "not for this page"))
    await asyncio.sleep(0)
    await simulator.send(Outgoing(2, 1, NINA, "news"))
    async with asyncio.timeout(5):
        answer = await asked
    assert [m["text"] for m in answer.json()["messages"]] == ["news"]


async def test_no_page_holds_up_a_shutdown(app, simulator):
    """Hanging up ends every wait, so that the server can stop at once."""
    async with asyncio.timeout(5), served(app) as (server, port):
        url = f"http://127.0.0.1:{port}/phones/talk?wait=20"
        async with httpx.AsyncClient() as client:
            asked = asyncio.create_task(client.get(url))
            await until(lambda: server.server_state.tasks)
            simulator.hang_up()
            assert (await asked).json()["messages"] == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/phones", "text/html; charset=utf-8"),
        ("/phones/phones.css", "text/css; charset=utf-8"),
        ("/phones/phones.js", "text/javascript; charset=utf-8"),
        ("/phones/icon.svg", "image/svg+xml"),
        ("/simulator/messages?to=2025550123", "application/json"),
    ],
)
async def test_everything_is_served_safely(client, path, kind):
    """Nothing from elsewhere runs in the page, nothing is kept, no type is guessed."""
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


async def test_the_page_needs_nothing_from_elsewhere(client):
    """Every address in the page is a door of ours, and no script or style stands in it."""
    page = (await client.get("/phones")).text
    assert "<style" not in page
    assert "onclick" not in page
    found = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(found) >= 3
    for path in found:
        assert (await client.get(path)).status_code == 200
    script = (await client.get("/phones/phones.js")).text
    assert "innerHTML" not in script
    assert "://" not in script


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {"host": "[::1]:8080"}, 200),
        ("127.0.0.1", {"host": "localhost:8080", "origin": "http://localhost:8080"}, 200),
        ("192.0.2.7", {}, 403),
        ("testclient", {}, 403),
        ("127.0.0.1", {"host": "evil.example:8080"}, 403),
        ("127.0.0.1", {"host": "["}, 403),
        ("127.0.0.1", {"host": ""}, 403),
        ("127.0.0.1", {"origin": "https://evil.example"}, 403),
        ("127.0.0.1", {"origin": "null"}, 403),
    ],
)
async def test_only_this_machine_may_speak_for_a_phone(app, accept, peer, headers, status):
    """Neither another machine nor another site's page in this one's browser gets in."""
    transport = httpx.ASGITransport(app, client=(peer, 1234))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        for path in ("/phones", "/phones/phones.js", "/phones/talk"):
            assert (await client.get(path, headers=headers)).status_code == status
        body = {"from": NINA, "text": "JOIN"}
        answer = await client.post("/simulator/messages", json=body, headers=headers)
    assert answer.status_code == (202 if status == 200 else status)
    assert accept.called.is_set() is (status == 200)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_other_methods_are_refused(client, method):
    """There is nothing else to do with a message."""
    assert (await client.request(method, "/simulator/messages")).status_code == 405


async def test_without_a_simulator_there_are_no_phones(accept, channel, metrics):
    """Beside real channels none of these doors is there."""

    async def ready():
        return []

    app = build(
        channels={"sms": channel},
        accept=accept,
        ready=ready,
        metrics=metrics,
        simulator=None,
        numbers=read_number,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        for path in ("/phones", "/phones/phones.js", "/phones/talk", "/simulator/messages"):
            assert (await client.get(path)).status_code == 404
        body = {"from": NINA, "text": "JOIN"}
        assert (await client.post("/simulator/messages", json=body)).status_code == 404


async def talk(client, *numbers):
    """Return what the page shows of some phones."""
    answer = await client.get("/phones/talk", params={"number": list(numbers)})
    return answer.json()["messages"]
