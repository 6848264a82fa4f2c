"""The library's requests over one aiohttp session, and what went wrong in plain values.

No exception raised here carries a URL, since the bot's token is a part of each.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from telegram.error import TelegramError
from telegram.request import BaseRequest

if TYPE_CHECKING:
    from telegram.request import RequestData
    from yarl import URL

ANSWER_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 10.0
HEADERS: Final = {"Content-Type": "application/json"}
LONGEST_DESCRIPTION: Final = 200


class NeverLeft(TelegramError):
    """No connection could be made, so nothing was sent."""


class NoAnswer(TelegramError):
    """The request may have left, and no usable answer came."""


class ApiError(TelegramError):
    """Telegram, or something in between, answered with an error.

    `readable` is False where the body was not Telegram's JSON.
    Source: core.telegram.org/bots/api#responseparameters (2026-11).
    """

    def __init__(self, status: int, answer: dict[str, Any] | None) -> None:
        description = (answer or {}).get("description")
        parameters = (answer or {}).get("parameters")
        if not isinstance(parameters, dict):
            parameters = {}
        self.status = status
        self.readable = answer is not None
        self.description = str(description or "")[:LONGEST_DESCRIPTION]
        self.retry_after = _number(parameters.get("retry_after"))
        self.moved_to = _number(parameters.get("migrate_to_chat_id"))
        super().__init__(f"{status} {self.description}".strip())


def reason(error: TelegramError) -> str:
    """Return what may be logged and stored: the library's own texts may hold a URL."""
    ours = isinstance(error, NeverLeft | NoAnswer | ApiError)
    return error.message if ours else type(error).__name__


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a body, or None."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


class Transport(BaseRequest):
    """Carries the library's requests as JSON; redirects are answers, not followed."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """Seconds from the start of a request to the end of its answer."""
        return ANSWER_SECONDS

    async def initialize(self) -> None:
        """Open the session once, inside the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=HEADERS,
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, connect=CONNECT_SECONDS),
            )

    async def shutdown(self) -> None:
        """Close the session; what is sent later never leaves."""
        if self._session is not None:
            await self._session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = BaseRequest.DEFAULT_NONE,
        write_timeout: object = None,
        connect_timeout: object = None,
        pool_timeout: object = None,
    ) -> tuple[int, bytes]:
        """Carry one request. Raises NeverLeft, NoAnswer or ApiError."""
        options: dict[str, Any] = {}
        if isinstance(read_timeout, int | float):
            options["timeout"] = aiohttp.ClientTimeout(total=read_timeout, connect=CONNECT_SECONDS)
        if request_data is not None:
            options["data"] = json.dumps(request_data.parameters).encode()
        return await self._carry(method, url, options)

    async def send(self, url: URL, body: bytes, kind: str = "") -> object:
        """Carry one call of a method past the library's own path, and return its result.

        `kind` is the body's content type, "" for JSON.

        The library wraps each field and each call in objects that took a sixth of a send.
        Raises NeverLeft, NoAnswer or ApiError.
        """
        options: dict[str, Any] = {"data": body}
        if kind:
            options["headers"] = {"Content-Type": kind}
        _, answer = await self._carry("POST", url, options)
        return self.parse_json_payload(answer)["result"]

    async def _carry(
        self, method: str, url: str | URL, options: dict[str, Any]
    ) -> tuple[int, bytes]:
        if self._session is None or self._session.closed:
            raise NeverLeft("closed")
        fault: TelegramError
        try:
            async with self._session.request(
                method, url, allow_redirects=False, **options
            ) as response:
                status, body = response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            fault = NeverLeft(type(error).__name__)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            fault = NoAnswer(type(error).__name__)
        else:
            if 200 <= status < 300:
                return status, body
            fault = ApiError(status, _object(body))
        # Raised out here, so that the caught exception, which names the URL, is not its context.
        raise fault

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Read the answer of a request that succeeded. Raises NoAnswer or ApiError.

        The library's own version logs a body that it can't read.
        """
        answer = _object(payload)
        if answer is None:
            raise NoAnswer("malformed answer")
        if answer.get("ok") is not True:
            code = _number(answer.get("error_code"))
            if code is None:
                raise NoAnswer("malformed answer")
            raise ApiError(code, answer)
        if "result" not in answer:
            raise NoAnswer("malformed answer")
        return answer
