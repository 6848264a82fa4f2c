"""The providers' door: POST /hooks/{channel} and /hooks/{channel}/status.

The one place that thousands of requests a second go through, so it speaks ASGI itself.
A request is answered 200 only once its events are durable.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import structlog

from bot.channels.base import HookRequest
from bot.faults import where
from bot.web.body import Gone, TooLong, TooSlow, read
from storage.errors import Forged, Malformed, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.types import Message, Receive, Scope, Send

    from bot.channels.base import Channel, Event
    from bot.web.metrics import Metrics

log = structlog.get_logger()

PREFIX: Final = "/hooks/"
RETRY_AFTER: Final = (b"retry-after", b"5")
NOTHING: Final = ("text/plain", b"")


@dataclass(frozen=True, slots=True)
class _Answer:
    """A whole answer, made once and sent often."""

    reason: str
    start: Message
    body: Message


def _answer(
    status: int, body: bytes, reason: str = "", *headers: tuple[bytes, bytes],
    kind: str = "text/plain; charset=utf-8",
) -> _Answer:  # fmt: skip
    fixed = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": status, "headers": [*fixed, *headers]}
    return _Answer(reason, start, {"type": "http.response.body", "body": body})


UNKNOWN: Final = _answer(404, b"there is no such channel\n", "unknown_channel")
WRONG_METHOD: Final = _answer(405, b"use POST\n", "method", (b"allow", b"POST"))
TOO_LONG: Final = _answer(413, b"the body is too long\n", "too_long", (b"connection", b"close"))
TOO_SLOW: Final = _answer(408, b"the body took too long\n", "too_slow", (b"connection", b"close"))
FORGED: Final = _answer(403, b"the signature or secret is wrong or missing\n", "forged")
MALFORMED: Final = _answer(400, b"the request can't be read\n", "malformed")
BUSY: Final = _answer(503, b"try again later\n", "storage", RETRY_AFTER)
BROKEN: Final = _answer(500, b"something went wrong\n", "error")


@dataclass(frozen=True, slots=True)
class _Door:
    channel: str
    parse: Callable[[HookRequest], Sequence[Event]]
    taken: _Answer
    accepted: Callable[[float], None]


class Hooks:
    """The ASGI application for every path under `/hooks/`."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        accept: Callable[[Sequence[Event]], Awaitable[None]],
        metrics: Metrics,
    ) -> None:
        self._accept = accept
        self._metrics = metrics
        self._doors: dict[str, _Door] = {}
        for name, channel in channels.items():
            kind, body = getattr(channel, "hook_answer", NOTHING)
            taken = _answer(200, body, kind=kind)
            accepted = metrics.accepted(name)
            messages = _Door(name, channel.parse, taken, accepted)
            receipts = _Door(name, channel.parse_receipt, taken, accepted)
            self._doors[f"{PREFIX}{name}"] = messages
            self._doors[f"{PREFIX}{name}/status"] = receipts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        door = self._doors.get(scope["path"])
        if door is None:
            answer = UNKNOWN
        elif scope["method"] != "POST":
            answer = WRONG_METHOD
        else:
            try:
                answer = await self._take(door, scope, receive)
            except Gone:
                return
        if answer.reason:
            self._metrics.hook_refused(door.channel if door else "", answer.reason)
        await send(answer.start)
        await send(answer.body)

    async def _take(self, door: _Door, scope: Scope, receive: Receive) -> _Answer:
        """Read the request, and return once what it says is durable. Raises Gone."""
        try:
            # Once the body is read nothing here looks at the client any more, so that one
            # who hangs up does not take the message with it.
            events = door.parse(_request(scope, await read(receive)))
            if events:
                begun = perf_counter()
                await self._accept(events)
                door.accepted(perf_counter() - begun)
        except Gone:
            raise
        except TooLong:
            return TOO_LONG
        except TooSlow:
            return TOO_SLOW
        except Forged:
            return FORGED
        except Malformed:
            return MALFORMED
        except StorageError as error:
            log.warning("hook.storage", channel=door.channel, error=type(error).__name__)
            return BUSY
        except Exception as error:  # noqa: BLE001 - the edge: nobody above could answer
            log.error("hook.failed", channel=door.channel, trace=where(error))  # noqa: TRY400
            return BROKEN
        return door.taken


def _request(scope: Scope, body: bytes) -> HookRequest:
    raw = scope.get("raw_path")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return HookRequest(
        path=raw.decode("latin-1") if raw else quote(scope["path"]),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
    )
