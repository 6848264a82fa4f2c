"""How a provider answers what it is sent: well, slowly, with any kind of trouble, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


@dataclass(frozen=True, slots=True)
class Mood:
    """One way to answer. `kept`: None where chance decides whether the message was taken."""

    name: str
    kept: bool | None
    weight: int


WELL = Mood("well", kept=True, weight=0)

# 429 says that nothing was done; a 5xx says nothing at all of that, and no answer neither.
MOODS = (
    Mood("429", kept=False, weight=2),
    Mood("429 after", kept=False, weight=1),
    Mood("500", kept=None, weight=4),
    Mood("502", kept=None, weight=4),
    Mood("slow", kept=True, weight=6),
    Mood("hung", kept=None, weight=3),
    Mood("cut", kept=True, weight=3),
    Mood("silent", kept=True, weight=3),
    Mood("garbage", kept=True, weight=3),
    Mood("reset", kept=None, weight=3),
)
MOST_PAUSES = 2  # a pause of the whole channel by the provider's own word lasts a second


class Moods:
    """Draws a mood for each message: a bad one with a probability, until all is well again."""

    def __init__(self, dice: random.Random, bad: float) -> None:
        self._dice = dice
        self._bad = bad
        self._pauses = 0

    def be_well(self) -> None:
        """Answer as it should from now on."""
        self._bad = 0.0

    def draw(self) -> tuple[Mood, bool]:
        """Return how to answer the next message, and whether it is taken."""
        if self._dice.random() >= self._bad:
            return WELL, True
        mood = self._dice.choices(MOODS, [mood.weight for mood in MOODS])[0]
        if mood.name == "429 after":
            self._pauses += 1
            if self._pauses > MOST_PAUSES:
                return WELL, True
        kept = self._dice.random() < 0.5 if mood.kept is None else mood.kept
        return mood, kept
