"""A stateful stand-in for Telegram's Bot API, on loopback, with a ledger that outlives our server.

It knows what a polling bot that sends, edits and shows pictures needs, and no more:

    python -m tests.peers.fake_bot_api --port 9001 --ledger sent.jsonl [--delay 0.005]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TOKEN = "7:Synthetic-Token_Of_Nobody"
BOT = {"id": 7, "is_bot": True, "first_name": "Nima", "username": "nima_alliance_bot"}
LONGEST_POLL = 30
LONGEST_TEXT = 4_096
LONGEST_CAPTION = 1_024
SENDS = ("sendMessage", "sendPhoto", "editMessageText")


@dataclass
class FakeBotApi:
    """One bot. `messages` are the (chat, message id) pairs taken, `delay` is each send's (s).

    `calls` are the requests to send or edit, in order, `chats` what each chat shows. `refuse`
    has the descriptions with which the next calls of a method are refused (400).
    """

    token: str = TOKEN
    ledger: Path | None = None
    delay: float = 0.0
    updates: list[dict[str, Any]] = field(default_factory=list)
    messages: list[tuple[str, int]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    chats: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    refuse: dict[str, list[str]] = field(default_factory=dict)
    url: str = ""

    def __post_init__(self) -> None:
        self.arrived: list[int] = []
        self._photos: list[str] = []
        self._news = asyncio.Event()

    async def start(self, port: int = 0) -> Self:
        self._file = (
            os.open(self.ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if self.ledger
            else None
        )
        app = web.Application()
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def stop(self) -> None:
        self._news.set()  # lets a poll that waits go
        await self._runner.cleanup()
        if self._file is not None:
            os.close(self._file)

    async def __aenter__(self) -> Self:
        return self if self.url else await self.start()

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.match_info["token"] != self.token:
            return _error(401, "Unauthorized")
        params = await _parameters(request)
        method = request.match_info["method"]
        if method in SENDS:
            self.calls.append((method, params))
            if self.refuse.get(method):
                return _error(400, self.refuse[method].pop(0))
        match method:
            case "getMe":
                return _result(BOT)
            case "deleteWebhook" | "setWebhook" | "answerCallbackQuery":
                return _result(True)
            case "getUpdates":
                return _result(await self._updates(params))
            case "sendMessage":
                return await self._send(params, str(params.get("text", "")), LONGEST_TEXT)
            case "sendPhoto":
                return await self._send(params, str(params.get("caption", "")), LONGEST_CAPTION)
            case "editMessageText":
                return self._edit(params)
        return _error(404, "Not Found")

    async def _send(self, params: dict[str, Any], text: str, longest: int) -> web.Response:
        """Take a message: in the ledger before it is answered."""
        chat, photo = str(params.get("chat_id", "")), params.get("photo")
        if isinstance(photo, str) and photo not in self._photos:
            return _error(400, "Bad Request: wrong file identifier/HTTP URL specified")
        if not text or len(text) > longest:
            return _error(400, "Bad Request: message text is empty or too long")
        await asyncio.sleep(self.delay / 2)
        number = len(self.messages) + 1
        self.messages.append((chat, number))
        if self._file is not None:
            line = json.dumps({"chat_id": chat, "message_id": number, "text": text})
            # written is enough to outlive any killed process
            os.write(self._file, (line + "\n").encode())
        await asyncio.sleep(self.delay / 2)
        return _result(self._show(chat, number, params, text))

    def _show(self, chat: str, number: int, params: dict[str, Any], text: str) -> dict[str, Any]:
        """Return the message that a chat shows from now on."""
        photo = params.get("photo")
        about = {"id": int(chat), "type": "private", "first_name": "Ama"}
        found: dict[str, Any] = {"message_id": number, "date": int(time.time()), "chat": about}
        if photo is None:
            found["text"] = text
        else:
            if isinstance(photo, bytes):
                photo = f"photo-{number}"
                self._photos.append(photo)
            found |= {"caption": text, "photo": [{"file_id": photo, "width": 9, "height": 9}]}
        if keyboard := params.get("reply_markup"):
            found["reply_markup"] = keyboard
        self.chats.setdefault(chat, {})[number] = found
        return found

    def _edit(self, params: dict[str, Any]) -> web.Response:
        """Let a text that was sent be another; one that is the same is refused."""
        found = self.chats.get(str(params["chat_id"]), {}).get(params["message_id"])
        if found is None:
            return _error(400, "Bad Request: message to edit not found")
        if "text" not in found:
            return _error(400, "Bad Request: there is no text in the message to edit")
        changed = {key: params[key] for key in ("text", "reply_markup") if key in params}
        kept = {key: found[key] for key in ("message_id", "date", "chat")}
        if kept | changed == found:
            return _error(400, "Bad Request: message is not modified: it is exactly the same")
        found.clear()
        found |= kept | changed
        return _result(found)

    def write(self, person: int, text: str) -> None:
        """Let a person write to the bot."""
        number = len(self.arrived) + 1_000
        self._arrive({"message": {**_message(person, number), "text": text}}, person)

    def press(self, person: int, message: int, label: str) -> None:
        """Let a person press the button of a message of theirs that begins so."""
        shown = self.chats[str(person)][message]
        [data] = [
            button["callback_data"]
            for row in shown["reply_markup"]["inline_keyboard"]
            for button in row
            if button["text"].startswith(label)
        ]
        number = len(self.arrived) + 1_000
        self._arrive(
            {
                "callback_query": {
                    "id": str(number), "from": _person(person), "chat_instance": "5",
                    "data": data, "message": shown,
                }
            },
            person,
        )  # fmt: skip

    def _arrive(self, update: dict[str, Any], person: int) -> None:
        self.arrived.append(person)
        self.updates.append({"update_id": len(self.arrived), **update})
        self._news.set()

    async def _updates(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        offset = int(params.get("offset") or 0)
        self.updates = [update for update in self.updates if update["update_id"] >= offset]
        if not self.updates:
            self._news.clear()
            with suppress(TimeoutError):
                wait = min(float(params.get("timeout") or 0), LONGEST_POLL)
                await asyncio.wait_for(self._news.wait(), wait)
        return list(self.updates)


def _person(number: int) -> dict[str, Any]:
    return {"id": number, "is_bot": False, "first_name": "Ama", "language_code": "en"}


def _message(person: int, number: int) -> dict[str, Any]:
    chat = {"id": person, "type": "private", "first_name": "Ama"}
    return {
        "message_id": number, "date": int(time.time()), "from": _person(person), "chat": chat,
    }  # fmt: skip


async def _parameters(request: web.Request) -> dict[str, Any]:
    """Return a request's parameters; of a form a file is its bytes."""
    if request.content_type != "multipart/form-data":
        return await request.json() if request.can_read_body else {}
    form = await request.post()
    files = {
        name: part.file.read() for name, part in form.items() if isinstance(part, web.FileField)
    }
    return {**form, **files}


def _result(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _error(status: int, description: str) -> web.Response:
    answer = {"ok": False, "error_code": status, "description": description}
    return web.json_response(answer, status=status)


async def _serve(options: argparse.Namespace) -> None:
    fake = FakeBotApi(options.token, options.ledger, options.delay)
    async with await fake.start(options.port):
        print(f"listening on {fake.url}", flush=True)  # noqa: T201 (its caller waits for it)
        await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", help="a line of JSON for each message taken")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds each send takes")
    parser.add_argument("--token", default=TOKEN)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
