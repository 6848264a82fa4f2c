"""`python -m tests.chance.months`: simulated months of random conversation, by a seed.

After each step what always holds is looked at. What goes wrong is told by as few steps as still
go wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import random as randomness
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chance.quiet import quietly
from tests.chance.rules import RULES
from tests.chance.scene import Since, scene
from tests.chance.shrinking import shrunk
from tests.chance.story import Story, Untrue
from tests.chance.town import town
from tests.chance.truths import ALWAYS, SELDOM, Truth

if TYPE_CHECKING:
    from collections.abc import Sequence

CHAPTER = 1_000
OFTEN = 25
MANNERS = """
quiet = "20:00-08:00"
per_day = 1
per_week = 2
replies_per_hour = 1000000
replies_per_day = 1000000
"""
MOST_TRIES = 200
MOST_SECONDS = 240.0
MOST_LINES = 80


@dataclass(slots=True)
class Tally:
    """What was lived through. `wrong` are lines about what went wrong."""

    steps: int = 0
    days: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    letters: int = 0
    wrong: list[str] = field(default_factory=list)
    chapters_wrong: int = 0
    show: bool = False
    shown: int = 0

    def told(self) -> None:
        """Show what went wrong lately, if somebody waits for it."""
        if self.show:
            print("\n".join(self.wrong[self.shown :]), flush=True)  # noqa: T201
            self.shown = len(self.wrong)


async def live(
    folder: Path, name: str, steps: Sequence[int], tally: Tally | None = None,
    but: tuple[str, ...] = (),
) -> Story:  # fmt: skip
    """Live through these steps of a chapter, each by a seed of its own. Raises Untrue.

    What is known to be untrue, `but`, is passed over.
    """
    ticket = randomness.Random(name)
    async with town(folder, ticket, ("en",), MANNERS) as found:
        story = Story(found, randomness.Random(f"{name}/0"), but=but)
        await story.begin()
        began = found.at
        try:
            for count, number in enumerate(steps, 1):
                await _step(story, name, number, tally)
                if count % OFTEN == 0 or count == len(steps):
                    await _look(story, SELDOM)
        except Untrue as error:
            error.add_note("\n".join(story.told[-MOST_LINES:]))
            error.number = number  # type: ignore[attr-defined]
            raise
        finally:
            if tally is not None:
                tally.days += (found.at - began) // 86_400_000
                tally.letters += len(found.ledger.letters)
                tally.counts.update(found.counts)
                acts = await found.rows("SELECT act, COUNT(*) FROM audit GROUP BY act")
                tally.counts.update({f"did {act}": count for act, count in acts})
                tally.counts["answers told"] += len(story.kept.get("said", ()))
                tally.counts["phones forgotten"] += len(story.gone)
        return story


async def _step(story: Story, name: str, number: int, tally: Tally | None) -> None:
    story.number = number
    story.random = randomness.Random(f"{name}/{number}")
    story.town.at += story.random.randrange(1, 5_000)
    story.before, story.since = await scene(story.town), Since([], [], [])
    story.whose, story.sense, story.mark = None, "", story.town.ledger.asked
    weights = [weight for weight, _ in RULES.values()]
    [chosen] = story.random.choices(list(RULES), weights)
    if tally is not None:
        tally.steps += 1
        tally.rules[chosen] += 1
    try:
        await RULES[chosen][1](story)
    except Untrue:
        raise
    except Exception as error:
        raise Untrue(f"an exception in {chosen}: {type(error).__name__}", error) from error
    story.after = await scene(story.town)
    await _look(story, ALWAYS)


async def _look(story: Story, truths: Sequence[Truth]) -> None:
    for truth in truths:
        try:
            await truth(story)
        except Untrue as error:
            if error.what not in story.but:
                raise


async def chapter(
    folder: Path, seed: int, number: int, steps: int, tally: Tally, but: tuple[str, ...] = ()
) -> None:
    """Live through one chapter; where it goes wrong, find the fewest steps that do."""
    name = f"{seed}/{number}"
    place = folder / "chapter"
    try:
        await live(_fresh(place), name, range(1, steps + 1), tally, but)
    except Untrue as error:
        tally.chapters_wrong += 1
        tally.wrong += [
            f"chapter {number}, step {error.number}: --seed {seed} --from {number}",  # type: ignore[attr-defined]
            f"    {error}",
        ]
        few = await _fewest(folder, name, range(1, error.number + 1), error.what, but)  # type: ignore[attr-defined]
        tally.wrong += [f"    {line}" for line in few]
        tally.told()


def _fresh(place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    return place


async def _fewest(
    folder: Path, name: str, steps: Sequence[int], what: str, but: tuple[str, ...]
) -> list[str]:
    """Return what happened in the fewest steps that go wrong in the same way."""
    notes: list[str] = []
    until = time.monotonic() + MOST_SECONDS

    async def fails(part: Sequence[int]) -> bool:
        if time.monotonic() > until:
            return False
        try:
            await live(_fresh(folder / "again"), name, part, None, but)
        except Untrue as error:
            if error.what == what:
                notes[:] = [f"in these steps: {list(part)}", str(error), *error.__notes__]
                return True
        return False

    if not await fails(steps):
        return ["it did not go wrong again"]
    await shrunk(steps, fails, MOST_TRIES)
    return [line for note in notes for line in note.splitlines()]


async def series(
    folder: Path, seed: int, steps: int, first: int = 0, size: int = CHAPTER, most: int = 1,
    but: tuple[str, ...] = (), *, show: bool = False,
) -> Tally:  # fmt: skip
    """Live through as many chapters as there are steps, or until so many went wrong."""
    tally = Tally(show=show)
    number = first
    with quietly():
        while tally.steps < steps and tally.chapters_wrong < most:
            await chapter(folder, seed, number, min(size, steps - tally.steps), tally, but)
            number += 1
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Live through so many steps, say what came of them, and return 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chance.months", description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=randomness.randrange(1, 1_000_000))
    parser.add_argument("--from", dest="first", type=int, default=0, help="the chapter to begin at")
    parser.add_argument("--most", type=int, default=1, help="go on until so many went wrong")
    parser.add_argument("--but", nargs="*", default=[], help="what is known to be untrue")
    options = parser.parse_args(arguments)
    print(f"steps {options.steps} seed {options.seed}", flush=True)  # noqa: T201
    memory = Path("/dev/shm")  # noqa: S108  a disk's pace is no matter here
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        tally = asyncio.run(
            series(
                Path(folder),
                options.seed,
                options.steps,
                options.first,
                most=options.most,
                but=tuple(options.but),
                show=True,
            )
        )
    took = time.monotonic() - began
    for name, count in sorted((*tally.rules.items(), *tally.counts.items())):
        print(f"    {name}: {count}")  # noqa: T201
    print(  # noqa: T201
        f"{tally.steps} steps, {tally.days} days, {tally.letters} messages sent in {took:.0f} s,"
        f" {took / max(tally.steps, 1) * 1_000:.1f} ms a step: {'WRONG' if tally.wrong else 'ok'}"
    )
    return int(bool(tally.wrong))


if __name__ == "__main__":
    sys.exit(main())
