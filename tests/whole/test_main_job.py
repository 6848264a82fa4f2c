"""The main job, end to end: join, answer, change the answer, hear the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.text import segments

if TYPE_CHECKING:
    from tests.whole.world import World


async def test_a_stranger_joins_votes_changes_and_hears(here: World) -> None:
    """Somebody with a basic phone does the whole job with digits, in two segments at most."""
    await here.platform("city", "Springfield")
    await here.platform("east", "East", "city")
    await here.platform("west", "West", "city")
    ada = here.phone(0)
    said = await ada.say("JOIN west")
    assert "do you agree? 1 Yes 2 No" in said[0]
    said += await ada.say("1")
    assert "Who do you speak for?" in said[-1]
    for answer, heard in (("1", "Which organisation"), ("0", "call you"), ("Ada", "Welcome")):
        said += await ada.say(answer)
        assert heard in said[-1]
    round_ = await here.poll()
    said += await ada.hear()
    assert "Which first? 1 Taps 2 Price 3 Drains 0 Skip" in said[-1]
    said += await ada.say("1")
    assert "We have: 1 Taps" in said[-1]
    said += await ada.say("2")
    assert "We have: 2 Price" in said[-1]
    await here.close(round_)
    said += await ada.hear()
    assert f"Result {round_.code}: Which first? Taps 0, Price 1, Drains 0. 1 answered" in said[-1]
    assert [text for text in said if segments(text) > 2] == []
    assert await here.rows("SELECT alias, type, sector FROM members") == [
        ("Ada", "water_users", "civil")
    ]
