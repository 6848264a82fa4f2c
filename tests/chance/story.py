"""One alliance for some months: its phones, what they said and heard, and what that means."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from storage.instant import DAY
from tests.chance.answered import Verdict, Wrong, judge
from tests.chance.carriers import SMS, TELEGRAM
from tests.chance.scene import Scene, Since, scene, since

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from bot.channels.base import Event
    from tests.chance.scene import Whose
    from tests.chance.town import Town

PLACES = (("accra", "Accra", ""), ("nima", "Nima", "accra"), ("osu", "Osu", "accra"))
PHONES = tuple((SMS, f"+12025551{n:03d}") for n in range(14)) + tuple(
    (TELEGRAM, str(7_700_100 + n)) for n in range(8)
)
# Members from the beginning, by the place of their phone in PHONES, with a role if any.
SETTLED = {0: "coordinator", 1: "facilitator", 14: "secretariat", 15: "", 16: "support",
           2: "", 3: "", 4: "", 5: "", 6: "", 17: "documenter", 18: ""}  # fmt: skip
SECTORS = ("public", "private", "civil")


class Untrue(AssertionError):
    """Something that always holds did not. `what` is short, and the same each time."""

    def __init__(self, what: str, detail: object = "") -> None:
        super().__init__(f"{what}: {detail}")
        self.what = what


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came, so that it can come again; `bring` gives its events anew."""

    whose: Whose
    said: str
    bring: Callable[[], Sequence[Event]]
    number: int
    sense: str = ""


@dataclass(frozen=True, slots=True)
class Poll:
    """A poll whose words nothing else says: `word` stands in its question, `words` in options."""

    word: str
    words: tuple[str, ...]
    anonymous: bool


