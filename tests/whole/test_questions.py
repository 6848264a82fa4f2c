"""Questions: when they open, in which order they leave, and what outlives a process or phone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.channels.base import Unknown
from storage import addresses, audience, claims
from storage.instant import DAY, HOUR, MINUTE
from tests.whole.asking import FORM, HELD, answers, ask, chatting, joined, question
from tests.whole.world import CONFIG, world

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Tx
    from tests.whole.chat import Chat
    from tests.whole.world import World

# --- when a question opens ---


async def test_a_question_held_takes_no_answer(tmp_path: Path) -> None:
    """While its message is held for the quiet hours a digit answers nothing."""
    async with world(tmp_path, CONFIG.replace('quiet = ""', 'quiet = "00:00-23:59"')) as here:
        ada = await joined(here)
        here.offset -= (here.now() % DAY) - HOUR
        round_ = await here.poll(hours=200)
        assert await ada.hear() == []
        assert await here.rows("SELECT status, reason FROM outbox WHERE kind = 1") == [
            ("held", "quiet")
        ]
        assert await here.rows("SELECT 1 FROM dialogs WHERE round_id = :id", id=round_.id) == []
        await ada.say("1")
        assert await answers(here, round_) == []


async def test_a_digit_before_the_next_question_has_left_counts_nothing(
    both: World, chat: Chat
) -> None:
    """A digit sent twice in haste does not answer the question that is still queued."""
    ada = await chatting(both)
    taps = question("choice", "Taps?", options=("Yes", "No"))
    drains = question("choice", "Drains?", options=("Yes", "No"))
    round_ = await ask(both, taps, drains)
    await ada.hear()
    for drain in both.app.drains:
        drain._stock.claim = nothing  # type: ignore[method-assign]
    for name in ("sms", "telegram"):  # a claim that is under way ends first
        await both.database.write(lambda tx, name=name: claims.alone(tx, name))  # type: ignore[misc]
    await ada.send("1")
    await ada.send("1")
    assert await answers(both, round_) == [(0, "1")]
    assert await both.scalar("SELECT COUNT(*) FROM outbox WHERE status = 'queued'") == 1


async def nothing(epoch: int) -> bool:
    """Claim nothing."""
    return False


async def test_an_answer_may_be_faster_than_the_provider(both: World, chat: Chat) -> None:
    """A question that is being sent, of which no answer came yet, can be answered."""
    ada = await chatting(both)
    chat.way.clear()
    sending = asyncio.create_task(both.poll())
    await both.until("SELECT COUNT(*) FROM outbox WHERE status = 'sending'", 1)
    await ada.send("2")
    chat.way.set()
    round_ = await sending
    assert await answers(both, round_) == [(0, "2")]
    assert HELD + "2 Price" in (await ada.hear())[-1]


async def test_a_question_of_unknown_fate_is_answered_before_an_echo_is_changed(
    both: World, chat: Chat
) -> None:
    """Whoever answers a message that the provider never confirmed answers that one."""
    ada = await chatting(both)
    first = await both.poll("First?")
    await ada.say("1")
    chat.outcomes.append(Unknown("timeout"))
    second = await both.poll("Second?")
    await ada.say("2")
    assert await answers(both, first) == [(0, "1")]
    assert await answers(both, second) == [(0, "2")]


async def test_a_question_that_goes_out_again_is_answered_by_who_had_it_already(
    both: World, chat: Chat
) -> None:
    """A message of unknown fate is queued once more, and meanwhile its answer comes."""
    ada = await chatting(both)
    earlier = await both.poll("First?")
    await ada.say("1")
    chat.outcomes.append(Unknown("502"))
    round_ = await both.poll()
    await both.run(
        "UPDATE outbox SET status = 'queued', until_at = :later, maybe_twice = TRUE"
        " WHERE round_id = :id AND kind > 0", id=round_.id, later=both.now() + HOUR,
    )  # fmt: skip
    assert HELD + "2 Price" in (await ada.say("2"))[-1]
    assert await answers(both, round_) == [(0, "2")]
    assert await answers(both, earlier) == [(0, "1")]


# --- one at a time on a basic phone, all at once in a chat ---


async def test_one_at_a_time_the_soonest_first(here: World) -> None:
    """By SMS one question is open at a time; the one that closes soonest goes first."""
    ada = await joined(here)
    first = await here.poll("First?", hours=30)
    late = await here.poll("Late?", hours=72)
    soon = await here.poll("Soon?", hours=48)
    assert ["First?" in text for text in await ada.hear()] == [True]
    said = await ada.say("1")
    assert HELD in said[0]
    assert "Soon?" in said[1]
    assert len(said) == 2
    said = await ada.say("2")
    assert "Late?" in said[1]
    await ada.say("3")
    assert await answers(here, first) == [(0, "1")]
    assert await answers(here, soon) == [(0, "2")]
    assert await answers(here, late) == [(0, "3")]


@pytest.mark.parametrize("skips", ["0", "SKIP"])
async def test_the_next_leaves_after_a_skip(here: World, skips: str) -> None:
    """A skip makes room for the next question."""
    ada = await joined(here)
    await here.poll("First?")
    await here.poll("Second?")
    await ada.hear()
    assert "Second?" in (await ada.say(skips))[-1]


async def test_the_next_leaves_after_the_close(here: World) -> None:
    """The close of a question makes room for the next."""
    ada = await joined(here)
    first = await here.poll("First?")
    await here.poll("Second?")
    await ada.hear()
    await here.close(first)
    assert ["Second?" in text for text in await ada.hear()] == [True]


async def test_the_next_leaves_after_a_day_of_silence(here: World) -> None:
    """After 24 hours without an answer the next question leaves, and is the one answered."""
    ada = await joined(here)
    first = await here.poll("First?")
    second = await here.poll("Second?")
    await ada.hear()
    await here.pass_time(23 * HOUR)
    assert await ada.hear() == []
    await here.pass_time(HOUR + MINUTE)
    assert ["Second?" in text for text in await ada.hear()] == [True]
    said = await ada.say("2")
    assert "Second?" in said[0]
    said = await ada.say("3")
    assert "Second?" in said[0]
    assert HELD + "3 Drains" in said[0]
    assert await answers(here, first) == []
    assert await answers(here, second) == [(0, "3")]


async def test_the_next_leaves_after_three_bad_tries(here: World) -> None:
    """A question that rests makes room for the next."""
    ada = await joined(here)
    await here.poll("First?")
    await here.poll("Second?")
    await ada.hear()
    await ada.say("what")
    await ada.say("what")
    assert "Second?" in (await ada.say("what"))[-1]


async def test_a_poll_waits_for_the_sign_up(here: World) -> None:
    """Somebody in the middle of signing up is asked a poll when that is through."""
    ada = here.phone(0)
    await ada.say("JOIN")
    await ada.say("1")
    await here.poll()
    assert await ada.hear() == []
    await ada.say("1")
    await ada.say("0")
    said = await ada.say("Ada")
    assert ["Welcome" in said[0], "Which first?" in said[1]] == [True, True]


async def test_in_a_chat_all_go_at_once(both: World) -> None:
    """In a chat several are open; each button answers its own, a digit the latest sent."""
    ada = await chatting(both)
    first, second = await both.poll("First?"), await both.poll("Second?")
    assert len(await ada.hear()) == 2
    assert "Second?" in (await ada.say("1"))[0]
    said = await ada.press(f"a:{first.id}:0:3")
    assert "First?" in said[0]
    assert f"send CHANGE {first.code}" in said[0]
    said = await ada.say("2")
    assert "Second?" in said[0]
    assert await answers(both, first) == [(0, "3")]
    assert await answers(both, second) == [(0, "2")]


async def test_an_echo_promises_only_what_a_digit_does(both: World) -> None:
    """The latest question's echo says a number changes it; an older one's says CHANGE."""
    ada = await chatting(both)
    await both.poll("First?")
    second = await both.poll("Second?")
    said = await ada.press(f"a:{second.id}:0:1")
    assert "send another number" in said[-1]
    said = await ada.say("3")
    assert await answers(both, second) == [(0, "3")]
    await both.poll("Third?")
    await ada.hear()
    await ada.say("2")
    assert await answers(both, second) == [(0, "3")]


async def test_polls_in_a_chat_asks_three_and_names_the_rest(both: World) -> None:
    """POLLS asks up to three in a chat and one on a basic phone, and names the others."""
    codes = [(await both.poll(f"Number {n}?", hours=10 + n)).code for n in range(5)]
    ada, ben = await chatting(both), await joined(both, 1)
    said = await ada.say("POLLS")
    assert ["Number" in text for text in said] == [True, True, True, False]
    assert f"Also open: {codes[3]}, {codes[4]}." in said[3]
    said = await ben.say("POLLS")
    assert "Number 0?" in said[0]
    assert f"Also open: {', '.join(codes[1:4])}." in said[1]
    assert len(said) == 2


async def test_the_buttons_are_the_options(both: World) -> None:
    """A question in a chat has a button for each option and for the skip."""
    ada = await chatting(both)
    round_ = await both.poll()
    (message,) = await ada.messages()
    assert message["buttons"] == [
        ("1 Taps", f"a:{round_.id}:0:1"), ("2 Price", f"a:{round_.id}:0:2"),
        ("3 Drains", f"a:{round_.id}:0:3"), ("0 Skip", f"a:{round_.id}:0:0"),
    ]  # fmt: skip
    await ada.press(f"a:{round_.id}:0:0")
    assert await answers(both, round_) == []
    chat = both.app.channels["chat"]
    assert len(chat.acknowledged) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "data",
    ["a:{id}:0:9", "a:{id}:7:1", "a:999:0:1", "a:{id}:0:", "a:x:y:1", "", "zzz", "a:1:0:1",
     "a:{id}:0:\ud800", "a:" + "9" * 18 + ":0:1", "a:" + "9" * 30 + ":0:1", "w:NOTHING", "w:",
     "c:", "c:1234"],
)  # fmt: skip
async def test_a_button_that_means_nothing(both: World, data: str) -> None:
    """A button with anything in it counts nothing, breaks nothing, and stops spinning."""
    ada = await chatting(both)
    round_ = await both.poll()
    await ada.hear()
    await ada.press(data.format(id=round_.id))
    assert await answers(both, round_) == []
    assert await both.rows("SELECT error FROM inbound WHERE state = 'failed'") == []
    assert len(both.app.channels["chat"].acknowledged) == 1  # type: ignore[attr-defined]


async def test_a_button_of_a_closed_round(both: World) -> None:
    """A button of a round that has closed is refused in words."""
    ada = await chatting(both)
    round_ = await both.poll()
    await both.close(round_)
    await ada.hear()
    assert "is closed" in (await ada.press(f"a:{round_.id}:0:1"))[0]
    assert await answers(both, round_) == []


async def test_somebody_elses_button(both: World) -> None:
    """A button answers only for somebody whom the round asks."""
    ada = await chatting(both)
    round_ = await both.poll(to=audience.Term("type", "media"))
    assert await ada.hear() == []
    assert "is closed" in (await ada.press(f"a:{round_.id}:0:1"))[0]
    assert await answers(both, round_) == []


# --- restarts and several phones ---


async def test_a_dialog_outlives_the_process(tmp_path: Path) -> None:
    """A form goes on where it stood, in another process over the same file."""
    async with world(tmp_path) as here:
        ada = await joined(here)
        round_ = await ask(here, *FORM)
        await ada.say("1")
    async with world(tmp_path) as again:
        ada = again.phone(0)
        assert "What did you hear?" in (await ada.say("12"))[0]
        assert await answers(again, round_) == [(0, "yes"), (1, "12")]


async def test_a_dialog_moves_to_the_other_phone(both: World) -> None:
    """A form begun on one phone goes on at the person's other one; one person, one answer."""
    ada = await joined(both)
    round_ = await ask(both, *FORM)
    await ada.hear()
    other = both.chatter(5)

    async def unit(tx: Tx) -> None:
        address_id = await addresses.add(tx, "chat", other.number, both.now())
        await addresses.link(tx, 1, address_id, both.now())

    await both.database.write(unit)
    assert "How many came?" in (await other.say("1"))[0]
    assert "What did you hear?" in (await ada.say("12"))[0]
    assert "How was it?" in (await other.say("words"))[0]
    assert HELD + "1 Good" in (await ada.say("1"))[0]
    assert HELD + "2 Bad" in (await other.say("2"))[0]
    assert await answers(both, round_) == [(0, "yes"), (1, "12"), (2, "words"), (3, "2")]
    assert await both.scalar("SELECT COUNT(DISTINCT member_id) FROM answers") == 1


async def test_the_next_waits_for_the_person_not_for_the_phone(both: World) -> None:
    """A question held for its turn leaves once the person has answered on any phone."""
    ada = await joined(both)
    await both.poll("First?")
    await both.poll("Second?")
    await ada.hear()
    other = both.chatter(5)

    async def unit(tx: Tx) -> None:
        address_id = await addresses.add(tx, "chat", other.number, both.now())
        await addresses.link(tx, 1, address_id, both.now())

    await both.database.write(unit)
    assert HELD in (await other.say("1"))[0]
    assert ["Second?" in text for text in await ada.hear()] == [True]


async def test_a_setting_asked_in_between_leaves_the_open_question(tmp_path: Path) -> None:
    """After LANG is through a digit answers the poll that was open before."""
    config = CONFIG.replace('languages = ["en"]', 'languages = ["en", "es"]')
    async with world(tmp_path, config) as here:
        ada = here.phone(0)
        for said in ("JOIN", "1", "1", "0", "0", "0"):
            await ada.say(said)
        round_ = await here.poll()
        await ada.hear()
        assert "Which language?" in (await ada.say("LANG"))[0]
        assert "Español" in (await ada.say("2"))[0]
        await ada.say("3")
        assert await answers(here, round_) == [(0, "3")]
