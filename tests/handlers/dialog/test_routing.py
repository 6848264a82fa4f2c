from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from handlers.dialog import late, routing
from handlers.dialog.routing import one_typo, pressed
from storage import tickets
from storage.instant import DAY


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ("a:1:0:2", (1, 0, "2")), ("a:12:3:", (12, 3, "")), ("a:1:0:x:y", (1, 0, "x:y")),
        ("", None), ("a", None), ("a:1:0", None), ("b:1:0:2", None), ("a::0:2", None),
        ("a:x:0:2", None), ("a:0:0:2", None), ("a:00:0:2", None),
        ("a:1:-1:2", None), ("a:\u0661:0:2", None), ("a:1:0.5:2", None),
        (f"a:{'9' * 18}:0:2", (10**18 - 1, 0, "2")), (f"a:{'9' * 19}:0:2", None), ("c:no", None),
    ],
)  # fmt: skip
def test_a_button_carries_round_question_and_answer(choice, found):
    """Whatever else a button carries is none of ours."""
    assert pressed(choice) == found


@pytest.mark.parametrize(
    ("one", "other", "is_typo"),
    [
        ("polls", "polls", False), ("pols", "polls", True), ("pollss", "polls", True),
        ("bolls", "polls", True), ("poll", "polls", True), ("oplls", "polls", True),
        ("polsl", "polls", True), ("plols", "polls", True), ("polls", "poll", True),
        ("pools", "polls", True), ("plos", "polls", False), ("polishes", "polls", False),
        ("slopl", "polls", False), ("lpols", "polls", False), ("", "a", True), ("", "", False),
    ],
)  # fmt: skip
def test_one_typo_is_a_letter_more_less_other_or_two_swapped(one, other, is_typo):
    """By hand."""
    assert one_typo(one, other) is is_typo
    assert one_typo(other, one) is is_typo


@given(st.text("abc", min_size=1, max_size=6), st.data())
def test_each_single_slip_is_one_typo(word, data):
    """Whatever single slip is made of a word is found to be one."""
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcx"))
    slips = [
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
    ]
    slip = data.draw(st.sampled_from(slips))
    assume(slip != word)
    assert one_typo(slip, word)
    assert one_typo(word, slip)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("POLS", "POLLS"), ("JION", "JOIN"), ("/hepl", "HELP"), ("Abuot please", "ABOUT"),
        ("polls?", None), ("m", None), ("mee", None), ("abuot it all", None), ("hello there", None),
    ],
)  # fmt: skip
async def test_a_word_that_is_nearly_a_command_is_offered(store, text, word):
    """It is offered and not done, in a message of one or two words alone."""
    await store.member(1)
    said = await store.say(1, text)
    assert (said == [f"Did you mean {word}? Send {word}."]) is (word is not None)


@pytest.mark.parametrize(
    "text", ["POLLS", "polls", "/polls", "/polls@some_bot", "Polls!", "polls:", "POLLS now",
             "\u200ePOLLS", "polls\nplease"],
)  # fmt: skip
async def test_a_command_is_the_first_word(store, text):
    """Case, a slash, the bot's name and what stands behind it aside."""
    await store.member(1)
    assert (await store.say(1, text))[0].startswith("There is no open question now.")


async def test_what_stands_behind_a_command_reaches_it(store):
    """Also where it begins on the next line."""
    await store.say(1, "ASK\nWhen is it, and where?")
    await store.say(1, "ask   two  words ")
    rows = await store.rows("SELECT text FROM tickets ORDER BY id")
    assert [" ".join(row[0].split()) for row in rows] == ["When is it, and where?", "two words"]


async def test_anything_else_is_passed_on_and_acknowledged_once_a_day(store):
    """Every message is a ticket, the first of a day is answered; media in words of their own."""
    await store.member(1)
    assert "passed your message on" in (await store.say(1, "The pump is broken"))[0]
    assert await store.say(1, "Since Monday") == []
    store.now += DAY
    assert "can't hear or see" in (await store.say(1, "", kind="media", media="m1"))[0]
    assert await store.say(1, "a number", kind="contact") == []
    assert "To take part send JOIN" in (await store.say(2, "Who are you?"))[0]
    assert await store.rows("SELECT kind, text, media FROM tickets ORDER BY id") == [
        ("question", "The pump is broken", ""), ("question", "Since Monday", ""),
        ("media", "", "m1"), ("media", "...ber", "contact"), ("question", "Who are you?", ""),
    ]  # fmt: skip