@dataclass(slots=True)
class Story:
    """What is known from outside. `before` is the scene as the present step began."""

    town: Town
    random: Random
    number: int = 0
    before: Scene = field(default_factory=Scene)
    after: Scene = field(default_factory=Scene)
    since: Since = field(default_factory=lambda: Since([], [], []))
    told: list[str] = field(default_factory=list)
    # The phone that wrote in this step, what it said in which sense, and what was under way then.
    whose: Whose | None = None
    sense: str = ""
    mark: int = 0
    heard: int = 0
    handed: int = 0
    past: list[Delivery] = field(default_factory=list)
    late: list[Delivery] = field(default_factory=list)
    polls: list[Poll] = field(default_factory=list)
    # What each phone's owner has said that must be gone once they are erased.
    words: dict[Whose, set[str]] = field(default_factory=lambda: defaultdict(set))
    gone: dict[str, Whose] = field(default_factory=dict)
    buttons: dict[Whose, list[str]] = field(default_factory=lambda: defaultdict(list))
    kept: dict[str, Any] = field(default_factory=dict)
    judged: bool = True
    # What is known to be untrue, and passed over.
    but: tuple[str, ...] = ()

    async def begin(self) -> None:
        """Let there be places and people."""
        for code, name, above in PLACES:
            await self.town.platform(code, name, above)
        places = {row[1]: row[0] for row in await self.town.rows("SELECT id, code FROM platforms")}
        for at, role in SETTLED.items():
            place = PLACES[at % 3][0]
            member_id = await self.town.settle_in(
                *PHONES[at], alias=self.word(PHONES[at]), platform=places[place],
                sector=SECTORS[at % 3], type_=("donor", "business", "water_users")[at % 3],
            )  # fmt: skip
            if role:
                await self.town.give(member_id, role, "accra" if at % 2 == 0 else "nima")
        self.after = await scene(self.town)

    def word(self, whose: Whose | None = None) -> str:
        """Return a word that nobody has said before; of somebody's own it must go with them."""
        self.kept["words"] = made = self.kept.get("words", 0) + 1
        word = f"w{made}q{self.random.randrange(10**6):06d}x"
        if whose is not None:
            self.words[whose].add(word)
        return word

    def log(self, text: str) -> None:
        """Keep a line about the present step."""
        self.told.append(f"{self.number}: {text}")

    # --- messages ---

    async def say(self, whose: Whose, text: str, sense: str = "", **fields: Any) -> None:
        """Let a phone send a message; `sense` is what it surely means, "" for anything."""
        if fields.get("data") == "w:START":
            sense = "start"
        delivery = replace(self.delivery(whose, text, **fields), sense=sense)
        if not fields.get("opt_out") and self.random.random() < 0.03:
            self.late.append(delivery)
            self.log(f"{whose[1]} sends {text!r}, which is late")
            return
        await self.bring(delivery)

    def delivery(self, whose: Whose, text: str, **fields: Any) -> Delivery:
        """Return a message that has been sent and not come yet."""
        channel, value = whose
        number, at, town = self.number, self.town.at, self.town
        said = f"{text!r}{fields or ''}"
        if channel == SMS:
            return Delivery(
                whose, said, lambda: town.sms.brings(f"SM{number}", value, text, **fields), number
            )
        if "data" in fields:
            data = fields["data"]
            return Delivery(
                whose, said, lambda: town.telegram.presses(int(value), f"b{number}", data), number
            )
        message = fields.pop("message", number)
        return Delivery(
            whose, said,
            lambda: town.telegram.brings(int(value), message, at, text=text, **fields), number,
        )  # fmt: skip

    async def bring(self, delivery: Delivery) -> None:
        """Let a message come in, and judge what it did while nothing can leave."""
        town = self.town
        self.whose, self.sense = delivery.whose, delivery.sense
        # The words are somebody else's now, or again this phone's own.
        self.gone.pop(delivery.whose[1], None)
        held = not town.ledger.way.is_set()
        town.ledger.way.clear()
        counts = dict(town.counts)
        await town.accept(delivery.bring())
        self.mark = town.ledger.asked
        self.after = await scene(town)
        self.since = await since(town, self.before)
        verdict = judge(town, self.before, self.after, self.since, {delivery.whose: bool(
            "OptOutType" in delivery.said)})  # fmt: skip
        replies = [row[3] for row in self.since.replies]
        self.log(f"{delivery.whose[1]} {delivery.said} -> {replies}")
        if town.counts.get("failed", 0) > counts.get("failed", 0):
            errors = [row[3] for row in self.since.inbound]
            raise Untrue("a message failed", errors)
        self._refuse(verdict)
        if town.counts.get("accepted", 0) > counts.get("accepted", 0):
            self.past.append(delivery)
        elif any(self.before.effects(self.after)) or self.since.replies:
            raise Untrue("a duplicate did something", delivery.said)
        if not held:
            town.ledger.way.set()
        await self.quiet()

    def _refuse(self, verdict: Verdict) -> None:
        wrong: list[Wrong] = [
            w for w in verdict.wrong if self.judged or w.what == "a message failed"
        ]
        for one in wrong:
            raise Untrue(one.what, one.detail)

    async def quiet(self) -> None:
        """Wait until all that can leave has left; of what is inside a carrier nobody knows."""
        with contextlib.suppress(KeyError):
            if self.town.ledger.way.is_set():
                await self.town.settled()
            else:
                await self.town.flowing()

    # --- who is who ---

    def owner(self, whose: Whose, at: Scene | None = None) -> int:
        """Return the member whose phone it is, 0 for nobody's."""
        seen = at or self.after
        ids = {value: id_ for id_, value in seen.values.items()}
        found = seen.owners().get(ids.get(whose, 0), set())
        return min(found, default=0)

    def member(self, member_id: int, at: Scene | None = None) -> tuple[Any, ...]:
        """Return what is kept of a member, () for nobody."""
        return (at or self.after).tables["members"].get((member_id,), ())

    def phones_of(self, member_id: int, at: Scene | None = None) -> set[Whose]:
        """Return a member's phones."""
        seen = at or self.after
        return {
            seen.values[address] for address, member in seen.tables["member_addresses"]
            if member == member_id
        }  # fmt: skip

    def roles(self, member_id: int, at: Scene | None = None) -> set[tuple[int, str]]:
        """Return a member's roles: (platform, role)."""
        return {
            (key[1], key[2]) for key in (at or self.after).tables["roles"] if key[0] == member_id
        }

    def pending(self, whose: Whose) -> tuple[Any, ...]:
        """Return what waits for a phone's confirmation: (address, id, act, code, ...), or ()."""
        ids = {value: id_ for id_, value in self.after.values.items()}
        return self.after.tables["pending"].get((ids.get(whose, 0),), ())

    def some_phone(self, *, member: bool | None = None, channel: str = "") -> Whose:
        """Return a phone by chance; of a member, of nobody who is one, or any."""
        among = [
            whose for whose in PHONES
            if (not channel or whose[0] == channel)
            and (member is None or member == (self._state(whose) == "member"))
        ]  # fmt: skip
        return self.random.choice(among or PHONES)

    def some_asked(self) -> Whose:
        """Return a phone whose owner has a question open."""
        asked = {key[0] for key, row in self.after.tables["dialogs"].items() if row[4] == "open"}
        return self.random.choice([w for w in PHONES if self.owner(w) in asked] or PHONES)

    def some_helper(self) -> Whose:
        """Return a phone whose owner holds a role; one in twelve times anybody's."""
        among = [whose for whose in PHONES if self.roles(self.owner(whose))]
        if not among or self.random.random() < 1 / 12:
            return self.some_phone()
        return self.random.choice(among)

    def _state(self, whose: Whose) -> str:
        found = self.member(self.owner(whose))
        return found[1] if found else ""

    def codes(self) -> list[str]:
        """Return the codes of the latest rounds."""
        return [f"P{key[0]}" for key in sorted(self.after.tables["rounds"])[-5:]] or ["P1"]

    def day(self) -> int:
        """Return the number of the day."""
        return self.town.at // DAY
