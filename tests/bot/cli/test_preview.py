from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from bot.cli.preview import lines
from handlers.dialog.manners import Manners
from handlers.dialog.preview import Preview
from handlers.dialog.turn import Alliance
from storage.instant import DAY, HOUR

NOW = 1_767_225_600_000  # Thursday 2026-01-01, 00:00 UTC
ALLIANCE = Alliance("A", ("en", "es"), "GH", ZoneInfo("UTC"), Manners(), ())
NOTHING = {
    "people": 0,
    "unreachable": 0,
    "stopped": 0,
    "segments": 0,
    "cost": {},
    "seconds": 0,
    "held": {},
    "capped": 0,
    "over_budget": 0,
    "types_with_nobody": (),
    "other_language": {},
    "longest": 1,
}


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({"people": 400, "unreachable": 3}, "people: 400, of whom 3 can't be reached"),
        ({"stopped": 2}, "left out, as they asked us to stop: 2"),
        (
            {"segments": 800, "longest": 2, "cost": {"USD": 1032.5, "EUR": 1}},
            "segments: 800, 2 for each SMS; cost: 1,032.50 USD, 1.00 EUR",
        ),
        ({"seconds": 119}, "takes: 119 s at the channels' rate"),
        ({"seconds": 121}, "takes: 3 min at the channels' rate"),
        ({"seconds": 100_000}, "takes: 27 h 47 min at the channels' rate"),
        ({"held": {NOW + 8 * HOUR: 400}}, "held until 08:00: 400 (quiet hours)"),
        ({"held": {NOW + 32 * HOUR: 5}}, "held until Fri 8am: 5 (quiet hours)"),
        ({"capped": 9}, "held for a day or more: 9 (had their messages of the day or the week)"),
        ({"over_budget": 7}, "held until next month: 7 segments (over the month's budget)"),
        ({"other_language": {"es": 6}}, "read es, and get en: 6"),
        ({"types_with_nobody": ("donor", "media")}, "nobody of: donor, media"),
        ({}, "what has not left by Sat 00:00 will not be sent"),
    ],
)
def test_each_finding_has_its_line(found, line):
    """Every figure of the preview is told in plain words."""
    preview = Preview(**NOTHING | found)
    assert line in list(lines(preview, ALLIANCE, at=NOW, ends_at=NOW + 2 * DAY, now=NOW))


def test_only_what_there_is_to_tell():
    """What is nothing is not mentioned, but for people, segments and time."""
    told = list(lines(Preview(**NOTHING), ALLIANCE, at=NOW, ends_at=NOW + DAY, now=NOW))
    assert [line.split()[0] for line in told] == ["people:", "segments:", "takes:", "what"]


def test_a_later_start_is_told():
    """What leaves later says when, and what is held is counted from then."""
    preview = Preview(**NOTHING | {"held": {NOW + DAY + 8 * HOUR: 1}})
    told = list(lines(preview, ALLIANCE, at=NOW + DAY, ends_at=NOW + 3 * DAY, now=NOW))
    assert "leaves: Fri 00:00" in told
    assert "held until 08:00: 1 (quiet hours)" in told
