"""Random conversation: a short part of what `python -m tests.chance.months` lives through."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from storage.instant import DAY, HOUR
from tests.chance.carriers import SMS, Letter
from tests.chance.months import MANNERS, live, series
from tests.chance.rules import RULES
from tests.chance.scene import scene
from tests.chance.story import Story, Untrue
from tests.chance.town import NOON, town
from tests.chance.truths import ALWAYS, SELDOM, _in_time, erased, forgets, stops

if TYPE_CHECKING:
    from pathlib import Path

STEPS = {"sqlite": 300, "postgresql": 150}
ADA = (SMS, "+12025551000")


async def test_what_always_holds_holds(tmp_path: Path, engine: str) -> None:
    """After some hundred steps of members, coordinators, carriers and the clock all is true."""
    tally = await series(tmp_path, 3, STEPS[engine])
    assert tally.wrong == []
    assert tally.steps == STEPS[engine]
    assert tally.days > 0
    assert tally.letters > 0


@pytest.mark.sqlite_only
async def test_steps_can_be_left_out(tmp_path: Path) -> None:
    """Each step follows from its own number, so that some can be left out to find which matter."""
    story = await live(tmp_path, "3/0", (5, 9, 14))
    assert {int(line.split(":")[0]) for line in story.told} <= {5, 9, 14}


@pytest.mark.sqlite_only
def test_every_rule_can_come() -> None:
    """Each rule has a weight, and there are truths for each step and for now and then."""
    assert all(weight > 0 for weight, _ in RULES.values())
    assert len(ALWAYS) > 5
    assert len(SELDOM) > 2


@pytest.mark.sqlite_only
async def test_what_does_not_hold_is_found(tmp_path: Path) -> None:
    """A STOP undone, and words that outlive an ERASE, are told."""
    async with town(tmp_path, Random(1), ("en",), MANNERS) as here:
        story = Story(here, Random(1))
        await story.begin()
        await here.run("UPDATE members SET stopped_at = 5 WHERE id = 1")
        story.before = await scene(here)
        await here.run("UPDATE members SET stopped_at = 0 WHERE id = 1")
        story.after = await scene(here)
        with pytest.raises(Untrue, match="a STOP was undone"):
            await stops(story)
        story.before = story.after
        await here.run("UPDATE members SET state = 'erased' WHERE id = 1")
        story.after = await scene(here)
        await forgets(story)
        with pytest.raises(Untrue, match="something outlives an ERASE"):
            await erased(story)


@pytest.mark.sqlite_only
def test_the_night_is_quiet() -> None:
    """What is handed over at night is told; at noon nothing is."""
    letter = Letter(SMS, 1, 1, ADA[1], "", (), NOON, "1", 1)
    _in_time(letter)
    with pytest.raises(Untrue, match="quiet hours"):
        _in_time(Letter(SMS, 1, 1, ADA[1], "", (), NOON - NOON % DAY + 3 * HOUR, "1", 1))
