"""What a run is: everything in it follows from its seed and number."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults.people import Person, populate

if TYPE_CHECKING:
    from collections.abc import Sequence

# How often each kind comes, by engine. What each does: `kinds`.
KINDS: dict[str, dict[str, int]] = {
    "sqlite": {
        "kill": 5, "freeze": 3, "answers": 4, "clock": 3, "full_disk": 3, "read_only": 2,
        "corrupt": 2, "power": 3, "command": 1,
    },
    "postgres": {
        "kill": 4, "freeze": 3, "answers": 3, "clock": 2, "full_disk": 2, "read_only": 2,
        "server_killed": 4, "terminated": 3, "cut": 4, "command": 1,
    },
}  # fmt: skip
ENGINES = tuple(KINDS)
BOTH = "both"


@dataclass(slots=True)
class Plan:
    """One run. `dice` goes on to decide whatever is still open."""

    seed: int
    number: int
    engine: str
    kind: str
    channels: tuple[str, ...]
    processes: int
    bad_answers: float
    early_receipts: float
    rate: int
    people: list[Person] = field(repr=False)
    dice: random.Random = field(repr=False)

    @property
    def command(self) -> str:
        """What repeats it."""
        return (
            f"python -m tests.faults --runs 1 --seed {self.seed} --from {self.number}"
            f" --engine {self.engine} --kind {self.kind}"
        )


def plan(seed: int, number: int, engine: str = BOTH, kind: str = "") -> Plan:
    """Return a run. Without an engine or a kind the number decides; kinds go by turns.

    Raises KeyError for a kind that an engine does not have.
    """
    dice = random.Random(f"{seed}/{number}")
    wanted = kind.split(",")
    kind = wanted[number % len(wanted)]
    engines = [each for each in ENGINES if not kind or kind in KINDS[each]]
    if engine not in (BOTH, *engines) or not engines:
        raise KeyError(f"{engine} has no runs of the kind {kind}")
    chosen = dice.choice(engines) if engine == BOTH else engine
    kinds = KINDS[chosen]
    drawn = dice.choices(list(kinds), list(kinds.values()))[0]
    kind = kind or drawn
    channels = dice.choice((("sms",), ("sms",), ("telegram",), ("sms", "telegram")))
    bad = dice.uniform(0.1, 0.5) if kind == "answers" else dice.choice((0.0, 0.0, 0.0, 0.05))
    return Plan(
        seed=seed,
        number=number,
        engine=chosen,
        kind=kind,
        channels=channels,
        processes=dice.choice((1, 2, 3)) if chosen == "postgres" else 1,
        bad_answers=bad,
        early_receipts=dice.choice((0.0, 0.3, 1.0)),
        rate=dice.choice((500, 2_000)),
        people=_people(dice, channels),
        dice=dice,
    )


def _people(dice: random.Random, channels: Sequence[str]) -> list[Person]:
    return populate(dice, dice.randint(10, 50), dice.randint(0, 2), channels)
