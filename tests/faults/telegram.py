"""Telegram of a run: the Bot API's stand-in with moods and the ledger, polled by one at a time."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.peers.fake_bot_api import LONGEST_POLL, FakeBotApi, _error, _result

if TYPE_CHECKING:
    import random

    from tests.faults.ledger import Ledger
    from tests.faults.moods import Moods
    from tests.faults.people import People, Person

SLOW = (0.1, 0.4)
TAKEN_SECONDS = 60.0

_request: ContextVar[web.Request] = ContextVar("request")


class Carrier(FakeBotApi):
    """Takes what it is sent by the mood it is in; an update waits until it is acknowledged."""

    def __init__(self, book: Ledger, moods: Moods, dice: random.Random) -> None:
        super().__init__()
        self._book = book
        self._moods = moods
        self._dice = dice
        self._next = dice.randint(1, 1_000_000)
        self._number = 0
        self._news = asyncio.Event()
        self._poll = 0
        self._over = asyncio.Event()
        self._acknowledged: dict[int, asyncio.Event] = {}
        self.people: People

    # --- what people write ---

    async def say(self, person: Person, text: str, pressed: str, answer: int) -> bool:
        """Let an update wait until it is acknowledged."""
        self._next += 1
        self._number += 1
        number = self._next
        author = {"id": int(person.address), "is_bot": False, "first_name": "Ama"}
        chat = {"id": int(person.address), "type": "private", "first_name": "Ama"}
        about = {"message_id": 500_000 + self._number, "date": int(time.time()), "chat": chat}
        if pressed:
            key = f"c:{self._number}"
            query = {"id": str(self._number), "from": author, "chat_instance": "5", "data": pressed}
            update: dict[str, Any] = {"update_id": number, "callback_query": query}
        else:
            key = f"m:{about['message_id']}"
            update = {"update_id": number, "message": {**about, "from": author, "text": text}}
        self._book.write(
            "said", channel="telegram", person=person.id, key=key, text=text, answer=answer
        )
        done = self._acknowledged[number] = asyncio.Event()
        self.updates.append(update)
        self._news.set()
        async with asyncio.timeout(TAKEN_SECONDS):
            await done.wait()
        self._book.write("accepted", channel="telegram", key=key, tries=1)
        return True

    async def _updates(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Give what waits, the same to whoever asks; a second poller ends the first one's wait."""
        self._poll += 1
        poll = self._poll
        offset = int(params.get("offset") or 0)
        for update in [u for u in self.updates if u["update_id"] < offset]:
            self._acknowledged.pop(update["update_id"]).set()
            self.updates.remove(update)
        end = time.monotonic() + min(float(params.get("timeout") or 0), LONGEST_POLL)
        while not self.updates and time.monotonic() < end and not self._over.is_set():
            self._news.clear()
            try:
                async with asyncio.timeout(0.5):
                    await self._news.wait()
            except TimeoutError:
                continue
            if poll != self._poll:
                return []
        return self.updates[:100]

    # --- what we send ---

    async def _answer(self, request: web.Request) -> web.StreamResponse:  # type: ignore[override]
        _request.set(request)
        return await super()._answer(request)

    async def _send(  # type: ignore[override]
        self, params: dict[str, Any], text: str, longest: int
    ) -> web.StreamResponse:
        chat = str(params["chat_id"])
        person = self.people.person("telegram", chat)
        mood, kept = self._moods.draw()
        if not kept:
            self._book.write("turned away", channel="telegram", person=person.id, mood=mood.name)
            return await self._spoilt(mood.name, {})
        number = len(self.messages) + 1
        self.messages.append((chat, number))
        self._book.write(
            "taken", channel="telegram", person=person.id, id=str(number), text=text,
            mood=mood.name,
        )  # fmt: skip
        buttons = {
            button["text"].partition(" ")[0]: button["callback_data"]
            for row in params.get("reply_markup", {}).get("inline_keyboard", ())
            for button in row
        }
        self.people.hear("telegram", chat, text, buttons)
        await asyncio.sleep(self._dice.uniform(0, 0.008))
        answer = await self._spoilt(mood.name, self._show(chat, number, params, text))
        self._book.write("answered", channel="telegram", id=str(number), mood=mood.name)
        return answer

    async def _spoilt(self, mood: str, message: dict[str, Any]) -> web.StreamResponse:
        match mood:
            case "well":
                return _result(message)
            case "slow":
                await asyncio.sleep(self._dice.uniform(*SLOW))
                return _result(message)
            case "429":
                return _error(429, "Too Many Requests")
            case "429 after":
                answer = {"ok": False, "error_code": 429, "description": "Too Many Requests"}
                return web.json_response(answer | {"parameters": {"retry_after": 1}}, status=429)
            case "500":
                return _error(500, "Internal Server Error")
            case "502":
                return web.Response(status=502, text="<html>Bad Gateway</html>")
            case "garbage":
                return web.Response(text='{"ok": tr', content_type="application/json")
        return await self._cut(mood)

    async def _cut(self, mood: str) -> web.StreamResponse:
        request = _request.get()
        if mood in ("cut", "silent"):
            answer = web.StreamResponse(headers={"Content-Length": "500"})
            with suppress(ConnectionResetError):  # whoever asked is gone
                await answer.prepare(request)
                await answer.write(b'{"ok": true, "res' if mood == "cut" else b"")
        if mood in ("hung", "silent"):
            await self._over.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    async def stop(self) -> None:
        """Let go of those who wait."""
        self._over.set()
        self._news.set()
        await super().stop()
