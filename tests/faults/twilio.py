"""The SMS carrier of a run: Twilio's stand-in with moods, receipts of every kind, a ledger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from aiohttp import web

from tests.faults.doors import PUBLIC_URL
from tests.peers.fake_twilio import FakeTwilio, Fault, _error, incoming

if TYPE_CHECKING:
    import random

    from tests.faults.doors import Door
    from tests.faults.ledger import Ledger
    from tests.faults.moods import Moods
    from tests.faults.people import People, Person

SLOW = (0.1, 0.4)  # seconds, below what we wait for an answer at most
UNREACHED, LANDLINE = 30003, 30006
SPOILT: dict[str, Any] = {
    "hung": "hang", "cut": "cut", "silent": "silent", "garbage": "garbage", "reset": "reset",
}  # fmt: skip
REFUSED = {"dead": 21211, "refuses": 21610}


class Carrier(FakeTwilio):
    """Takes what it is sent by the mood it is in, tells what became of it, and hands on texts."""

    def __init__(
        self, book: Ledger, moods: Moods, door: Door, dice: random.Random, early: float
    ) -> None:
        super().__init__()
        self._book = book
        self._moods = moods
        self._door = door
        self._dice = dice
        self._early = early
        self.people: People

    # --- what people write ---

    async def say(self, person: Person, text: str, pressed: str, answer: int) -> bool:
        """Hand a text on until it is taken; sometimes twice at once."""
        fields = incoming(person.address, text)
        key = dict(fields)["MessageSid"]
        self._book.write("said", channel="sms", person=person.id, key=key, text=text, answer=answer)
        url = f"{PUBLIC_URL}/hooks/sms"
        copies = 2 if self._dice.random() < 0.2 else 1
        tries = await asyncio.gather(*[self._door.deliver(url, fields) for _ in range(copies)])
        if all(tries):
            self._book.write("accepted", channel="sms", key=key, tries=sum(tries))
        return all(tries)

    # --- what we send ---

    async def _create(self, request: web.Request) -> web.StreamResponse:
        fields = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        query = parse_qs(urlsplit(fields["StatusCallback"]).query)
        named = {"row": int(query["row"][0]), "attempt": int(query["attempt"][0])}
        person = self.people.person("sms", fields["To"])
        mood, kept = self._moods.draw()
        code = REFUSED.get(person.nature)
        if code and mood.name == "well":
            self._book.write("refused", channel="sms", person=person.id, **named, code=code)
            return _error(400, code, "refused")
        if not kept or code:
            self._book.write("turned away", channel="sms", **named, mood=mood.name)
            return await self._answered(request, mood.name, {})
        message = self._keep(fields)
        self._book.write(
            "taken", channel="sms", person=person.id, **named, id=message["sid"],
            text=fields["Body"], mood=mood.name,
        )  # fmt: skip
        if person.nature == "usual":
            self.people.hear("sms", person.address, fields["Body"], {})
        told = asyncio.ensure_future(self._tell(message["sid"], person))
        self._soon(told)
        if self._dice.random() < self._early:
            await asyncio.wait({told}, timeout=0.2)
        await asyncio.sleep(self._dice.uniform(0, 0.008))
        answer = await self._answered(request, mood.name, message)
        self._book.write("answered", channel="sms", id=message["sid"], mood=mood.name)
        return answer

    async def _answered(
        self, request: web.Request, mood: str, message: dict[str, Any]
    ) -> web.StreamResponse:
        try:
            return await self._answer(request, mood, message)
        except ConnectionResetError:  # whoever asked is gone
            return web.Response(status=500)

    async def _answer(
        self, request: web.Request, mood: str, message: dict[str, Any]
    ) -> web.StreamResponse:
        match mood:
            case "well":
                return web.json_response(message, status=201)
            case "slow":
                await asyncio.sleep(self._dice.uniform(*SLOW))
                return web.json_response(message, status=201)
            case "429":
                return _error(429, 20429, "Too Many Requests")
            case "429 after":
                return _error(429, 20429, "Too Many Requests", {"Retry-After": "1"})
            case "500":
                return _error(500, 20500, "An internal server error has occurred")
            case "502":
                return web.Response(status=502, text="<html>Bad Gateway</html>")
        return await self._spoil(request, Fault(SPOILT[mood]))

    # --- receipts ---

    async def _tell(self, sid: str, person: Person) -> None:
        """Tell what became of a message: in any order, repeated, or nothing at all."""
        await asyncio.sleep(self._dice.uniform(0, 0.03))
        for status, code in self._story(person):
            if await self._told(sid, status, code):
                self._book.write("told", channel="sms", id=sid, status=status, code=code)

    def _story(self, person: Person) -> list[tuple[str, int]]:
        if person.nature == "landline":
            return [("sent", 0), ("undelivered", LANDLINE)]
        if person.nature == "off":
            person.nature = "usual"
            return [("sent", 0), ("undelivered", UNREACHED)]
        story = self._dice.choices(
            (
                [("sent", 0), ("delivered", 0)],
                [("delivered", 0), ("sent", 0)],
                [("queued", 0), ("sent", 0), ("sent", 0), ("delivered", 0), ("delivered", 0)],
                [("delivered", 0)],
                [("sent", 0)],
                [],
            ),
            (6, 2, 2, 1, 1, 1),
        )
        return story[0]

    async def _told(self, sid: str, status: str, code: int) -> bool:
        index = next(i for i, message in enumerate(self.messages) if message["sid"] == sid)
        if status != "queued":
            self.messages[index]["status"] = status
        fields = [
            ("MessageSid", sid), ("SmsSid", sid), ("MessageStatus", status), ("SmsStatus", status),
            ("To", self.messages[index]["to"]), ("From", self.messages[index]["from"] or ""),
            ("AccountSid", self.account_sid), ("ApiVersion", "2010-04-01"),
        ]  # fmt: skip
        if code:
            fields.append(("ErrorCode", str(code)))
        return bool(await self._door.deliver(self.creates[index]["StatusCallback"], fields))

    def _soon(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    @property
    def is_quiet(self) -> bool:
        """There is nothing left to tell."""
        return not self._background

    async def stop(self) -> None:
        """Tell no more, and let go."""
        for task in list(self._background):
            task.cancel()
        await super().stop()
