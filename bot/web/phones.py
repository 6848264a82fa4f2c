"""The virtual phones: a page to look at, and the two doors a program can use.

POST /simulator/messages    what a person types
GET /simulator/messages     what was sent to their phone
GET /phones                 the page; GET /phones/talk and /phones/number are its own

There are no passwords: whoever connects can speak for any number, so nobody but this
machine may, nor another site's page in this machine's browser.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import structlog
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.channels.base import Inbound
from bot.faults import where
from bot.web.body import Gone, TooLong, TooSlow, read
from handlers.dialog.text import segments
from storage.errors import BadInput, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request

    from bot.channels.base import Event
    from bot.channels.simulator import Message, SimulatorChannel

log = structlog.get_logger()

LONGEST_WAIT: Final = 20.0
LONGEST_KEY: Final = 200
MOST_PHONES: Final = 50
HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_STATIC: Final = {
    "/phones": ("phones.html", "text/html"),
    "/phones/phones.css": ("phones.css", "text/css"),
    "/phones/phones.js": ("phones.js", "text/javascript"),
    "/phones/icon.svg": ("icon.svg", "image/svg+xml"),
}
_NO_PORT: Final = re.compile(r":[0-9]*$")
_UNFIT: Final = re.compile("[\x00\ud800-\udfff]")
_ID: Final = re.compile(r"-?[0-9]{1,18}")
_SECONDS: Final = re.compile(r"[0-9]{1,4}")


class Phones:
    """The doors of one simulator channel."""

    def __init__(
        self,
        simulator: SimulatorChannel,
        accept: Callable[[Sequence[Event]], Awaitable[None]],
        numbers: Callable[[str], str],
    ) -> None:
        self._simulator = simulator
        self._accept = accept
        self._numbers = numbers

    def routes(self) -> list[Route]:
        """Return the doors."""
        doors = [
            Route("/simulator/messages", _guarded(self._post), methods=["POST"]),
            Route("/simulator/messages", _guarded(self._get), methods=["GET"]),
            Route("/phones/talk", _guarded(self._talk), methods=["GET"]),
            Route("/phones/number", _guarded(self._number), methods=["GET"]),
        ]
        return doors + [Route(path, _guarded(_page(*page))) for path, page in _STATIC.items()]

    async def _post(self, request: Request) -> Response:
        """Take what a person typed; answer once it is durable."""
        given = _object(await read(request.receive))
        sender = self._numbers(_string(given, "from"))
        text = _string(given, "text")
        key = _string(given, "key") if "key" in given else uuid4().hex
        if not 0 < len(key) <= LONGEST_KEY:
            raise BadInput(f'"key" must have 1 to {LONGEST_KEY} characters')
        # shown before it is accepted, since the reply may be there before accept returns
        shown = self._simulator.typed(sender, text, key)
        try:
            await self._accept([Inbound(self._simulator.name, key, sender, text)])
        except Exception:
            if shown is not None:
                self._simulator.untype(shown)
            raise
        return JSONResponse({"key": key}, 202)

    async def _get(self, request: Request) -> Response:
        """Return what was sent to one phone."""
        to = request.query_params.get("to")
        if to is None:
            raise BadInput('say which phone: "?to=+12025550123"')
        return JSONResponse(self._simulator.messages(self._read_number(to), _after(request)))

    async def _talk(self, request: Request) -> Response:
        """Return both sides of some phones; with `wait`, as soon as there is something new."""
        numbers = [self._read_number(n) for n in request.query_params.getlist("number")]
        if len(numbers) > MOST_PHONES:
            raise BadInput(f"at most {MOST_PHONES} phones at once")
        wait = request.query_params.get("wait", "0")
        if not _SECONDS.fullmatch(wait):
            raise BadInput('"wait" must be a whole number of seconds')
        seconds = min(float(wait), LONGEST_WAIT)
        found = await self._simulator.news(numbers, _after(request), seconds)
        return JSONResponse(
            {"messages": [_shown(m) for m in found], "phones": self._simulator.phones()}
        )

    async def _number(self, request: Request) -> Response:
        """Return a number as it will be written from now on."""
        return JSONResponse({"number": self._read_number(request.query_params.get("text", ""))})

    def _read_number(self, text: str) -> str:
        # the + of a number typed into a URL means a space there
        return self._numbers("+" + text[1:] if text.startswith(" ") else text)


def _shown(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "number": message.phone,
        "ours": message.ours,
        "text": message.text,
        "choices": list(message.choices),
        "at": message.moment,
        "segments": segments(message.text),
    }


def _page(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = resources.files("bot.web").joinpath("static", name).read_bytes()

    async def page(request: Request) -> Response:
        del request
        return Response(content, media_type=kind)

    return page


def _guarded(
    door: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Let this machine alone in, and tell whoever asked wrongly in one line of JSON."""

    async def guarded(request: Request) -> Response:
        if not _is_local(request):
            answer: Response = _error(403, "only this machine may use the virtual phones")
        else:
            answer = await _told(door, request)
        answer.headers.update(HEADERS)
        return answer

    return guarded


async def _told(door: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    try:
        return await door(request)
    except BadInput as error:
        return _error(400, str(error))
    except TooLong:
        return _error(413, "the message is too long", {"connection": "close"})
    except TooSlow:
        return _error(408, "the request took too long", {"connection": "close"})
    except Gone:
        return _error(400, "the request was cut short")
    except StorageError as error:
        log.warning("phones.storage", error=type(error).__name__)
        return _error(503, "try again later", {"retry-after": "5"})
    except Exception as error:  # noqa: BLE001 - the edge: nobody above could answer
        log.error("phones.failed", trace=where(error))  # noqa: TRY400
        return _error(500, "something went wrong")


def _error(status: int, says: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": says}, status, headers)


def _is_local(request: Request) -> bool:
    """Whether both ends are this machine, and no other site's page is behind it."""
    if request.client is None or not _is_loopback(request.client.host):
        return False
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return False
    return _is_loopback(_NO_PORT.sub("", host).strip("[]"))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("the body must be JSON") from None
    if not isinstance(found, dict):
        raise BadInput('the body must be an object: {"from": "+12025550123", "text": "JOIN"}')
    return found


def _string(given: dict[str, Any], name: str) -> str:
    """Return a field, with what no database can store replaced."""
    if name not in given:
        raise BadInput(f'"{name}" is missing')
    value = given[name]
    if not isinstance(value, str):
        raise BadInput(f'"{name}" must be a string')
    return _UNFIT.sub("\ufffd", value)


def _after(request: Request) -> int:
    text = request.query_params.get("after", "0")
    if not _ID.fullmatch(text):
        raise BadInput('"after" must be the id of a message')
    return int(text)
