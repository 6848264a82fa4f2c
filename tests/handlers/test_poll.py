from __future__ import annotations

import json
from dataclasses import replace

import pytest

from handlers import poll
from handlers.dialog.perform import introduced
from handlers.dialog.text import segments
from storage.audience import All, And, Or, Platform, Term
from storage.errors import BadInput
from storage.instant import DAY, HOUR
from tests.handlers.conftest import ALLIANCE, NOON

TWO = ("Taps", "Price")


@pytest.mark.parametrize(
    ("question", "options", "told"),
    [
        ("", TWO, "1 to 80 characters, this 0"),
        (" \n ", TWO, "1 to 80 characters, this 0"),
        ("x" * 81, TWO, "1 to 80 characters, this 81"),
        ("Which?", (), "2 to 4 options, this 0"),
        ("Which?", ("Taps",), "2 to 4 options, this 1"),
        ("Which?", ("1", "2", "3", "4", "5"), "2 to 4 options, this 5"),
        ("Which?", ("Taps", ""), "1 to 18 characters: ''"),
        ("Which?", ("Taps", "  "), "1 to 18 characters: ''"),
        ("Which?", ("Taps", "x" * 19), "1 to 18 characters"),
        ("Which?", ("Taps", "Stop"), "'Stop' is a word people send for something else"),
        ("Which?", ("Taps", "hElP"), "'hElP' is a word"),
        ("Which?", ("Taps", " polls "), "'polls' is a word"),
        ("Which?", ("Taps", "2"), "'2' is a number"),
        ("Which?", ("Taps", "(٣)"), "is a number"),
        ("Which?", ("Taps", "taps"), "two options are the same"),
        ("Which?", ("Taps", "Ta\u0301ps"), "two options are the same"),
    ],
)
def test_a_poll_that_can_not_be_asked_is_refused(question, options, told):
    """What is wrong with a question or an option is told in words one can act on."""
    with pytest.raises(BadInput, match=told):
        poll.form(ALLIANCE, question, options, named=False)


@pytest.mark.parametrize("named", [True, False])
async def test_a_poll_at_its_bounds_takes_two_segments(store, named):
    """The longest question and options of any alliance fit, also where we say who writes."""
    longest = replace(ALLIANCE, name="A" * 24)
    form = poll.form(longest, "q" * 80, [c * 18 for c in "abcd"], named=named)
    closes_at = NOON + 320 * DAY + HOUR // 2
    texts = await store.write(
        lambda tx: poll.texts(tx, longest, form, longest.name, closes_at, NOON)
    )
    assert segments(introduced(longest, "en", texts["en"])) == 2


async def test_a_poll_is_asked_as_it_was_written(store):
    """Spaces and typographic signs are made plain; the options are numbered in their order."""
    form = poll.form(ALLIANCE, "Which\u2014 first\u2026?\n", ("Broken  taps", "24/7"), named=False)
    texts = await store.write(lambda tx: poll.texts(tx, ALLIANCE, form, "Nima", NOON + DAY, NOON))
    assert texts == {
        "en": "Nima: Which- first...? 1 Broken taps 2 24/7 0 Skip. Send one number."
        " Send by Thu 12:00. No names shown."
    }
    assert (form.privacy, [o.value for o in form.questions[0].options]) == (
        "anonymous", ["1", "2"],
    )  # fmt: skip
    assert poll.form(ALLIANCE, "Which?", TWO, named=True).privacy == "named"


@pytest.mark.parametrize("people", [0, 4])
async def test_an_anonymous_poll_needs_five_to_hide_among(store, people):
    """Fewer than five people are asked only by name."""
    for _ in range(people):
        await store.member(sector="civil")
    await store.member(sector="public")
    form = poll.form(ALLIANCE, "Which?", TWO, named=False)
    with pytest.raises(BadInput, match=f"audience of 5, this one has {people}"):
        await store.write(
            lambda tx: poll.poll(
                tx, ALLIANCE, Term("sector", "civil"), form, closes_at=NOON + HOUR, by=None,
                now=NOON,
            )
        )  # fmt: skip
    assert await store.rows("SELECT 1 FROM rounds UNION ALL SELECT 1 FROM batches") == []


