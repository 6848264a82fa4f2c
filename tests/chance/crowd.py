"""A crowd: the people of one chapter, what each says next, and what came of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from storage.instant import HOUR, MINUTE
from tests.chance.answered import Verdict, Wrong, judge
from tests.chance.carriers import SMS, TELEGRAM
from tests.chance.scene import Scene, scene, since
from tests.chance.speech import EVIL, Speech
from tests.whole.asking import FORM, ask, question

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tests.chance.scene import Whose
    from tests.chance.town import Town

PEOPLE = 96
ABROAD = "+49"


@dataclass(frozen=True, slots=True)
class Said:
    """One message of one person, as their phone sends it."""

    whose: Whose
    key: int
    text: str
    kind: str = "text"
    data: str = ""
    opt_out: str = ""


@dataclass(slots=True)
class Tally:
    """What became of all texts."""

    texts: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    chapters_wrong: int = 0


class Crowd:
    """One Switchboard, its people, and so many texts of theirs. All follows from the seed."""

    def __init__(self, town: Town, random: Random, languages: Sequence[str], tally: Tally) -> None:
        self.town = town
        self.random = random
        self.speech = Speech(random, languages)
        self.tally = tally
        self.people: list[Whose] = []
        self.group = 0
        self._born = 0
        self._key = 0
        self._buttons: dict[str, list[str]] = {}
        self._heard = 0
        self._last: dict[Whose, Said] = {}

    async def begin(self, places: int) -> None:
        """Let there be places, people and questions."""
        await self.town.platform("accra", "Accra")
        for at in range(places):
            await self.town.platform(f"p{at}" if at else "nima", f"Place {at}", "accra")
        for at in range(PEOPLE):
            self.people.append(await self._born_as(at))
        await ask(self.town, *FORM)
        await ask(self.town, question("several", "Which?", options=("A", "B", "C")),
                  question("date", "When?"), question("ladder", "How far?"))  # fmt: skip
        await self.town.poll(named=False, hours=self.random.choice((5, 30, 72)))
        await self.town.settled()

    async def _born_as(self, at: int) -> Whose:
        """Return somebody new: a stranger, a member, or one who holds a role."""
        self._born += 1
        whose: Whose = (
            (SMS, f"+1202555{1000 + self._born:04d}") if self.random.random() < 0.55
            else (TELEGRAM, str(7_700_000 + self._born))
        )  # fmt: skip
        if self.random.random() < 0.02:
            whose = (SMS, f"{ABROAD}170{1_000_000 + self._born}")
        kind = at % 8
        # Somebody's contact may have brought that very number before.
        known = await self.town.rows("SELECT 1 FROM addresses WHERE value = :v", v=whose[1])
        if kind < 4 or known:
            return whose
        member_id = await self.town.settle_in(*whose, alias=self.random.choice(("", "Ama")))
        if kind == 7:
            role = self.random.choice(("coordinator", "secretariat", "facilitator", "support"))
            await self.town.give(member_id, role, "accra")
        return whose

    # --- what they say ---

    async def turn(self, size: int) -> Sequence[Wrong]:
        """Let a group of people write one message each, and judge what came of it."""
        self.group += 1
        before = await scene(self.town)
        said = self._group(before, size)
        await self._renew()
        verdict = await exchange(self.town, said)
        self._count(said, before, verdict)
        self._listen()
        self.town.at += self.random.choice((1, 1_000, MINUTE, MINUTE, 20 * MINUTE, HOUR))
        if self.group % 4 == 0:
            await self.town.tick()
        return verdict.wrong

    async def _renew(self) -> None:
        """Let some people give way to others, so that there always are strangers and helpers."""
        for _ in range(3):
            at = self.random.randrange(PEOPLE)
            self.people[at] = await self._born_as(at)

    def _group(self, before: Scene, size: int) -> list[Said]:
        """Return messages of as many people, of whom no two are one."""
        find = before.addresses(lambda *_: "")
        owners = before.owners()
        pending = {row[0]: row[3] for row in before.tables["pending"].values()}
        self.speech.codes = self._codes(before)
        taken: set[int] = set()
        said: list[Said] = []
        for whose in self.random.sample(self.people, len(self.people)):
            address_id = find(whose)
            members = owners.get(address_id, set())
            if len(said) < size and not members & taken:
                taken |= members
                said.append(self._said(whose, pending.get(address_id, "")))
        return said

    def _codes(self, before: Scene) -> Sequence[str]:
        rounds_ = [f"P{id_}" for (id_,) in list(before.tables["rounds"])[-6:]]
        batches = [str(id_) for (id_,) in list(before.tables["batches"])[-6:]]
        links = [row[3] for row in before.tables["pending"].values() if row[2] == "link"]
        return ["P1", "nima", *rounds_, *batches, *links[:6]]

    def _said(self, whose: Whose, code: str) -> Said:
        random = self.random
        self._key += 1
        text, key = self.speech.text(), self._key
        if code and random.random() < 0.35:
            text = code if random.random() < 0.8 else f"{code}."
        if random.random() < 0.01 and whose in self._last:
            return self._last[whose]
        said = Said(whose, key, text)
        chance = random.random()
        if whose[0] == SMS:
            if chance < 0.03:
                said = replace(said, kind="media")
            elif chance < 0.04:
                said = replace(said, opt_out=random.choice(("STOP", "START", "HELP")))
        elif chance < 0.2:
            known = self._buttons.get(whose[1], ["a:1:0:1"])
            data = f"c:{code}" if code and random.random() < 0.4 else random.choice(known)
            data = data if random.random() < 0.9 else random.choice((*EVIL, text))
            said = replace(said, kind="choice", text="", data=data)
        elif chance < 0.3:
            said = replace(said, kind=random.choice(("edit", "media", "contact", "start")))
        self._last[whose] = said
        return said

    def _listen(self) -> None:
        """Remember the buttons that people were shown."""
        letters = self.town.ledger.letters
        for letter in letters[self._heard :]:
            if letter.buttons:
                shown = self._buttons.setdefault(letter.to, [])
                shown[:] = [*shown[-8:], *(data for _, data in letter.buttons)]
        self._heard = len(letters)

    def _count(self, said: Sequence[Said], before: Scene, verdict: Verdict) -> None:
        counts = self.tally.counts
        self.tally.texts += len(said)
        counts.update(f"of {who(message.whose, before)}" for message in said)
        counts.update(f"by {message.whose[0]}" for message in said)
        counts["answered"] += len(verdict.answered)
        counts["silent"] += len(said) - len(verdict.answered)
        counts["with an effect"] += len(verdict.changed)
        for outcome, count in self.town.counts.items():
            counts[outcome] += count
        self.town.counts.clear()


def who(whose: Whose, before: Scene) -> str:
    """Return what somebody was to the alliance at a moment."""
    address_id = before.addresses(lambda *_: "")(whose)
    if whose[1].startswith(ABROAD):
        return "people abroad"
    for member_id in before.owners().get(address_id, ()):
        row = before.tables["members"][member_id,]
        if row[10] or before.tables["addresses"][address_id,][1]:
            return "stopped"
        if any(key[0] == member_id for key in before.tables["roles"]):
            return "coordinators and the like"
        return "members" if row[1] == "member" else "joining"
    return "strangers"


# --- one group through the doors ---


async def exchange(town: Town, said: Sequence[Said]) -> Verdict:
    """Bring these messages to the doors at once, judge what they did, and let the answers leave."""
    await town.settled()
    town.ledger.way.clear()
    before = await scene(town)
    wrong: list[Wrong] = []
    results = await asyncio.gather(*(_bring(town, one) for one in said), return_exceptions=True)
    for one, result in zip(said, results, strict=True):
        if isinstance(result, Exception):
            wrong.append(Wrong("an exception", one.whose, repr(result)))
    silent = {one.whose: bool(one.opt_out) or one.whose[1].startswith(ABROAD) for one in said}
    verdict = judge(town, before, await scene(town), await since(town, before), silent)
    verdict.wrong[:0] = wrong
    town.ledger.way.set()
    await town.settled()
    return verdict


async def _bring(town: Town, said: Said) -> None:
    channel, value = said.whose
    await town.accept(_sms(town, said) if channel == SMS else _telegram(town, said, int(value)))


def _sms(town: Town, said: Said) -> Any:
    fields: dict[str, str] = {}
    if said.kind == "media":
        fields = {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/m/1"}
    if said.opt_out:
        fields["OptOutType"] = said.opt_out
    return town.sms.brings(f"SM{said.key}", said.whose[1], said.text, **fields)


def _telegram(town: Town, said: Said, person: int) -> Any:
    match said.kind:
        case "choice":
            return town.telegram.presses(person, f"b{said.key}", said.data)
        case "edit":
            fields: dict[str, Any] = {"text": said.text, "edit_date": town.at // 1_000 + said.key}
        case "media":
            fields = {"caption": said.text, "voice": {"file_id": "v", "file_unique_id": "v",
                                                      "duration": 3}}  # fmt: skip
        case "contact":
            number = f"1202555{1000 + said.key % 900:04d}"
            user = person if said.key % 3 else 1
            fields = {"contact": {"phone_number": number, "first_name": "A", "user_id": user}}
        case "start":
            fields = {"text": f"/start {said.text}"}
        case _:
            fields = {"text": said.text}
    return town.telegram.brings(person, said.key, town.at, **fields)
