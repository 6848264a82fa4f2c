"""Two hundred people at once, through the web server's real door, every webhook sent twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.bot.web.serving import served
from tests.peers.fake_twilio import ACCOUNT, SENDER, TOKEN, FakeTwilio, incoming
from tests.whole.world import world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PEOPLE = 200
PUBLIC_URL = "https://alliance.example.org"
HOOK = f"{PUBLIC_URL}/hooks/sms"
CONFIG = f"""
[alliance]
name = "Nima Water"
timezone = "UTC"
languages = ["en"]
country = "US"
[storage]
url = "sqlite:///test.db"
[web]
public_url = "{PUBLIC_URL}"
[channels.sms]
driver = "twilio"
account_sid = "{ACCOUNT}"
sender = "{SENDER}"
rate = 5000
api_url = "API_URL"
[manners]
quiet = ""
per_day = 0
per_week = 0
"""
SIGN_UP = ("JOIN", "1", "1", "0", "0")


class Crowd:
    """People with basic phones, whose provider delivers all they write twice or more."""

    def __init__(self, fake: FakeTwilio, reached_at: str, chance: random.Random) -> None:
        self._fake = fake
        self._reached_at = reached_at
        self._chance = chance
        self._delivered: list[list[tuple[str, str]]] = []
        self._heard: dict[str, list[str]] = defaultdict(list)
        self._read = 0
        self.numbers = [f"+1202555{at:04d}" for at in range(1, PEOPLE + 1)]

    def heard(self, number: str) -> list[str]:
        """Return the texts a phone has got."""
        for fields in self._fake.creates[self._read :]:
            self._heard[fields["To"]].append(fields["Body"])
            self._read += 1
        return self._heard[number]

    async def say(self, number: str, text: str) -> None:
        """Let one person write, and wait for the answer that a person would wait for."""
        had = len(self.heard(number))
        fields = incoming(number, text)
        self._delivered.append(fields)
        await asyncio.gather(*(self._deliver(fields) for _ in range(2)))
        async with asyncio.timeout(30):
            while len(self.heard(number)) == had:  # noqa: ASYNC110  the phone has no event
                await asyncio.sleep(0.01)

    async def everybody(self, *texts: str, to: list[str] | None = None) -> None:
        """Let many write at once, each these texts one after the other."""
        numbers = list(to or self.numbers)
        self._chance.shuffle(numbers)

        async def one(number: str) -> None:
            for text in texts:
                await self.say(number, text)

        await asyncio.gather(*map(one, numbers))

    async def again(self) -> None:
        """Let the provider deliver all there ever was once more, in any order."""
        messages = list(self._delivered)
        self._chance.shuffle(messages)
        await asyncio.gather(*map(self._deliver, messages))

    async def _deliver(self, fields: list[tuple[str, str]]) -> None:
        await asyncio.sleep(self._chance.uniform(0, 0.02))
        status, _ = await self._fake.post(HOOK, fields, self._reached_at)
        assert status == 200


@asynccontextmanager
async def crowded(folder, monkeypatch) -> AsyncIterator:
    """Run a Switchboard behind its web server, with a provider and a crowd."""
    monkeypatch.setenv("SWITCHBOARD_CHANNELS__SMS__AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("SWITCHBOARD_PRIVACY__HASH_KEY", "a key of the tests, of no use")
    chance = random.Random(4)
    async with (
        FakeTwilio() as fake,
        world(folder, CONFIG.replace("API_URL", fake.url)) as here,
        served(here.app.web) as (_, port),
    ):
        yield here, fake, Crowd(fake, f"http://127.0.0.1:{port}/hooks/sms", chance)


async def test_a_crowd_joins_and_votes_at_once(tmp_path, monkeypatch):
    """One member and one answer each, none lost, counts exact, and each reply once.

    Every webhook comes twice at the same time, and once more when all is over.
    """
    async with crowded(tmp_path, monkeypatch) as (here, fake, crowd):
        await crowd.everybody(*SIGN_UP)
        await here.settled()
        assert await here.rows("SELECT state, COUNT(*) FROM members GROUP BY 1") == [
            ("member", PEOPLE)
        ]
        assert await here.scalar("SELECT COUNT(DISTINCT member_id) FROM member_addresses") == PEOPLE
        assert await here.scalar("SELECT COUNT(*) FROM consents") == PEOPLE
        assert all("Welcome" in crowd.heard(number)[-1] for number in crowd.numbers)

        round_ = await here.poll()
        votes = {number: str(at % 3 + 1) for at, number in enumerate(crowd.numbers)}
        changed = crowd.numbers[: PEOPLE // 4]
        await asyncio.gather(
            *(crowd.everybody(vote, to=[number]) for number, vote in votes.items())
        )
        await crowd.everybody("3", to=changed)
        await crowd.again()
        await here.settled()

        votes |= dict.fromkeys(changed, "3")
        expected = sorted(Counter(votes.values()).items())
        counted = "SELECT value, COUNT(*) FROM answers WHERE round_id = :id GROUP BY 1 ORDER BY 1"
        assert await here.rows(counted, id=round_.id) == expected
        by_phone = await here.rows(
            "SELECT a.value, w.value FROM answers w JOIN member_addresses m"
            " ON m.member_id = w.member_id JOIN addresses a ON a.id = m.address_id"
        )
        assert dict(by_phone) == votes, "everybody's own answer"
        assert len(by_phone) == PEOPLE

        written = PEOPLE * (len(SIGN_UP) + 1) + len(changed)
        assert await here.scalar("SELECT COUNT(*) FROM inbound") == written
        assert await here.rows("SELECT DISTINCT state FROM inbound") == [("done",)]
        assert len(fake.creates) == written + PEOPLE, "a reply to each message, and the question"
        assert await here.scalar("SELECT COUNT(*) FROM outbox WHERE status <> 'sent'") == 0

        await here.close(round_)
        result = crowd.heard(crowd.numbers[0])[-1]
        names = dict(zip("123", ("Taps", "Price", "Drains"), strict=True))
        assert ", ".join(f"{names[value]} {count}" for value, count in expected) in result
        assert f"{PEOPLE} answered" in result
        assert len(fake.creates) == written + 2 * PEOPLE, "the result once each"
