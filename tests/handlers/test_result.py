from __future__ import annotations

import pytest

from handlers.close import close
from handlers.dialog.results import Group, Result
from handlers.result import WHICH, result
from storage import rounds


async def voted(store, *, named, sectors):
    """Ask people of these sectors; each answers 1, the last of all 2; return the round."""
    for last, sector in enumerate(sectors):
        await store.member(last, sector=sector)
    round_ = await store.poll(named=named)
    for member in range(1, len(sectors) + 1):
        await store.answer(round_, member, "2" if member == len(sectors) else "1")
    return round_


async def shown(store, round_):
    """Return what is shown of the first question now."""

    async def unit(tx):
        found = await rounds.by_id(tx, round_.id)
        return (await result(tx, store.alliance, found, store.now))[1][0]

    return await store.write(unit)


async def test_before_the_close_nothing_is_shown_by_group(store):
    """Totals alone, from five answers on; by group, once and for all, from the close on."""
    sectors = ["civil"] * 5 + ["public"] * 2 + ["civil"]
    round_ = await voted(store, named=False, sectors=sectors)
    counts = {"1": 7, "2": 1, "3": 0}
    assert await shown(store, round_) == Result(8, counts, ())
    await store.write(lambda tx: close(tx, store.alliance, round_, None, store.now))
    groups = (Group("civil", None), Group("public", None))
    assert await shown(store, round_) == Result(8, counts, groups)


async def test_a_closed_result_never_changes(store):
    """What was computed at the close is shown ever after, whoever moves or goes."""
    round_ = await voted(store, named=False, sectors=["civil"] * 6)
    await store.write(lambda tx: close(tx, store.alliance, round_, None, store.now))
    before = await shown(store, round_)
    assert before == Result(6, {"1": 5, "2": 1, "3": 0}, (Group("civil", {"1": 5, "2": 1}),))
    await store.run("UPDATE members SET sector = 'public', state = 'erased'")
    assert await shown(store, round_) == before


@pytest.mark.parametrize("named", [True, False])
async def test_few_answers_are_shown_of_a_named_round_alone(store, named):
    """An anonymous round hides its totals under five answers, before and after the close."""
    round_ = await voted(store, named=True, sectors=["civil"] * 4)
    await store.run("UPDATE forms SET privacy = :p", p="named" if named else "anonymous")
    await store.run(
        "UPDATE forms SET body = REPLACE(body, '\"named\"', :p)",
        p='"named"' if named else '"anonymous"',
    )
    counts = {"1": 3, "2": 1, "3": 0} if named else None
    assert (await shown(store, round_)).counts == counts
    await store.write(lambda tx: close(tx, store.alliance, round_, None, store.now))
    assert (await shown(store, round_)).counts == counts
    told = (await store.say(1, "RESULT P1"))[0]
    assert ("Taps 3" in told) is named
    assert ("Fewer than 5 answered" in told) is not named


async def test_anybody_of_the_alliance_may_ask_for_a_result(store):
    """By its code in any case, while it is open and once it is closed."""
    round_ = await voted(store, named=False, sectors=["civil"] * 6)
    assert await store.say(0, "RESULT p1") == [
        "So far P1: Which first? Taps 5, Price 1, Drains 0. 6 answered."
    ]
    await store.write(lambda tx: close(tx, store.alliance, round_, None, store.now))
    assert await store.say(0, "result P1 please") == [
        "Result P1: Which first? Taps 5, Price 1, Drains 0. 6 answered. Thank you."
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("RESULT", WHICH.text),
        ("RESULT P9", "There is no poll P9. POLLS shows what is open."),
        ("RESULT JOIN", "There is no poll JOIN. POLLS shows what is open."),
        ("RESULT " + "x" * 30, f"There is no poll {'X' * 12}. POLLS shows what is open."),
    ],
)
async def test_what_is_no_poll_has_no_result(store, text, told):
    """Without a code, with an unknown one, and with sign-up's, one is told so."""
    await store.member(1)
    await store.say(2, "JOIN")
    assert await store.say(1, text) == [told]


async def test_one_answer_more_does_not_change_what_is_shown(store):
    """Of an open anonymous round the totals stand still until a group's worth more answered."""
    round_ = await voted(store, named=False, sectors=["civil"] * 5)
    first = await shown(store, round_)
    assert first.counts == {"1": 4, "2": 1, "3": 0}
    for last in range(6, 10):
        member = await store.member(last)
        await store.answer(round_, member, "2")
        assert await shown(store, round_) == first
    await store.answer(round_, 1, "3")  # a change of mind is no new answer
    assert await shown(store, round_) == first
    await store.answer(round_, await store.member(10), "2")
    assert (await shown(store, round_)).counts == {"1": 3, "2": 6, "3": 1}


@pytest.mark.parametrize("named", [True, False])
async def test_very_many_are_not_counted_again_at_once(store, monkeypatch, named):
    """A count stands the longer, the longer it took: as if each answer had taken 100 ms."""
    monkeypatch.setattr("handlers.result.STANDS", 1_000.0)
    round_ = await voted(store, named=named, sectors=["civil"] * 10)
    first = await shown(store, round_)
    assert first.answers == 10
    for last in range(20, 25):
        await store.answer(round_, await store.member(last), "2")
    store.now += 9_999
    assert await shown(store, round_) == first
    store.now += 1
    assert (await shown(store, round_)).counts == {"1": 9, "2": 6, "3": 0}
    store.now += 14_999
    assert (await shown(store, round_)).answers == 15


async def test_what_stands_still_is_not_counted_again_at_once_either(store, monkeypatch):
    """Of an anonymous round, where too few more have answered, the old count stands as long."""
    monkeypatch.setattr("handlers.result.STANDS", 1_000.0)
    round_ = await voted(store, named=False, sectors=["civil"] * 10)
    first = await shown(store, round_)
    await store.answer(round_, await store.member(20), "2")
    store.now += 10_000
    assert await shown(store, round_) == first
    for last in range(21, 25):
        await store.answer(round_, await store.member(last), "2")
    store.now += 9_999
    assert await shown(store, round_) == first
    store.now += 1
    assert (await shown(store, round_)).answers == 15
