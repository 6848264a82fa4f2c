from __future__ import annotations

import pytest

from handlers.close import close
from handlers.dialog import late
from handlers.dialog.late import LATE, TOO_LATE
from storage.instant import DAY, HOUR


async def closed(store, *, answered=True):
    """Return a round that has closed, of which the phone 1 was asked."""
    member = await store.member(1)
    round_ = await store.poll()
    if answered:
        await store.answer(round_, member, "1")
    await store.write(lambda tx: close(tx, store.alliance, round_, None, store.now))
    return round_


async def take(store, text):
    """Let a text be taken as too late; return whether it was, and what was said."""
    taken, turn = await store.turn(1, late.take, text)
    return taken, [reply.text for reply in turn.replies]


@pytest.mark.parametrize(
    "text", ["2", " 2. ", "٢", "7", "1 3", "Price", "price!", "2 Price", "2) PRICE.", "(3) drains"]
)
async def test_a_late_choice_is_refused_and_forgotten(store, text):
    """Digits, and an option's own words with or without its digit."""
    await closed(store)
    assert await take(store, text) == (True, [TOO_LATE.text])
    assert await store.rows("SELECT text FROM inbound") == [("",)]


@pytest.mark.parametrize(
    "text", ["The price is too high", "Prices", "2 taps are broken", "When is it?", ""]
)
async def test_other_words_are_no_choice(store, text):
    """A message that only mentions an option is for the coordinator."""
    await closed(store)
    assert await take(store, text) == (False, [])
    assert await store.rows("SELECT text FROM inbound") == [(text,)]


async def test_after_a_week_a_digit_is_nothing_any_more(store):
    """The close is long ago by then."""
    await closed(store)
    store.now += LATE - HOUR
    assert (await take(store, "2"))[0] is True
    store.now += HOUR
    assert await take(store, "2") == (False, [])


async def test_who_was_never_asked_has_no_late_answer(store):
    """Neither a member whom nobody asked, nor a stranger."""
    await closed(store, answered=False)
    assert await take(store, "2") == (False, [])
    taken, turn = await store.turn(9, late.take, "2")
    assert (taken, turn.replies) == (False, [])


async def test_a_day_after_the_echo_an_answer_changes_by_its_code(store):
    """While the round is open, a late digit or word is told how; other words are not."""
    member = await store.member(1)
    await store.open(await store.poll(lasts=9 * DAY), member, 1, "done")
    store.now += 2 * DAY
    for text in ("2", "Price"):
        assert await take(store, text) == (True, ["To change, send CHANGE P1."])
    assert await take(store, "Hello") == (False, [])


async def test_sign_up_is_not_changed_by_a_digit(store):
    """A form about the person has no code to change it by."""
    await store.say(1, "JOIN")
    assert await take(store, "2") == (False, [])
