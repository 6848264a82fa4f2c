"""The body of a request: bounded in length, and in the time it may take."""

from __future__ import annotations

import asyncio

import pytest

from bot.web import body
from bot.web.body import Gone, TooLong, TooSlow, read


def sending(*events: dict[str, object]):
    """Return a `receive` that gives these events, then nothing for ever."""
    left = list(events)

    async def receive() -> dict[str, object]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


def part(data: bytes, *, more: bool = False) -> dict[str, object]:
    """Return a piece of a body."""
    return {"type": "http.request", "body": data, "more_body": more}


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([part(b"abc")], b"abc"),
        ([part(b"")], b""),
        ([part(b"a", more=True), part(b"b", more=True), part(b"c")], b"abc"),
        ([part(b"abcd")], TooLong),
        ([part(b"ab", more=True), part(b"cd", more=True)], TooLong),
        ([part(b"a", more=True), {"type": "http.disconnect"}], Gone),
        ([part(b"a", more=True)], TooSlow),
        ([], TooSlow),
    ],
)
async def test_a_body_is_whole_or_refused(events, found, monkeypatch):
    """At most so many bytes, within so many seconds."""
    monkeypatch.setattr(body, "SECONDS", 0.02)
    if isinstance(found, bytes):
        assert await read(sending(*events), 3) == found
    else:
        with pytest.raises(found):
            await read(sending(*events), 3)
