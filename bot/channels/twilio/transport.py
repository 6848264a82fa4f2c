"""The library's HTTP client over one aiohttp session: it retries nothing, and logs nothing."""

from __future__ import annotations

import base64
import logging
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

OFFICIAL = "https://api.twilio.com"

# The first ends before the second, so that running out of the second always means that
# the request may have left.
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0


@lru_cache(maxsize=4)
def _basic(auth: tuple[str, str]) -> str:
    pair = base64.b64encode(":".join(auth).encode())
    return f"Basic {pair.decode('ascii')}"


# A broadcast says the same again and again, and quoting it took a tenth of a send.
@lru_cache(maxsize=128)
def quoted(value: str) -> str:
    """Return a value as it stands in a form."""
    return quote_plus(value, errors="replace")


def _form(fields: Mapping[str, object]) -> bytes:
    return "&".join(
        f"{quoted(name)}={quoted(str(value))}" for name, value in fields.items()
    ).encode("ascii")


@lru_cache(maxsize=64)
def _placed(api_url: str, uri: str) -> URL:
    """Return where a resource of the official host is; another host's stay where they are."""
    return URL(api_url + uri.removeprefix(OFFICIAL) if uri.startswith(OFFICIAL) else uri)


class Transport(AsyncHttpClient):  # type: ignore[misc]  # the library ships no types
    """Carries the library's requests to `api_url`; made inside the running event loop."""

    def __init__(self, api_url: str) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True, timeout=ANSWER_SECONDS)
        self._api_url = api_url
        self._session = aiohttp.ClientSession(
            # the sender already bounds how many requests are open at once
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, connect=CONNECT_SECONDS),
        )
        self._posting = self._session

    def carries(self, headers: Mapping[str, str], auth: tuple[str, str]) -> None:
        """Let whatever is posted have these: a session's own headers are put together once."""
        self._posting = aiohttp.ClientSession(
            connector=self._session.connector,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._session.timeout,
            headers={**headers, "Authorization": _basic(auth)},
        )

    async def post(self, uri: str, body: str) -> tuple[int, str, Mapping[str, str]]:
        """Send a form past the library's own path; return status, text and headers of the answer.

        Raises what aiohttp raises.
        """
        url = _placed(self._api_url, uri)
        async with self._posting.post(
            url, data=body.encode("ascii"), allow_redirects=False
        ) as answer:
            content = await answer.read()
            return answer.status, content.decode("utf-8", "replace"), answer.headers

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (the library's signature)
        allow_redirects: bool = False,  # noqa: FBT001, FBT002 (the library's signature)
    ) -> Response:
        """Send one request and read its whole answer. Raises what aiohttp raises."""
        headers = dict(headers or {})
        if auth is not None:
            headers["Authorization"] = _basic(auth)
        url = _placed(self._api_url, uri)
        body = _form(data) if data else None
        async with self._session.request(
            method, url, params=params, data=body, headers=headers, allow_redirects=allow_redirects
        ) as answer:
            content = await answer.read()
            return Response(answer.status, content.decode("utf-8", "replace"), answer.headers)

    async def close(self) -> None:
        """Close all connections."""
        await self._posting.close()
        await self._session.close()
