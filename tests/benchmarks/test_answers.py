"""The webhooks of the benchmarks are such as Twilio sends."""

from __future__ import annotations

from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator

from benchmarks.answers import Webhooks
from benchmarks.place import TOKEN


def test_twilio_s_own_validator_takes_the_signature():
    """What is hashed once and what is hashed for each message make one signature."""
    head, _, body = Webhooks(8080).answer("open", 7, 12).decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    fields = dict(parse_qsl(body))
    url = "http://127.0.0.1:8080/hooks/sms"
    assert RequestValidator(TOKEN).validate(url, fields, headers["X-Twilio-Signature"])
    assert int(headers["Content-Length"]) == len(body)
    assert fields["From"] == "+12025550012"


def test_each_message_has_a_key_of_its_own():
    """Two answers of one person are two messages."""
    webhooks = Webhooks(8080)
    assert webhooks.answer("open", 1, 1) != webhooks.answer("open", 2, 1)
