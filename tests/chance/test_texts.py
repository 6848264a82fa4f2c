"""Random texts: a short series of those that `python -m tests.chance.texts` makes a million of."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from storage.instant import HOUR
from tests.chance.answered import judge
from tests.chance.carriers import SMS
from tests.chance.crowd import Said, exchange
from tests.chance.scene import scene, since
from tests.chance.shrinking import shrunk
from tests.chance.speech import Speech
from tests.chance.texts import MANNERS, series
from tests.chance.town import town

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = {"sqlite": 3_000, "postgresql": 1_500}
ADA = (SMS, "+12025551001")


async def test_no_text_fails_or_does_something_unanswered(tmp_path: Path, engine: str) -> None:
    """Whatever is written, it is dealt with; what it changes is answered, and nothing else is."""
    tally = await series(tmp_path, 1, TEXTS[engine], size=1_500)
    assert tally.wrong == []
    assert tally.counts["accepted"] + tally.counts["duplicate"] == TEXTS[engine]
    assert tally.counts["failed"] == 0
    # It has tried something: each kind of person wrote, and each kind of thing came of it.
    assert min(
        tally.counts[name] for name in ("answered", "silent", "duplicate", "with an effect")
    ) > 0  # fmt: skip
    assert min(
        tally.counts[f"of {name}"]
        for name in ("strangers", "joining", "members", "stopped", "coordinators and the like")
    ) > 0  # fmt: skip


@pytest.mark.sqlite_only
async def test_an_effect_without_an_answer_is_found(tmp_path: Path) -> None:
    """Where something changes and no reply is queued, whose message it was is told."""
    async with town(tmp_path, Random(1), ("en",), MANNERS) as here:
        member_id = await here.settle_in(*ADA)
        before = await scene(here)
        await here.run("UPDATE members SET type = 'donor' WHERE id = :id", id=member_id)
        verdict = judge(here, before, await scene(here), await since(here, before), {ADA: False})
        assert [(one.what, one.whose) for one in verdict.wrong] == [
            ("an effect without an answer", ADA)
        ]


@pytest.mark.sqlite_only
async def test_a_failure_and_a_reply_to_nobody_are_found(tmp_path: Path) -> None:
    """A message that fails is told, and so is a reply without a message."""
    async with town(tmp_path, Random(1), ("en",), MANNERS) as here:
        await here.settle_in(*ADA)
        before = await scene(here)
        await here.run(
            "INSERT INTO inbound (channel, key, address_id, kind, state, at)"
            " SELECT channel, 'k', id, 'text', 'failed', 0 FROM addresses"
        )
        await here.run(
            "INSERT INTO outbox (kind, channel, recipient, queued_at, expires_at)"
            " VALUES (0, 'sms', '+12025551002', 0, :at)",
            at=here.at + HOUR,
        )
        verdict = judge(here, before, await scene(here), await since(here, before), {ADA: False})
        assert {one.what for one in verdict.wrong} == {
            "a message failed", "a reply to nobody's message"
        }  # fmt: skip


@pytest.mark.sqlite_only
async def test_what_is_brought_is_answered(tmp_path: Path) -> None:
    """A text comes by the channel's own door, and its answer leaves to the carrier."""
    async with town(tmp_path, Random(1), ("en",), MANNERS) as here:
        verdict = await exchange(here, [Said(ADA, 1, "HELP \ud800")])
        assert (verdict.wrong, verdict.answered) == ([], {ADA})
        assert [letter.to for letter in here.ledger.letters] == [ADA[1]]


@pytest.mark.sqlite_only
def test_a_seed_makes_the_same_texts() -> None:
    """What is said follows from the seed alone."""
    one, other = (Speech(Random(7), ("en", "es")) for _ in range(2))
    assert [one.text() for _ in range(500)] == [other.text() for _ in range(500)]


@pytest.mark.sqlite_only
async def test_what_goes_wrong_is_made_short() -> None:
    """Of what fails only what it takes is left."""

    async def fails(part: object) -> bool:
        return {3, 11} <= set(part)  # type: ignore[call-overload]

    assert await shrunk(list(range(20)), fails) == [3, 11]
