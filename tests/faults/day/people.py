"""The people of a day: when each gets up to something, and how long they take to answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from storage.instant import HOUR, MINUTE
from tests.faults.day.serve import calendar, machine
from tests.faults.people import People, Person, populate

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

# Somebody who answers takes mostly minutes, some take hours (calendar, ms).
SOON, LATER = 2 * MINUTE, 2 * HOUR
ASKS = ("HELP", "POLLS", "ME", "ABOUT", "ASK When is the next meeting?")
FREE = ("The pump at the school is broken.", "¿Quién repara la bomba?", "شكرا لكم")
MEDIA = "media"
CHANGES = (25, 60, 10, 5)  # how many answer nothing, once, twice, three times


@dataclass(frozen=True, slots=True)
class Poll:
    """A question that everybody is asked. Nobody answers after `until` (calendar, ms)."""

    number: int
    question: str
    options: tuple[str, ...]
    named: bool
    until: int

    def answer(self, digit: int) -> int:
        """Return the number by which the ledger knows an answer to this poll."""
        return 10 * self.number + digit


@dataclass(slots=True)
class Plans:
    """What one person has in mind: answers by poll, and what they say when (calendar, ms)."""

    answers: dict[int, list[int]] = field(default_factory=dict)
    says: list[tuple[int, str]] = field(default_factory=list)
    heard: str = ""


class Town(People):
    """Everybody, by a calendar: `now` is its instant, `wait(ms)` lets so much of it pass."""

    def __init__(
        self,
        people: Sequence[Person],
        say: Callable[..., Any],
        dice: random.Random,
        clock: Calendar,
    ) -> None:
        super().__init__(people, say, dice)
        self._clock = clock
        self.polls: list[Poll] = []
        self.plans = {person.id: Plans() for person in people}
        self._days: set[asyncio.Task[None]] = set()
        self.is_over = False

    def move_in(self, number: str) -> None:
        """Let there be somebody who is made a member by others, and answers what they are asked."""
        person = Person(len(self.all) + 1, "sms", number, is_member=False, joined=True)
        self.all.append(person)
        self._by_address["sms", number] = person
        self.plans[person.id] = Plans({1: [self._dice.randint(1, 3)], 2: [1, 2]})

    def live(self, now: int) -> None:
        """Let everybody say what they have in mind from now on, at its time."""
        for person in self.all:
            for at, text in self.plans[person.id].says:
                if at >= now:
                    self._keep(self._say_at(person, at, text))

    def _keep(self, what: Any) -> None:
        task = asyncio.create_task(what)
        self._days.add(task)
        task.add_done_callback(self._days.discard)

    async def _say_at(self, person: Person, at: int, text: str) -> None:
        await self._clock.until(at)
        if self.is_over:
            return
        if text == "START":
            person.has_left = False
        self._soon(person, text)

    def hear(self, channel: str, address: str, text: str, buttons: dict[str, str]) -> None:
        """Let a message reach a phone; whoever got the very same one last takes no notice."""
        person = self.person(channel, address)
        plans = self.plans[person.id]
        if person.has_left or text == plans.heard:
            return
        plans.heard = text
        if buttons:
            person.buttons = buttons
        poll = self._asked(text)
        if poll is not None:
            self._keep(self._answer_poll(person, plans, poll))
        elif not person.is_member and not person.joined:
            self._go_on(person, text)

    def _asked(self, text: str) -> Poll | None:
        """Return the poll that a question, or the echo of an answer, is about."""
        now = self._clock.now()
        for poll in self.polls:
            if poll.question in text and now < poll.until:
                return poll
        return None

    async def _answer_poll(self, person: Person, plans: Plans, poll: Poll) -> None:
        answers = plans.answers.get(poll.number)
        if not answers:
            return
        digit = answers.pop(0)
        most = LATER if self._dice.random() < 0.3 else SOON
        at = self._clock.now() + round(self._dice.uniform(MINUTE / 4, most))
        if at < poll.until:
            await self._clock.until(at)
            if not self.is_over:
                self._soon(person, str(digit), answer=poll.answer(digit))

    async def _speak(self, person: Person, text: str, answer: int, after: float) -> None:
        if not answer:
            # Somebody on the way to being a member looks for their glasses first.
            await self._clock.wait(round(self._dice.uniform(2_000, 60_000)))
        await super()._speak(person, text, answer, after)

    async def go_home(self) -> None:
        """Let nobody begin to say anything more; who is speaking finishes."""
        self.is_over = True
        for task in list(self._days):
            task.cancel()
        await asyncio.gather(*self._days, return_exceptions=True)


class Calendar:
    """The alliance's calendar: `speed` times as fast as the machine, from `begins` on."""

    def __init__(self, speed: float, begins: int) -> None:
        self.speed = speed
        self.begins = begins
        self.began = 0
        self.now = calendar(speed, begins, lambda: self.began)

    def start(self) -> int:
        """Let the day begin; return the machine's instant (ms)."""
        self.began = round(machine())
        return self.began

    async def wait(self, span: int) -> None:
        """Let so much of it pass (ms)."""
        await asyncio.sleep(max(0, span) / 1_000 / self.speed)

    async def until(self, at: int) -> None:
        """Wait for an instant."""
        await self.wait(at - self.now())


def settle_down(dice: random.Random, count: int, strangers: int) -> list[Person]:
    """Make up people of whom 6 in 10 have a basic phone; strangers join in the course of a day."""
    people = populate(dice, count, strangers, ("sms",) * 3 + ("telegram",) * 2)
    for person in people:
        person.answers, person.asks = [], []
    return people


def plan_day(dice: random.Random, town: Town, begins: int, ends: int) -> None:
    """Let each person have something in mind for the day, between two instants."""
    for person in town.all:
        plans = town.plans[person.id]
        if not person.is_member:
            plans.says.append((_joining(dice, begins), "JOIN"))
            person.presses = dice.random() < 0.5
        if person.nature in ("usual", "off"):
            for number in (1, 2):
                plans.answers[number] = _answers(dice)
        if person.nature == "usual" and person.is_member:
            _member_says(dice, plans, begins, ends)


def _joining(dice: random.Random, begins: int) -> int:
    """Most join in the morning, before the first poll; none while a poll is about to come."""
    first, last = dice.choices(((0.2, 2.0), (5.5, 8.0), (11.5, 15.0)), (6, 2, 2))[0]
    return begins + round(dice.uniform(first, last) * HOUR)


def _answers(dice: random.Random) -> list[int]:
    times = dice.choices(range(len(CHANGES)), CHANGES)[0]
    return [dice.randint(1, 3) for _ in range(times)]


def _member_says(dice: random.Random, plans: Plans, begins: int, ends: int) -> None:
    def sometime() -> int:
        return begins + round(dice.uniform(0.02, 0.98) * (ends - begins))

    if dice.random() < 0.3:
        plans.says.append((sometime(), dice.choice(ASKS)))
    if dice.random() < 0.15:
        plans.says.append((sometime(), dice.choice((*FREE, MEDIA))))
    if dice.random() < 0.04:
        left = sometime()
        plans.says.append((left, "STOP"))
        if dice.random() < 0.5:
            plans.says.append((left + 2 * HOUR, "START"))
