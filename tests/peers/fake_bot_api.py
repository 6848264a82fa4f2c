"""A stateful stand-in for Telegram's Bot API, on loopback, with a ledger that outlives our server.

It knows what a polling bot that sends needs, and no more:

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


@dataclass
class FakeBotApi:
    """One bot. `messages` are the (chat, message id) pairs taken, `delay` is each send's (s)."""

    token: str = TOKEN
    ledger: Path | None = None
    delay: float = 0.0
    updates: list[dict[str, Any]] = field(default_factory=list)
    messages: list[tuple[str, int]] = field(default_factory=list)
    url: str = ""

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
        params = await request.json() if request.can_read_body else {}
        match request.match_info["method"]:
            case "getMe":
                return _result(BOT)
            case "deleteWebhook" | "setWebhook" | "answerCallbackQuery":
                return _result(True)
            case "getUpdates":
                return _result(await self._updates(params))
            case "sendMessage":
                return await self._send(params)
        return _error(404, "Not Found")

    async def _send(self, params: dict[str, Any]) -> web.Response:
        """Take a message: in the ledger before it is answered."""
        chat, text = str(params.get("chat_id", "")), str(params.get("text", ""))
        if not text or len(text) > 4096:
            return _error(400, "Bad Request: message text is empty or too long")
        await asyncio.sleep(self.delay / 2)
        number = len(self.messages) + 1
        self.messages.append((chat, number))
        if self._file is not None:
            line = json.dumps({"chat_id": chat, "message_id": number, "text": text})
            # written is enough to outlive any killed process
            os.write(self._file, (line + "\n").encode())
        await asyncio.sleep(self.delay / 2)
        about = {"id": int(chat), "type": "private", "first_name": "Ama"}
        return _result(
            {"message_id": number, "date": int(time.time()), "chat": about, "text": text}
        )

    async def _updates(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        offset = int(params.get("offset") or 0)
        self.updates = [update for update in self.updates if update["update_id"] >= offset]
        if not self.updates:
            await asyncio.sleep(min(float(params.get("timeout") or 0), LONGEST_POLL))
        return list(self.updates)


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
