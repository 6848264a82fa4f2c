"""`python -m tests.chance.texts`: a great many random texts, each of which must be dealt with.

No message fails, none changes anything without an answer, and nobody is answered for nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random as randomness
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chance.crowd import Crowd, Tally, exchange
from tests.chance.quiet import quietly
from tests.chance.shrinking import shrunk
from tests.chance.town import town

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chance.answered import Wrong
    from tests.chance.crowd import Said

CHAPTER = 5_000
TOGETHER = 48
TONGUES = (("en",), ("en", "es"), ("es", "ar", "en"), ("en", "fr", "es"), ("ar",))
PLACES = (0, 2, 3, 12)
MANNERS = """
quiet = ""
per_day = 0
per_week = 0
replies_per_hour = 1000000
replies_per_day = 1000000
"""


async def chapter(
    folder: Path, seed: int, number: int, texts: int, tally: Tally, until: int = 0
) -> Crowd | None:
    """Live through one chapter; what goes wrong is kept in the tally, and ends it.

    With `until` it stops before that group, and leaves a copy of all that is kept in the folder.
    """
    random = randomness.Random(f"{seed}/{number}")
    languages = random.choice(TONGUES)
    async with town(folder, random, languages, MANNERS) as found:
        told = Crowd(found, random, languages, tally)
        await told.begin(random.choice(PLACES))
        left = texts
        while left > 0:
            if told.group + 1 == until:
                await found.settled()
                await told.town.database.backup(folder / "before.db", lambda *_: None)  # type: ignore[attr-defined]
                return told
            size = min(TOGETHER, left)
            wrong = await told.turn(size)
            left -= size
            if wrong:
                tally.chapters_wrong += 1
                tally.wrong += await _explained(folder, seed, number, texts, told, wrong)
                return told
    return None


async def _explained(
    folder: Path, seed: int, number: int, texts: int, told: Crowd, wrong: Sequence[Wrong]
) -> list[str]:
    """Return what went wrong, with the shortest text that does it where one alone does."""
    lines = [f"chapter {number}, group {told.group}: --seed {seed} --from {number}"]
    for one in wrong[:5]:
        said = told._last.get(one.whose) if one.whose else None
        lines += [f"    {one.what}: {one.detail}", f"        by {said!r:.1000}"]
        if said is not None:
            least = await _shortest(folder, seed, number, texts, told, said, one)
            lines.append(f"        shortest: {least}")
    return lines


async def _shortest(
    folder: Path, seed: int, number: int, texts: int, told: Crowd, said: Said, wrong: Wrong
) -> str:
    """Go back to just before the group, send one of its messages alone, shorter and shorter."""
    if not hasattr(told.town.database, "backup"):
        return "not looked for on this engine"
    again = folder / "again"
    shutil.rmtree(again, ignore_errors=True)
    again.mkdir()
    then = await chapter(again, seed, number, texts, Tally(), until=told.group)
    assert then is not None

    async def fails(part: Sequence[str]) -> bool:
        field_ = "data" if said.kind == "choice" else "text"
        one = replace(said, **{field_: "".join(part)})
        return any(w.what == wrong.what for w in await _alone(again, then, one))

    if not await fails(said.data if said.kind == "choice" else said.text):
        return "it takes more than this message alone"
    return repr("".join(await shrunk(said.data if said.kind == "choice" else said.text, fails)))


async def _alone(folder: Path, then: Crowd, said: Said) -> Sequence[Wrong]:
    trial = folder / "trial"
    shutil.rmtree(trial, ignore_errors=True)
    trial.mkdir()
    shutil.copy(folder / "before.db", trial / "town.db")
    random = randomness.Random(1)
    async with town(trial, random, then.town.alliance.languages, MANNERS) as found:
        found.at = then.town.at
        return (await exchange(found, [said])).wrong


async def series(
    folder: Path, seed: int, texts: int, first: int = 0, size: int = CHAPTER, most: int = 1
) -> Tally:
    """Live through as many chapters as there are texts for, or until so many went wrong."""
    tally = Tally()
    number = first
    with quietly():
        while tally.texts < texts and tally.chapters_wrong < most:
            place = folder / f"chapter{number}"
            place.mkdir()
            await chapter(place, seed, number, min(size, texts - tally.texts), tally)
            shutil.rmtree(place, ignore_errors=True)
            number += 1
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Send so many texts, say what came of them, and return 1 where something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chance.texts", description=__doc__)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=randomness.randrange(1, 1_000_000))
    parser.add_argument("--from", dest="first", type=int, default=0, help="the chapter to begin at")
    parser.add_argument("--most", type=int, default=1, help="go on until so many went wrong")
    options = parser.parse_args(arguments)
    print(f"texts {options.texts} seed {options.seed}", flush=True)  # noqa: T201
    memory = Path("/dev/shm")  # noqa: S108  a disk's pace is no matter here
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        tally = asyncio.run(
            series(
                Path(folder), options.seed, options.texts, options.first, most=options.most
            )
        )  # fmt: skip
    took = time.monotonic() - began
    for name, count in sorted(tally.counts.items()):
        print(f"    {name}: {count}")  # noqa: T201
    for line in tally.wrong:
        print(line)  # noqa: T201
    print(  # noqa: T201
        f"{tally.texts} texts in {took:.0f} s, {tally.texts / took:.0f} a second:"
        f" {'WRONG' if tally.wrong else 'ok'}"
    )
    return int(bool(tally.wrong))


if __name__ == "__main__":
    sys.exit(main())