async def test_people_who_stopped_are_none_to_hide_among(store):
    """Those who asked us to stop are not counted as asked."""
    for _ in range(5):
        await store.member()
    await store.run("UPDATE members SET stopped_at = 1 WHERE id = 3")
    with pytest.raises(BadInput, match="this one has 4"):
        await store.poll(named=False)


@pytest.mark.parametrize("closes_at", [NOON, NOON - 1])
async def test_a_poll_closes_after_it_opens(store, closes_at):
    """A poll that would be over before it began is refused."""
    form = poll.form(ALLIANCE, "Which?", TWO, named=True)
    with pytest.raises(BadInput, match="before it opens"):
        await store.write(
            lambda tx: poll.poll(tx, ALLIANCE, All(), form, closes_at=closes_at, by=None, now=NOON)
        )


@pytest.mark.parametrize(("lasts", "expires"), [(2 * HOUR, 2 * HOUR), (72 * HOUR, 48 * HOUR)])
async def test_a_poll_opens_a_round_and_queues_its_question(store, lasts, expires):
    """Round and broadcast are added together, and the question is stale at the close at last."""
    for _ in range(5):
        await store.member()
    round_ = await store.poll(named=False, to=Term("lang", "en"), lasts=lasts)
    assert (round_.code, round_.state, round_.audience) == ("P1", "open", "lang:en")
    assert round_.closes_at == NOON + lasts
    [(number, kind, round_id, texts, expires_at, solicited)] = await store.rows(
        "SELECT id, kind, round_id, texts, expires_at, solicited FROM batches"
    )
    assert (kind, round_id, expires_at, solicited) == ("poll", round_.id, NOON + expires, 0)
    assert json.loads(texts)["en"].startswith("Springfield Water: Which first? 1 Taps 2 Price")
    assert await store.rows("SELECT act, subject_id FROM audit") == [("poll", number)]


async def test_a_platform_asks_in_its_own_name(store):
    """An audience that is of one platform is asked by it, any other by the alliance."""
    east = await store.platform("east", "East")
    await store.member(1, platform=east)
    of_east = await store.poll(to=And((Platform("east"), Term("lang", "en"))))
    of_all = await store.poll(to=Or((Platform("east"), Term("lang", "en"))))
    assert (of_east.platform_id, of_all.platform_id) == (east, None)
    rows = await store.rows("SELECT platform_id, texts FROM batches ORDER BY id")
    assert [(row[0], json.loads(row[1])["en"].split(":")[0]) for row in rows] == [
        (east, "East"), (None, "Springfield Water"),
    ]  # fmt: skip


async def test_the_preview_shows_what_will_be_sent(store):
    """The text of the preview, in the language it was written in, is the text that leaves."""
    store.alliance = replace(ALLIANCE, languages=("en", "es"))
    await store.platform("east", "East")
    form = poll.form(store.alliance, "Which?", TWO, named=True)
    until = NOON + DAY
    shown = await store.write(
        lambda tx: poll.preview_texts(tx, store.alliance, Platform("east"), form, until, NOON)
    )
    await store.write(
        lambda tx: poll.poll(
            tx, store.alliance, Platform("east"), form, closes_at=until, by=None, now=NOON
        )
    )
    kept = json.loads(await store.scalar("SELECT texts FROM batches"))
    assert list(shown) == ["en"]
    assert shown["en"] == kept["en"]
    assert sorted(kept) == ["en", "es"]


async def test_the_same_question_asked_again_is_a_new_round(store):
    """Asking the same once more is another version of the form, so nothing clashes."""
    codes = [(await store.poll()).code for _ in range(2)]
    assert codes == ["P1", "P2"]
    assert await store.rows("SELECT version FROM forms ORDER BY id") == [(1,), (2,)]
