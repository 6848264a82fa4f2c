"""A third-party Bot API server (PyPI lo-bot-api-emulator) on loopback, in this process.

It is stricter than Telegram on what it knows, and knows less: the shim below gives it a
user name and real dates, accepts `link_preview_options`, which Telegram documents, and
keeps what was sent so that tests can look. Everything else is the emulator's own verdict.
"""

from __future__ import annotations

import importlib
import json
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

if os.environ.get("REQUIRE_PEERS") == "1":
    lo_bot_api_emulator = importlib.import_module("lo_bot_api_emulator")
else:
    lo_bot_api_emulator = pytest.importorskip(
        "lo_bot_api_emulator", reason="the peer lo-bot-api-emulator is not installed"
    )

TOKEN = "7:Synthetic-Token_Of_Nobody"
USERNAME = "nima_alliance_bot"


class Emulator(lo_bot_api_emulator.LoBotApiEmulator):
    """The emulator, with the requests it accepted: (method, parameters) pairs."""

    def __init__(self) -> None:
        super().__init__(max_updates=100_000, allow_insecure_loopback_webhooks=True)
        self.accepted: list[tuple[str, dict[str, Any]]] = []
        self.url = ""
        self._last_message = 0
        self._buttons: dict[tuple[str, str], int] = {}

    def validate(self, method: str, fields: Mapping[str, Any], uploads: Mapping[str, Any]) -> Any:
        known = dict(fields)
        preview = known.pop("link_preview_options", {"is_disabled": True})
        if preview != {"is_disabled": True}:
            raise lo_bot_api_emulator.ApiRefusal("Bad Request: wrong link_preview_options")
        result = super().validate(method, known, uploads)
        self.accepted.append((method, dict(fields)))
        if isinstance(result, dict) and "message_id" in result:
            self._keep_buttons(fields, result["message_id"])
        if method == "getMe":
            return {**result, "username": USERNAME}
        if isinstance(result, dict) and "date" in result:
            return {**result, "date": int(time.time())}
        return result

    def of(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of all accepted requests of one method."""
        return [fields for name, fields in self.accepted if name == method]

    @property
    def said(self) -> list[dict[str, Any]]:
        """What was sent, and what took a message's place, oldest first."""
        says = ("sendMessage", "editMessageText", "sendPhoto")
        return [fields for name, fields in self.accepted if name in says]

    def _keep_buttons(self, fields: Mapping[str, Any], message: int) -> None:
        markup = fields.get("reply_markup") or {}
        markup = json.loads(markup) if isinstance(markup, str) else markup
        for row in markup.get("inline_keyboard", ()):
            for button in row:
                self._buttons[str(fields["chat_id"]), button["callback_data"]] = message

    async def write(self, person: int, text: str) -> int:
        """Let a person send a text to the bot; return the update's number."""
        return int(await self.enqueue_update({"message": self._message(person, text)}, token=TOKEN))

    async def press(self, person: int, data: str) -> int:
        """Let a person press a button, under the newest of the bot's messages that has it."""
        under = self._message(person, "the question")
        under["message_id"] = self._buttons.get((str(person), data), under["message_id"])
        pressed = {
            "id": f"{person}{self._next()}",
            "from": _person(person),
            "chat_instance": str(person),
            "data": data,
            "message": under,
        }
        return int(await self.enqueue_update({"callback_query": pressed}, token=TOKEN))

    def _message(self, person: int, text: str) -> dict[str, Any]:
        return {
            "message_id": self._next(),
            "date": int(time.time()),
            "from": _person(person),
            "chat": {"id": person, "type": "private", "first_name": "Ama"},
            "text": text,
        }

    def _next(self) -> int:
        self._last_message += 1
        return self._last_message


def _person(number: int) -> dict[str, Any]:
    return {"id": number, "is_bot": False, "first_name": "Ama", "language_code": "en"}


@asynccontextmanager
async def emulated() -> AsyncIterator[Emulator]:
    """Serve an emulator of its own, whose `url` is the channel's api_url."""
    emulator = Emulator()
    server = TestServer(emulator.app())
    await server.start_server(access_log=None, shutdown_timeout=0)
    emulator.url = str(server.make_url("")).rstrip("/")
    try:
        yield emulator
    finally:
        await server.close()