async def test_an_address_opens_tickets_within_bounds(store):
    """What comes after so many is added to the newest, which keeps the last of it; ASK too."""
    await store.member(1)
    for number in range(tickets.MOST_OPEN):
        await store.say(1, f"Problem {number}")
    await store.say(1, "One more", kind="media", media="m1")
    assert f"number {tickets.MOST_OPEN}." in (await store.say(1, "ASK And now?"))[0]
    await store.say(2, "Who are you?")
    opened = "SELECT text, media FROM tickets ORDER BY id"
    *_, newest, other = await store.rows(opened)
    assert await store.scalar("SELECT COUNT(*) FROM tickets") == tickets.MOST_OPEN + 1
    assert newest == (f"Problem {tickets.MOST_OPEN - 1}\nOne more\nAnd now?", "m1")
    assert other == ("Who are you?", "")
    for _ in range(tickets.LONGEST // routing.LONGEST_TICKET + 1):
        await store.say(1, "Oh no " * 300)
    await store.say(1, "The end")
    said = await store.scalar("SELECT text FROM tickets WHERE id = :id", id=tickets.MOST_OPEN)
    assert (len(said), said[-8:]) == (tickets.LONGEST, "\nThe end")
    await store.run("UPDATE tickets SET state = 'answered' WHERE id = 1")
    await store.say(1, "Room again")
    assert (await store.rows(opened))[-1] == ("Room again", "")


@pytest.mark.parametrize("text", ["", "  ", "\n"])
async def test_nothing_is_no_ticket(store, text):
    """An empty message is not answered."""
    assert await store.say(1, text) == []
    assert await store.rows("SELECT 1 FROM tickets") == []


async def test_of_somebody_who_refused_nothing_is_passed_on(store):
    """After a STOP of a stranger neither a ticket nor an answer comes of what they write."""
    await store.say(1, "STOP")
    assert await store.say(1, "Hello?") == []
    assert await store.rows("SELECT 1 FROM tickets WHERE text <> ''") == []


@pytest.mark.parametrize("choice", ["x", "a:1:0", "", "a:99:0:1"])
async def test_a_button_that_answers_nothing_is_refused(store, choice):
    """A button of an unknown round, or of none, counts for nothing and leaves nothing."""
    await store.member(1)
    assert await store.say(1, "", kind="choice", choice=choice) == [late.TOO_LATE.text]
    assert await store.rows("SELECT choice FROM inbound") == [("",)]


async def test_a_button_past_the_last_question_does_nothing(store):
    """A question that the form has not is none."""
    member = await store.member(1)
    round_ = await store.poll()
    await store.open(round_, member, 1)
    assert await store.say(1, "", kind="choice", choice=f"a:{round_.id}:4:1") == []
    assert await store.rows("SELECT 1 FROM answers") == []


async def test_a_button_may_type_a_word(store):
    """A button that carries a word is that word typed; an unknown one is nothing."""
    await store.member(1)
    [told] = await store.say(1, "", kind="choice", choice="w:POLLS")
    assert told.startswith("There is no open question")
    assert await store.say(1, "", kind="choice", choice="w:NONSENSE") == []
    assert "no more messages" in (await store.say(1, "", kind="choice", choice="w:STOP"))[0]
    assert "Welcome back" in (await store.say(1, "", kind="choice", choice="w:START"))[0]


async def test_who_stopped_has_no_vote_and_leaves_none(store):
    """A digit or button after STOP counts for nothing, and what it was is kept nowhere."""
    member = await store.member(1)
    round_ = await store.poll()
    await store.open(round_, member, 1)
    await store.say(1, "STOP")
    [told] = await store.say(1, "2")
    assert told.startswith("You asked Springfield Water to stop.")
    press = {"kind": "choice", "choice": f"a:{round_.id}:0:2"}
    assert await store.say(1, "", **press) == [late.TOO_LATE.text]
    assert await store.rows("SELECT 1 FROM answers UNION ALL SELECT 1 FROM tickets") == []
    rows = await store.rows("SELECT text, choice FROM inbound ORDER BY id")
    assert rows == [("STOP", ""), ("", ""), ("", "")]


async def test_an_edited_command_is_ignored_and_an_edited_answer_taken(store):
    """What was done when it was sent isn't done again; an answer is one anew."""
    member = await store.member(1)
    round_ = await store.poll()
    await store.open(round_, member, 1)
    assert await store.say(1, "POLLS", kind="edit") == []
    assert "We have: 2 Price" in (await store.say(1, "2", kind="edit"))[0]
    assert await store.say(2, "2", kind="edit") == []


async def test_opening_the_chat_asks_to_join(store):
    """Telegram's /start is JOIN with what the link carried."""
    await store.platform("east", "East")
    assert "do you agree" in (await store.say(1, "east", kind="start"))[0]
    assert await store.scalar("SELECT COUNT(*) FROM members WHERE platform_id IS NOT NULL") == 1


async def test_members_words_are_for_members(store):
    """A stranger who sends one hears how to join."""
    [told] = await store.say(1, "POLLS")
    assert told == "That is for members of Springfield Water. Send JOIN to take part."
