from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.dialog.manners import Manners, Quiet
from handlers.dialog.preview import Preview, Tariff, preview
from storage import pace
from storage.audience import All, Platform, Term
from storage.instant import DAY, HOUR, MINUTE
from tests.handlers.conftest import NOON

TARIFFS = {
    "sms": Tariff(segments=True, rate=10, price=0.04, currency="USD"),
    "free": Tariff(segments=True, rate=1, price=0, currency="USD"),
    "telegram": Tariff(segments=False, rate=30, price=0.5, currency="EUR"),
    "other": Tariff(segments=True, rate=2, price=2, currency="EUR"),
}


async def shown(store, texts, audience=None, alliance=None, now=NOON):
    """Return the preview."""
    return await store.write(
        lambda tx: preview(tx, alliance or store.alliance, audience or All(), texts, TARIFFS, now)
    )


async def told(store, member, at):
    """Let a member have been told something unsolicited at an instant."""
    await store.run(
        "INSERT INTO outbox (kind, member_id, channel, status, queued_at, sent_at, expires_at)"
        " VALUES (1, :member, 'sms', 'sent', :at, :at, :at)",
        member=member, at=at,
    )  # fmt: skip


async def test_nobody_costs_nothing(store):
    """An audience without people has figures of zero, and lacks every type of the menu."""
    assert await shown(store, {"en": "Hello"}) == Preview(
        people=0, unreachable=0, stopped=0, segments=0, cost={}, seconds=0, held={}, capped=0,
        over_budget=0, types_with_nobody=("water_users", "business"), other_language={}, longest=1,
    )  # fmt: skip


async def test_segments_cost_and_time_are_those_of_each_persons_language_and_channel(store):
    """Worked out by hand: two languages of different length over four channels."""
    store.alliance = replace(store.alliance, languages=("en", "es", "fr"))
    texts = {"en": "x" * 161, "es": "x" * 320}  # 2 and 3 segments
    for last in range(4):
        await store.member(last)  # sms, en: 4 x 2
    for last in range(10, 13):
        await store.member(last, language="es")  # sms, es: 3 x 3
    await store.member(20, language="fr")  # sms, the default: 1 x 2
    await store.member(21, language="")  # sms, the default, and no other language
    for last in range(30, 35):
        await store.member(last, channel="telegram", language="es")
    await store.member(40, channel="free")  # free, 2 segments
    await store.member(50, channel="other", language="es")  # other, 3 segments
    await store.member()  # nowhere
    await store.member(60, channel="gone")  # on a channel that is not configured any more
    found = await shown(store, texts)
    assert found.people == 18
    assert found.unreachable == 2
    assert found.segments == 8 + 9 + 2 + 2 + 2 + 3
    assert found.cost == pytest.approx({"USD": 21 * 0.04, "EUR": 3 * 2})
    # sms 21/10 s, telegram 5/30 s, free 2/1 s, other 3/2 s: the slowest, rounded up.
    assert found.seconds == 3
    assert found.other_language == {"fr": 1}
    assert found.longest == 3


async def test_who_stopped_is_told_apart(store):
    """Those who stopped are no recipients, and named as a figure of their own."""
    for last in range(3):
        await store.member(last)
    await store.run("UPDATE members SET stopped_at = 1 WHERE id = 2")
    found = await shown(store, {"en": "Hello"})
    assert (found.people, found.stopped, found.segments) == (2, 1, 2)


async def test_a_curly_quote_does_not_cost_a_segment_more(store):
    """The size is that of the text as it will leave."""
    await store.member(0)
    assert (await shown(store, {"en": "\u201c" + "x" * 159})).segments == 1
    assert (await shown(store, {"en": "\u0434" * 71})).longest == 2


async def test_who_hears_first_from_us_takes_more(store):
    """Before the first message to somebody others signed up stands who writes: it costs too."""
    for last in range(3):
        await store.member(last)
    await store.run("UPDATE members SET introduced = FALSE WHERE id = 1")
    found = await shown(store, {"en": "x" * 160})
    assert (found.segments, found.longest) == (1 + 1 + 2, 1)


async def test_people_are_held_by_their_own_clock(store):
    """It is quiet by the zone of the member's platform, else of the alliance."""
    alliance = replace(store.alliance, manners=Manners(quiet=Quiet(20 * 60, 8 * 60)))
    east = await store.platform("east", "East")
    await store.run("UPDATE platforms SET timezone = 'Asia/Tokyo'")  # 21:00 at noon UTC
    west = await store.platform("west", "West")
    await store.member(0, platform=east)
    await store.member(1, platform=east)
    await store.member(2, platform=west)
    await store.member(3)
    found = await shown(store, {"en": "Hello"}, alliance=alliance)
    assert found.held == {NOON + 11 * HOUR: 2}
    late = NOON + 9 * HOUR  # 21:00 UTC, 06:00 in Tokyo
    found = await shown(store, {"en": "Hello"}, alliance=alliance, now=late)
    assert found.held == {late + 2 * HOUR: 2, late + 11 * HOUR: 2}


@pytest.mark.parametrize(
    ("per_day", "per_week", "capped"), [(0, 0, 0), (1, 0, 1), (2, 0, 0), (0, 2, 2), (1, 2, 2)]
)
async def test_people_who_have_had_their_messages_are_capped(store, per_day, per_week, capped):
    """By today's messages and by those of the seven days that end today."""
    manners = Manners(quiet=Quiet(), per_day=per_day, per_week=per_week)
    alliance = replace(store.alliance, manners=manners)
    midnight = NOON - 12 * HOUR
    sent = {
        0: [midnight + MINUTE],
        1: [midnight - MINUTE, midnight - 6 * DAY + MINUTE],
        2: [midnight - 6 * DAY - MINUTE, midnight - 5 * DAY],
        3: [],
        4: [NOON - HOUR - DAY, NOON - 2 * DAY],
    }
    for last, instants in sent.items():
        member = await store.member(last)
        for at in instants:
            await told(store, member, at)
    found = await shown(store, {"en": "Hello"}, alliance=alliance)
    assert found.capped == capped


@pytest.mark.parametrize(
    ("budget", "spent", "over"), [(0, 900, 0), (100, 0, 0), (100, 96, 2), (100, 94, 0),
                                  (100, 99, 5), (100, 100, 6), (100, 250, 6)]
)  # fmt: skip
async def test_segments_beyond_the_months_budget_are_told(store, budget, spent, over):
    """What exceeds the budget after what the month has cost; never more than this would take."""
    alliance = replace(store.alliance, manners=Manners(quiet=Quiet(), monthly_segments=budget))
    for last in range(3):
        await store.member(last)
    november = 1_793_491_200_000
    await store.write(lambda tx: pace.spend(tx, "sms", november, spent))
    await store.write(lambda tx: pace.spend(tx, "sms", november - DAY, 1_000))
    found = await shown(store, {"en": "x" * 161}, alliance=alliance)
    assert (found.segments, found.over_budget) == (6, over)


async def test_types_of_the_menu_with_nobody_are_named(store):
    """Who is not heard is told: types of the menu alone, within the audience alone."""
    city = await store.platform("city", "Springfield")
    await store.member(0, type_="business", platform=city)
    await store.member(1, type_="water_users")
    assert (await shown(store, {"en": "Hello"})).types_with_nobody == ()
    found = await shown(store, {"en": "Hello"}, Platform("city"))
    assert (found.people, found.types_with_nobody) == (1, ("water_users",))
    found = await shown(store, {"en": "Hello"}, Term("type", "donor"))
    assert (found.people, found.types_with_nobody) == (0, ("water_users", "business"))
