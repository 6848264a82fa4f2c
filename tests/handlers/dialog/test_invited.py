from __future__ import annotations

from handlers.dialog import invited
from storage import rounds
from storage.audience import Platform
from storage.instant import DAY, HOUR


async def test_a_person_may_answer_open_rounds_of_an_audience_they_are_in(store):
    """Neither closed rounds, nor those of others, nor sign-up; the soonest to close first."""
    east = await store.platform("east", "East")
    await store.member(1, platform=east)
    await store.member(2)
    for_all = await store.poll(lasts=3 * DAY)
    for_east = await store.poll(to=Platform("east"), lasts=DAY)
    over = await store.poll(lasts=HOUR)
    await store.say(3, "JOIN")
    store.now += 2 * HOUR
    seen = {}
    for last in (1, 2):
        found, _ = await store.turn(last, invited.to)
        seen[last] = [round_.code for round_ in found]
    assert seen == {1: [for_east.code, for_all.code], 2: [for_all.code]}
    assert over.code not in seen[1]


async def test_a_round_without_an_audience_is_for_every_member(store):
    """No audience means all."""
    await store.member(1)
    round_ = await store.poll()
    await store.run("UPDATE rounds SET audience = ''")
    round_ = await store.write(lambda tx: rounds.by_id(tx, round_.id))
    assert (await store.turn(1, lambda turn: invited.is_to(turn, round_)))[0] is True
    assert (await store.turn(2, lambda turn: invited.is_to(turn, round_)))[0] is False


async def test_the_platform_that_asks_leads_else_the_alliance(store):
    """A question names who asks."""
    await store.platform("city", "Springfield")
    east = await store.platform("east", "East of the river")
    for platform, name in ((None, "Springfield Water"), (east, "East of the river")):
        assert await store.write(lambda tx, p=platform: invited.lead(tx, store.alliance, p)) == name
