"""One person's whole dialog as data, so that the same steps run over each door.

A stranger joins, votes, changes the vote, hears an announcement and a result, and leaves.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tests.bot.web.serving import until

if TYPE_CHECKING:
    from tests.peers.program import Switchboard

# What the command line queues starts to leave within a second of its end.
LEAVES_SECONDS = 1.0
HEARD_SECONDS = 20.0
# Where there are pictures the first takes longer, since what draws it has to be loaded.
DRAWN_SECONDS = 10.0


class Door(Protocol):
    """How the person reaches us; `ends_as` is the last status their messages come to."""

    ends_as: str

    async def say(self, text: str) -> None:
        """Send a text, command words in the way that is usual here."""

    async def answer(self, digit: int) -> None:
        """Give this answer to the last question: by its button, where there are buttons."""

    async def hear(self) -> str:
        """Wait for the next message, and return its text."""


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    digit: int


@dataclass(frozen=True, slots=True)
class Run:
    """A command of the coordinator's; what it prints is kept under a name for later steps.

    What it queues starts to leave within so many seconds.
    """

    keeps: str
    arguments: tuple[str, ...]
    leaves: float = LEAVES_SECONDS


@dataclass(frozen=True, slots=True)
class Step:
    """One act and the one message that follows; none where `hears` is empty."""

    act: Say | Answer | Run
    hears: tuple[str, ...] = ()


QUESTION = "Which water problem first?"
NEWS = "Water is off on Friday from 9 to 12."
ASK = (
    *("poll", QUESTION, "--option", "Broken taps", "--option", "High price"),
    *("--option", "Dirty drains", "--audience", "nima", "--closes", "2h", "--named", "--yes"),
)
MEMBER = {"alias": "Ama", "platform": "nima", "type": "water_users", "language": "en"}

PLATFORMS = (
    ("platforms", "add", "nima", "Nima"),
    ("platforms", "add", "jamestown", "Jamestown"),
)

STEPS = (
    Step(Say("JOIN"), ("Nima Water. Which language?", "1 English 2 Español")),
    Step(Answer(1), ("up to 10 times a week", "Are you 18 or over", "1 Yes 2 No. STOP ends it")),
    Step(Answer(1), ("Where do you take part?", "1 Nima 2 Jamestown 0 Skip.")),
    Step(Answer(1), ("Who do you speak for?", "1 Water users", "8 Other 0 Skip.")),
    Step(Answer(1), ("Which organisation", "0 for none")),
    Step(Say("Nima Tap Users"), ("What shall we call you?",)),
    Step(Say("Ama"), ("Welcome to Nima Water.",)),
    Step(
        Run("code", ASK),
        (f": {QUESTION}", "1 Broken taps 2 High price 3 Dirty drains 0 Skip."),
    ),
    Step(Answer(2), ("Thank you.", "We have: 2 High price.")),
    Step(Answer(3), ("Thank you.", "We have: 3 Dirty drains.")),
    Step(Run("votes", ("result", "{code}", "--json"))),
    Step(
        Run("news", ("announce", NEWS, "--text", "es=Sin agua", "--audience", "nima", "--yes")),
        (NEWS,),
    ),
    Step(
        Run("closed", ("close", "{code}"), DRAWN_SECONDS),
        ("Result {code}:", "Broken taps 0, High price 0, Dirty drains 1. 1 answered."),
    ),
    Step(Say("STOP"), ("You will get no more messages from Nima Water.",)),
    Step(Run("unheard", ("announce", "Nobody hears this.", "--yes"))),
)


async def play(door: Door, program: Switchboard) -> None:
    """Go through the whole dialog beside a running server, and look at what is left of it."""
    for arguments in PLATFORMS:
        await program.cli(*arguments)
    kept: dict[str, str] = {}
    for step in STEPS:
        patience = await _act(step.act, door, program, kept)
        if step.hears:
            async with asyncio.timeout(patience):
                text = await door.hear()
            for part in step.hears:
                assert part.format(**kept) in text, f"{step.act}: {text}"
    await _look_back(door, program, kept)
    _keeps_quiet(program.log)


async def _act(
    act: Say | Answer | Run, door: Door, program: Switchboard, kept: dict[str, str]
) -> float:
    """Do one act, and return how many seconds its message may take."""
    match act:
        case Say():
            await door.say(act.text)
        case Answer():
            await door.answer(act.digit)
        case Run():
            arguments = [argument.format(**kept) for argument in act.arguments]
            kept[act.keeps] = await program.cli(*arguments)
            return act.leaves
    return HEARD_SECONDS


async def _look_back(door: Door, program: Switchboard, kept: dict[str, str]) -> None:
    """The changed vote counts once, every recipient is accounted for, and STOP holds."""
    async with asyncio.timeout(HEARD_SECONDS):
        await until(lambda: not program.count("batches WHERE state <> 'queued'"))
        await until(lambda: not program.count(f"outbox WHERE status <> '{door.ends_as}'"))
    broadcasts = ("code", "news", "unheard")
    members, *standings = await asyncio.gather(
        program.cli("members", "list", "--json"),
        *[program.cli("status", kept[name], "--json") for name in broadcasts],
    )
    assert json.loads(kept["votes"])["answers"] == 1
    counts = {entry["text"]: entry["count"] for entry in json.loads(kept["votes"])["options"]}
    assert counts == {"Broken taps": 0, "High price": 0, "Dirty drains": 1}
    (member,) = json.loads(members)
    assert {name: member[name] for name in MEMBER} == MEMBER
    told = [(found["recipients"], found["by_status"]) for found in map(json.loads, standings)]
    assert told == [(1, {door.ends_as: 1}), (1, {door.ends_as: 1}), (0, {})]


def _keeps_quiet(log: str) -> None:
    """No line of the log carries what was said, or a name."""
    assert "serving" in log
    for said in ("Ama", "Tap Users", NEWS, QUESTION, "High price"):
        assert said not in log
