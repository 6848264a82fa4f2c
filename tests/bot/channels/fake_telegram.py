"""A Bot API on loopback that answers as told, and real-looking updates to feed it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.channels.base import Choice, Context, HookRequest, Inbound, Outgoing
from bot.channels.telegram import DRIVER, TelegramChannel, TelegramSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "123456:Synthetic-Token_Of_Nobody"
SECRET = "a-webhook_secret"
TEXT = "Nima: which water problem first? 1 Broken taps 2 High price 0 Skip."
PERSON = {"id": 700, "is_bot": False, "first_name": "Ama", "language_code": "tw"}
CHAT = {"id": 700, "type": "private", "first_name": "Ama"}
GROUP = {"id": -100, "type": "supergroup", "title": "Nima"}
TAKEN = {"message_id": 77, "date": 1_760_000_000, "chat": CHAT, "text": "taken"}


class Answer:
    """One answer to come; `body` is sent as it is, and `cut` ends it before its end."""

    def __init__(self, status: int, body: Any, *, cut: bool = False, hang: bool = False) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.cut = cut
        self.hang = hang


def error(status: int, description: str, **parameters: int) -> Answer:
    """Return an error as Telegram words it."""
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    return Answer(status, body | ({"parameters": parameters} if parameters else {}))


class FakeTelegram:
    """Answers what is scripted, else success; forgets updates only by offset."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.script: dict[str, list[Answer]] = {}
        self.updates: list[dict[str, Any]] = []
        self.asked = asyncio.Event()
        self.hung = asyncio.Event()

    def of(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of all calls of one method."""
        return [params for name, params in self.calls if name == method]

    def will(self, method: str, *answers: Answer) -> None:
        self.script.setdefault(method, []).extend(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        params = await _parameters(request)
        self.calls.append((method, params))
        if self.script.get(method):
            return await self._scripted(request, self.script[method].pop(0))
        results = {
            "getMe": {"id": 42, "is_bot": True, "first_name": "B", "username": "nima_bot"},
            "sendMessage": TAKEN,
            "editMessageText": TAKEN | {"message_id": params.get("message_id")},
            "sendPhoto": TAKEN | {"photo": [{"file_id": "small"}, {"file_id": "F1"}]},
        }
        result = await self._poll(params) if method == "getUpdates" else results.get(method, True)
        return web.json_response({"ok": True, "result": result})

    async def _scripted(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer.hang:
            self.hung.set()
            await asyncio.Event().wait()
        if not answer.cut:
            elsewhere = {"Location": f"/bot{TOKEN}/sendMessage"} if answer.status == 302 else {}
            return web.Response(status=answer.status, body=answer.body, headers=elsewhere)
        response = web.StreamResponse(status=answer.status)
        response.content_length = len(answer.body) + 10
        await response.prepare(request)
        await response.write(answer.body)
        assert request.transport is not None
        request.transport.close()
        return response

    async def _poll(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        if "offset" in params:
            self.updates = [u for u in self.updates if u["update_id"] >= params["offset"]]
        if not self.updates:
            self.asked.set()
            await asyncio.sleep(0.01)
            return []
        return list(self.updates)


async def _parameters(request: web.Request) -> dict[str, Any]:
    """Return a request's parameters; of a form a file is its bytes."""
    if request.content_type != "multipart/form-data":
        return await request.json() if request.can_read_body else {}
    form = await request.post()
    files = {
        name: part.file.read() for name, part in form.items() if isinstance(part, web.FileField)
    }
    return {**form, **files}


@asynccontextmanager
async def served(fake: FakeTelegram) -> AsyncIterator[str]:
    """Serve the fake; yields its address."""
    app = web.Application()
    app.router.add_route("*", f"/bot{TOKEN}/{{method}}", fake.handle)
    server = TestServer(app)
    await server.start_server(access_log=None, shutdown_timeout=0)
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


def channel(api_url: str = "http://127.0.0.1:1", **settings: Any) -> TelegramChannel:
    """Return a channel named "telegram", not opened."""
    given = {"driver": "telegram", "api_url": api_url, "token": TOKEN, **settings}
    context = Context("https://alliance.example.org", ("GH",))
    made = DRIVER.build("telegram", TelegramSettings.model_validate(given), context)
    assert isinstance(made, TelegramChannel)
    return made


def hook(body: Any, secret: str | None = SECRET) -> HookRequest:
    """Return a webhook's request."""
    headers = {} if secret is None else {"x-telegram-bot-api-secret-token": secret}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HookRequest("/hooks/telegram", "", headers, raw)


def outgoing(text: str = TEXT, choices: Any = (), to: str = "700", **more: Any) -> Outgoing:
    """Return a message to a person, with (label, data) pairs as buttons."""
    return Outgoing(1, 1, to, text, tuple(Choice(label, data) for label, data in choices), **more)


def choice(callback: str) -> Inbound:
    """Return a pressed button as it came in."""
    return Inbound("telegram", "c:9001", "700", "", kind="choice", choice="2", callback=callback)


def message(number: int = 1, *, kind: str = "message", **content: Any) -> dict[str, Any]:
    """Return an update with one message from a person in a private chat."""
    about = {"message_id": number + 100, "date": 1_760_000_000, "from": PERSON, "chat": CHAT}
    return {"update_id": number, kind: {**about, **content}}


def pressed(number: int = 1, **content: Any) -> dict[str, Any]:
    """Return an update with one press of a button."""
    about = {"id": "9001", "from": PERSON, "chat_instance": "5", "data": "2"}
    return {"update_id": number, "callback_query": {**about, **content}}


def membership(number: int, status: str, chat: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return an update with the bot's own standing in a chat."""
    bot = {"id": 42, "is_bot": True, "first_name": "B"}
    kicked = {"until_date": 0} if status == "kicked" else {}
    change = {
        "chat": chat or CHAT,
        "from": PERSON,
        "date": 1_760_000_000,
        "old_chat_member": {"user": bot, "status": "member"},
        "new_chat_member": {"user": bot, "status": status, **kicked},
    }
    return {"update_id": number, "my_chat_member": change}
