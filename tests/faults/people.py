"""The people of a run: what each has in mind to do, and how they go on when they hear something.

Each says one thing after the other: the next once the provider has been told that the last
was taken. So what they said last is known, and the database must agree.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Sequence

QUESTION = "Which water problem first?"
OPTIONS = ("Broken taps", "High price", "Dirty drains")
ECHO = ("We have:", "Anotamos:")
GOODBYE = ("no more messages", "Ya no recibir")
WELCOME = "Welcome to"
AGREED = "speak for"  # what comes next, once somebody has agreed

# What the carrier says of a phone. "off" is reached at the second try, "landline" never,
# "dead" is no number, "refuses" has opted out at the carrier.
Nature = Literal["usual", "off", "landline", "dead", "refuses"]

# What a stranger answers on the way to being a member, by a part of the question.
SIGN_UP = {
    "Which language": "1", "18 or over": "1", "speak for": "1", "organisation": "0",
    "call you": "Ama",
}  # fmt: skip


def has(text: str, words: tuple[str, ...]) -> bool:
    """Tell whether a message has these words, in a language of the run."""
    return any(each in text for each in words)


@dataclass(slots=True)
class Person:
    """One phone. `answers` are given one after the other; `asks` are sent at any time."""

    id: int
    channel: Literal["sms", "telegram"]
    address: str
    nature: Nature = "usual"
    is_member: bool = True
    answers: list[int] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    presses: bool = False
    has_left: bool = False
    agreed: bool = False
    joined: bool = False
    buttons: dict[str, str] = field(default_factory=dict)
    saying: asyncio.Lock = field(default_factory=asyncio.Lock)


class People:
    """Everybody with a phone. `say(person, text, pressed, answer)` carries what they send."""

    def __init__(
        self,
        people: Sequence[Person],
        say: Callable[[Person, str, str, int], Awaitable[bool]],
        dice: random.Random,
    ) -> None:
        self.all = list(people)
        self._by_address = {(person.channel, person.address): person for person in people}
        self._say = say
        self._dice = dice
        self._busy: set[asyncio.Task[None]] = set()

    @property
    def is_quiet(self) -> bool:
        """Nobody is about to say anything."""
        return not self._busy

    def person(self, channel: str, address: str) -> Person:
        """Return whose phone this is."""
        return self._by_address[channel, address]

    def begin(self, within: float) -> None:
        """Let those who have something in mind say it within so many seconds."""
        for person in self.all:
            for text in person.asks:
                self._soon(person, text, after=self._dice.uniform(0, within))

    def hear(self, channel: str, address: str, text: str, buttons: dict[str, str]) -> None:
        """Let a message reach a phone, and its owner go on."""
        person = self.person(channel, address)
        if person.has_left:
            return
        if buttons:
            person.buttons = buttons
        if QUESTION in text or has(text, ECHO):
            self._answer(person)
        elif not person.is_member and not person.joined:
            self._go_on(person, text)

    def _answer(self, person: Person) -> None:
        if person.answers:
            self._soon(person, str(person.answers[0]), answer=person.answers.pop(0))

    def _go_on(self, person: Person, text: str) -> None:
        if WELCOME in text:
            person.joined = True
        if WELCOME in text or AGREED in text:
            person.agreed = True
        for part, answer in SIGN_UP.items():
            if part in text:
                self._soon(person, answer)
                return

    def _soon(self, person: Person, text: str, *, answer: int = 0, after: float = 0.0) -> None:
        task = asyncio.create_task(self._speak(person, text, answer, after))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _speak(self, person: Person, text: str, answer: int, after: float) -> None:
        await asyncio.sleep(after or self._dice.uniform(0, 0.02))
        async with person.saying:
            if person.has_left:
                return
            if text == "STOP":
                person.has_left = True
            pressed = person.buttons.get(text, "") if answer and person.presses else ""
            await self._say(person, text, pressed, answer)

    async def end(self) -> None:
        """Let nobody say anything more."""
        for task in list(self._busy):
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)


def populate(
    dice: random.Random, count: int, strangers: int, channels: Sequence[str]
) -> list[Person]:
    """Make up people: most are usual, some leave, some write out of turn."""
    people = [_member(dice, at, dice.choice(channels)) for at in range(1, count + 1)]
    for at in range(count + 1, count + strangers + 1):
        channel = dice.choice(channels)
        person = Person(at, channel, _address(channel, at), is_member=False, asks=["JOIN"])
        people.append(person)
    return people


def _address(channel: str, at: int) -> str:
    return f"+1202555{at:04d}" if channel == "sms" else str(700_000 + at)


def _member(dice: random.Random, at: int, channel: str) -> Person:
    natures: tuple[Nature, ...] = ("usual", "off", "landline", "dead", "refuses")
    nature = dice.choices(natures, (90, 4, 2, 2, 2))[0] if channel == "sms" else "usual"
    person = Person(at, channel, _address(channel, at), nature)
    if nature not in ("usual", "off"):
        return person
    times = dice.choices((0, 1, 2, 3), (2, 5, 2, 1))[0]
    person.answers = [dice.randint(1, len(OPTIONS)) for _ in range(times)]
    person.presses = dice.random() < 0.5
    if dice.random() < 0.15:
        person.asks.append("HELP")
    if dice.random() < 0.08:
        person.asks.append("STOP")
    return person
