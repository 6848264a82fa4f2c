"""The two providers of a test as they are from outside: stand-ins on loopback, signed webhooks in.

What a phone has been sent is what its provider took.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import urlencode

import httpx
from aiohttp import web

from bot.channels.telegram import channel as telegram_channel
from tests.peers.fake_bot_api import TOKEN as BOT_TOKEN
from tests.peers.fake_bot_api import FakeBotApi
from tests.peers.fake_twilio import ACCOUNT, SENDER, TOKEN, FakeTwilio, incoming, sign
from tests.whole.world import World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PUBLIC_URL = "https://alliance.example.org"
SECRET = "a-webhook_secret"
CONFIG = f"""
[alliance]
name = "Springfield Water"
timezone = "UTC"
languages = ["en", "es"]
country = "US"
[storage]
url = "sqlite:///test.db"
[web]
public_url = "{PUBLIC_URL}"
[channels.sms]
driver = "twilio"
account_sid = "{ACCOUNT}"
sender = "{SENDER}"
rate = 1000
price = 0.04
api_url = "{{twilio}}"
[channels.telegram]
driver = "telegram"
mode = "webhook"
rate = 1000
api_url = "{{telegram}}"
[manners]
quiet = ""
per_day = 0
per_week = 0
"""
SECRETS = {
    "SWITCHBOARD_CHANNELS__SMS__AUTH_TOKEN": TOKEN,
    "SWITCHBOARD_CHANNELS__TELEGRAM__TOKEN": BOT_TOKEN,
    "SWITCHBOARD_CHANNELS__TELEGRAM__SECRET_TOKEN": SECRET,
    "SWITCHBOARD_PRIVACY__HASH_KEY": "a key of the tests, of no use",
}


class BotApi(FakeBotApi):
    """Telegram's stand-in; `said` has what was sent, or changed, in each chat, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, list[dict[str, Any]]] = {}
        self.refuses_edits = False

    async def _answer(self, request: web.Request) -> web.Response:
        if not request.match_info["method"].startswith(("send", "edit")):
            return await super()._answer(request)
        if request.content_type == "application/json":
            params = await request.json()
        else:
            params = dict(await request.post())
        chat = str(params["chat_id"])
        self.said.setdefault(chat, []).append(params)
        self.messages.append((chat, len(self.messages) + 1))
        number = int(params.get("message_id", len(self.messages)))
        params["number"] = number
        if "message_id" in params and self.refuses_edits:
            return _refused("Bad Request: message can't be edited")
        if "message_id" in params and params in self.said[chat][:-1]:
            return _refused("Bad Request: message is not modified")
        about = {"id": int(chat), "type": "private", "first_name": "Ama"}
        taken = {"message_id": number, "date": int(time.time()), "chat": about}
        return web.json_response({"ok": True, "result": taken})


def _refused(why: str) -> web.Response:
    answer = {"ok": False, "error_code": 400, "description": why}
    return web.json_response(answer, status=400)


class Providers:
    """Both providers, and the doors by which what people write comes in."""

    def __init__(self, twilio: FakeTwilio, telegram: BotApi, here: World) -> None:
        self.twilio = twilio
        self.telegram = telegram
        self.here = here
        self._numbers = itertools.count(1_000)
        transport = httpx.ASGITransport(here.app.web)
        self._http = httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL)

    async def close(self) -> None:
        """Post no more."""
        await self._http.aclose()

    async def sms(self, sender: str, text: str, **more: str) -> None:
        """Hand a text on as Twilio does."""
        url = f"{PUBLIC_URL}/hooks/sms"
        fields = incoming(sender, text, **more)
        headers = {
            "X-Twilio-Signature": sign(TOKEN, url, fields),
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        }
        answer = await self._http.post(url, content=urlencode(fields), headers=headers)
        assert answer.status_code == 200

    async def update(self, **update: Any) -> None:
        """Hand an update on as Telegram does, numbered on."""
        body = {"update_id": next(self._numbers), **update}
        answer = await self._http.post(
            f"{PUBLIC_URL}/hooks/telegram", content=json.dumps(body),
            headers={"X-Telegram-Bot-Api-Secret-Token": SECRET},
        )  # fmt: skip
        assert answer.status_code == 200

    def heard(self, channel: str, address: str) -> list[dict[str, Any]]:
        """Return what a phone has been sent: `text`, and `buttons` by their labels."""
        if channel == "sms":
            return [
                {"text": fields["Body"], "buttons": {}, "id": 0}
                for fields in self.twilio.creates
                if fields["To"] == address
            ]
        return [
            {
                "text": said.get("text") or said.get("caption", ""),
                "buttons": _buttons(said),
                "id": said["number"],
            }
            for said in self.telegram.said.get(address, ())
        ]


def _buttons(said: dict[str, Any]) -> dict[str, str]:
    markup = said.get("reply_markup") or {}
    return {
        button["text"]: button["callback_data"]
        for row in markup.get("inline_keyboard", ())
        for button in row
    }


def message(person: str, number: int, **content: Any) -> dict[str, Any]:
    """Return a private message as Telegram describes one."""
    about = {"id": int(person), "first_name": "Ama"}
    return {
        "message_id": number, "date": int(time.time()), "chat": {**about, "type": "private"},
        "from": {**about, "is_bot": False}, **content,
    }  # fmt: skip


@contextlib.asynccontextmanager
async def alliance(folder: Path) -> AsyncIterator[Providers]:
    """Run a Switchboard between the two providers."""
    async with FakeTwilio() as twilio, BotApi() as telegram:
        config = CONFIG.replace("{twilio}", twilio.url).replace("{telegram}", telegram.url)
        with (
            patch.dict("os.environ", SECRETS),
            # A second between two messages to one chat is Telegram's wish, and no rule's.
            patch.object(telegram_channel, "GAP_MS", 0),
        ):
            async with world(folder, config) as here:
                found = Providers(twilio, telegram, here)
                try:
                    yield found
                finally:
                    await found.close()
                    await asyncio.sleep(0)
