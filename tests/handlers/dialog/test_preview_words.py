"""What a coordinator is told before anything leaves: all of it, in two segments."""

from __future__ import annotations

import pytest

from handlers.dialog import preview_words
from handlers.dialog.preview import Preview
from handlers.dialog.text import plain, segments
from storage.instant import HOUR
from tests.handlers.conftest import NOON, number

PLAIN = {
    "people": 400, "unreachable": 0, "stopped": 0, "segments": 800, "cost": {}, "seconds": 80,
    "held": {}, "capped": 0, "over_budget": 0, "types_with_nobody": (), "other_language": {},
    "longest": 1,
}  # fmt: skip
ALL = PLAIN | {
    "people": 1_000_000, "unreachable": 100_000, "stopped": 90_000, "segments": 2_000_000,
    "cost": {"USD": 15_000.5}, "seconds": 45_000,
    "held": {NOON + 20 * HOUR: 400_000, NOON + 30 * HOUR: 1_000}, "capped": 500_000,
    "over_budget": 1_500_000,
    "types_with_nobody": ("water_users", "civil_society", "business", "supporter", "media"),
    "other_language": {"es": 10_000, "ar": 2_000},
}  # fmt: skip


async def said(store, one_question, **fields):
    """Return a preview as a phone is shown it."""
    await store.member(1)

    async def run(turn):
        found = Preview(**(PLAIN | fields))
        if one_question:
            return preview_words.short(turn, found, "4821")
        return preview_words.full(turn, found, "4821", "nima", "Water is off")

    return (await store.turn(1, run))[0]


async def test_a_small_one_is_short(store):
    """How to confirm it comes first."""
    assert await said(store, one_question=True) == (
        "To send it reply 4821, else NO. 400 people, 800 SMS, no cost known, 80 s."
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"held": {NOON + 20 * HOUR: 400}}, "Held until 08:00: 400."),
        ({"held": {NOON + 30 * HOUR: 4}}, "Held until Thu 6pm: 4."),
        ({"capped": 3}, "Had enough today or this week: 3."),
        ({"unreachable": 3}, "Out of reach: 3."),
        ({"stopped": 3}, "Asked us to stop: 3."),
        ({"over_budget": 9}, "Over the budget: 9 SMS."),
        ({"other_language": {"es": 4}}, "Read Español: 4."),
        ({"types_with_nobody": ("media", "donor")}, "Nobody of: media, donor."),
        ({"drafts": ("es", "ar")}, "Drafts, so told in another language: es, ar."),
        ({"people": 1}, "1 person, 800 SMS, "),
        ({"cost": {"USD": 12.056}}, "12.06 USD"),
        ({"seconds": 180}, "3 min."),
        ({"seconds": 45_000}, "12 h 30 min."),
    ],
)
@pytest.mark.parametrize("one_question", [True, False])
async def test_each_thing_is_said(store, fields, words, one_question):
    """On either kind of phone."""
    assert words in await said(store, one_question, **fields)


async def test_all_of_it_at_its_longest_takes_two_segments(store):
    """What does not fit becomes sums."""
    text = await said(store, one_question=True, **ALL)
    assert segments(plain(text)) <= 2
    assert "4821" in text
    assert "Held until Thu 6pm: 401000." in text
    assert "Out of reach: 100000." in text
    assert "Nobody of 5 types." in text
    assert "Read another language: 12000." in text


async def test_what_still_does_not_fit_goes_last_first(store, monkeypatch):
    """Of a language whose letters take more room: what it costs is always there."""
    monkeypatch.setattr(preview_words, "MOST_SEGMENTS", 1)
    text = await said(store, one_question=True, **ALL)
    assert "2000000 SMS" in text
    assert "Nobody" not in text
    assert segments(plain(text)) == 1


async def test_where_there_is_room_all_is_shown(store):
    """With the text that will be sent, and each figure in full."""
    text = await said(store, one_question=False, **ALL)
    assert "To nima:\nWater is off" in text
    for words in ("USD", "08:00: 400000", "Thu 6pm: 1000", "water_users", "Español: 10000", "4821"):
        assert words in text, words
    assert number(1) not in text
