"""The providers of a day: receipts come late, troubles come and go, and their clock is ours."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import aiohttp

from storage.instant import HOUR, MINUTE
from tests.faults import telegram, twilio
from tests.faults.day.people import MEDIA
from tests.faults.doors import PUBLIC_URL, Door
from tests.faults.moods import Moods
from tests.peers.fake_twilio import incoming

if TYPE_CHECKING:
    import random

    from tests.faults.day.people import Calendar
    from tests.faults.ledger import Ledger
    from tests.faults.people import Person

# How late a phone's receipt is: mostly at once, some are off for a while (calendar, ms).
LATE = ((MINUTE, 70), (30 * MINUTE, 25), (2 * HOUR, 5))
PHOTO = {
    "NumMedia": "1", "MediaUrl0": "https://media.example.org/1", "MediaContentType0": "image/jpeg",
}  # fmt: skip
# A webhook's answer is waited for so long.
# Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides (2026-11)
PATIENCE = aiohttp.ClientTimeout(total=15.0)


class Weather(Moods):
    """Moods that get worse for a while, and better again."""

    def turn(self, bad: float) -> None:
        """Answer badly with a probability from now on."""
        self._bad = bad
        self._pauses = 0


class Sms(twilio.Carrier):
    """A carrier by the alliance's calendar."""

    def __init__(
        self, book: Ledger, moods: Moods, door: Door, dice: random.Random, clock: Calendar
    ) -> None:
        super().__init__(book, moods, door, dice, early=0.1)
        self._clock = clock
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """Tell at once what is still to be told."""
        self._hurry.set()

    async def say(self, person: Person, text: str, pressed: str, answer: int) -> bool:
        """Hand a text on until it is taken, or a picture without one."""
        if text != MEDIA:
            return await super().say(person, text, pressed, answer)
        fields = incoming(person.address, "", **PHOTO)
        key = dict(fields)["MessageSid"]
        self._book.write("said", channel="sms", person=person.id, key=key, text=text, answer=0)
        tries = await self._door.deliver(f"{PUBLIC_URL}/hooks/sms", fields)
        if tries:
            self._book.write("accepted", channel="sms", key=key, tries=tries)
        return bool(tries)

    def _keep(self, fields: dict[str, str]) -> dict[str, Any]:
        message = super()._keep(fields)
        stamp = formatdate(self._clock.now() / 1_000)
        message["date_created"] = stamp.replace("-0000", "+0000")
        return message

    async def _tell(self, sid: str, person: Person) -> None:
        spans, weights = zip(*LATE, strict=True)
        late = self._dice.uniform(0, self._dice.choices(spans, weights)[0])
        try:
            async with asyncio.timeout(late / 1_000 / self._clock.speed):
                await self._hurry.wait()
        except TimeoutError:
            pass
        await super()._tell(sid, person)


class Telegram(telegram.Carrier):
    """Telegram, where nobody sends pictures."""

    async def say(self, person: Person, text: str, pressed: str, answer: int) -> bool:
        """Let an update wait until it is acknowledged."""
        return await super().say(
            person, "The pump is broken again." if text == MEDIA else text, pressed, answer
        )


class WatchedDoor(Door):
    """A door that notes how long the servers took to answer (seconds)."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._session._timeout = PATIENCE
        self.taken: dict[int, list[float]] = {}

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        loop = asyncio.get_running_loop()
        began = loop.time()
        status = await super()._post(path, body, headers)
        self.taken.setdefault(status, []).append(loop.time() - began)
        return status
