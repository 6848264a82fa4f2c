"""Each kind of question by its buttons, and the words that some take besides digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.instant import DAY, HOUR
from tests.whole.asking import HELD, answers, ask, chatting, joined, question

if TYPE_CHECKING:
    from handlers.dialog.forms import Question
    from tests.whole.world import Phone, World

WATER = ("Taps", "Price", "Drains", "Other")


async def buttons(phone: Phone) -> dict[str, str]:
    """Return the buttons of the last message: what each carries, by its label."""
    return dict((await phone.messages())[-1]["buttons"])


@pytest.mark.parametrize(
    ("asked", "label", "kept"),
    [
        (question("yes_no", "Q?"), "1 Yes", "yes"),
        (question("choice", "Q?", options=WATER), "2 Price", "2"),
        (question("ladder", "Q?"), "5", "4"),
        (question("number", "Q?", least=0, most=3, unit="taps"), "0 taps", "0"),
        (question("number", "Q?", least=2, most=9), "9", "9"),
        (question("number", "Q?"), "Skip", None),
        (question("date", "Q?"), "Skip", None),
        (question("text", "Q?"), "0 Skip", None),
        (question("several", "Q?", options=WATER), "0 Skip", None),
    ],
    ids=lambda found: getattr(found, "kind", found),
)
async def test_one_button_answers(both: World, asked: Question, label: str, kept: str) -> None:
    """Whatever can be chosen from few is a button that carries it, and so is a skip."""
    ada = await chatting(both)
    round_ = await ask(both, asked)
    said = await ada.press((await buttons(ada))[label])
    assert ("You skipped" in said[0]) == (kept is None)
    assert await answers(both, round_) == ([] if kept is None else [(0, kept)])


async def test_a_number_that_may_be_many_has_no_buttons(both: World) -> None:
    """Nobody looks for theirs among five hundred; nor is there one on a basic phone."""
    ada = await chatting(both)
    await ask(both, question("number", "Q?", least=0, most=500, skippable=False))
    assert await buttons(ada) == {}


async def several(both: World, *more: Question) -> tuple[Phone, int, dict[str, str]]:
    """Return a chat that was asked to choose several, the round, and the buttons by label."""
    ada = await chatting(both)
    round_ = await ask(both, question("several", "Which?", options=WATER), *more)
    return ada, round_.id, await buttons(ada)


async def test_each_press_puts_one_on_or_off(both: World) -> None:
    """Done ends it; whichever message's buttons are pressed, what was pressed before counts."""
    ada, at, found = await several(both)
    assert list(found) == ["1 Taps", "2 Price", "3 Drains", "4 Other", "Done", "0 Skip"]
    await ada.send("", kind="choice", choice=found["3 Drains"])
    [message] = await ada.messages()
    assert message["text"] == "Chosen: 3 Drains. Press more, or Done."
    assert dict(message["buttons"]) == found
    assert "1 Taps, 3 Drains" in (await ada.press(found["1 Taps"]))[0]
    assert "Chosen: 1 Taps." in (await ada.press(found["3 Drains"]))[0]
    await ada.press(found["2 Price"])
    assert await both.rows("SELECT value FROM answers") == []
    assert HELD + "1 Taps, 2 Price" in (await ada.press(found["Done"]))[0]
    assert await both.rows("SELECT round_id, value FROM answers") == [(at, "1,2")]


async def test_done_before_anything_is_chosen(both: World) -> None:
    """It is no answer and no try: how it goes is said, and also once all is off again."""
    ada, _, found = await several(both)
    assert "Nothing is chosen yet" in (await ada.press(found["Done"]))[0]
    await ada.press(found["1 Taps"])
    assert "Nothing is chosen yet" in (await ada.press(found["1 Taps"]))[0]
    assert await both.rows("SELECT tries FROM dialogs WHERE round_id > 1") == [(0,)]


async def test_what_was_pressed_may_be_typed_after_all(both: World) -> None:
    """Digits are the whole answer, whatever was pressed before; so is a skip."""
    ada, _, found = await several(both)
    await ada.press(found["4 Other"])
    assert HELD + "1 Taps, 2 Price" in (await ada.say("12"))[0]
    assert "You skipped" in (await ada.press(found["0 Skip"]))[0]


async def test_buttons_change_what_was_answered(both: World) -> None:
    """After the echo, and from a later question, a press begins with what is kept."""
    ada, _, found = await several(both, question("number", "How many?"))
    assert "How many?" in (await ada.say("1 2"))[0]
    assert "1 Taps, 2 Price, 4 Other" in (await ada.press(found["4 Other"]))[0]
    assert HELD + "1 Taps, 2 Price, 4 Other" in (await ada.press(found["Done"]))[0]
    assert HELD + "7" in (await ada.say("7"))[0]
    assert "2 Price, 4 Other" in (await ada.press(found["1 Taps"]))[0]
    await ada.press(found["Done"])
    assert await both.rows("SELECT question, value FROM answers ORDER BY 1") == [
        (0, "2,4"), (1, "7"),
    ]  # fmt: skip


async def test_what_is_being_chosen_is_blanked_at_the_close(both: World) -> None:
    """It says what somebody is about to answer, so it goes with the answers."""
    ada = await chatting(both)
    await ask(both, question("several", "Q?", options=WATER), privacy="anonymous")
    await ada.press((await buttons(ada))["3 Drains"])
    await both.pass_time(73 * HOUR)
    assert await both.everywhere("3 Drains") == []
    assert await both.rows("SELECT 1 FROM dialogs WHERE round_id > 1") == []


async def test_a_long_answer_is_echoed_whole(both: World) -> None:
    """What would be cut within an option is told by its numbers."""
    long = tuple(f"Option that is lon{n}" for n in range(4))
    ada = await joined(both)
    await ask(both, question("several", "Q?", options=long))
    await ada.hear()
    assert HELD + "1, 2, 4. To change" in (await ada.say("1 2 4"))[0]


# --- days ---


@pytest.fixture(params=["phone", "chat"])
async def ada(request: pytest.FixtureRequest, both: World) -> Phone:
    """A member on a basic phone, or on a chat."""
    return await (joined(both) if request.param == "phone" else chatting(both))


@pytest.mark.parametrize("again", ["14 June 2026", "14/6/2026", "2026-06-14", "june 14, 2026"])
async def test_a_day_after_the_echo_changes_the_answer(both: World, ada: Phone, again: str) -> None:
    """As a digit does; it is no ticket."""
    round_ = await ask(both, question("date", "When?"))
    await ada.hear()
    assert HELD + "12 Jun 2026" in (await ada.say("12 June 2026"))[0]
    assert HELD + "14 Jun 2026" in (await ada.say(again))[0]
    assert await answers(both, round_) == [(0, "2026-06-14")]
    assert await both.rows("SELECT 1 FROM tickets") == []


async def test_a_day_without_its_year_is_told_how(both: World, ada: Phone) -> None:
    """There is nothing to take its year from: it is asked for, and no ticket."""
    await ask(both, question("date", "When?"))
    await ada.say("12 6 2026")
    assert "Send day, month and year" in (await ada.say("14 June"))[0]
    assert await both.rows("SELECT 1 FROM tickets") == []


@pytest.mark.parametrize("late", ["12 June", "2026-06-12", "12 June 2026"])
async def test_a_day_that_comes_too_late_is_refused_and_forgotten(
    both: World, ada: Phone, late: str
) -> None:
    """It is an answer, so nobody's to read once its round has closed."""
    await ask(both, question("date", "When?"), privacy="anonymous")
    await ada.hear()
    await both.pass_time(3 * DAY + HOUR)
    await ada.hear()
    assert "not counted" in (await ada.say(late))[0]
    assert await both.rows("SELECT 1 FROM tickets") == []
    assert await both.everywhere(late) == []


async def test_a_day_that_was_not_asked_for_is_a_message(both: World, ada: Phone) -> None:
    """Where no question asks for a day it reaches the coordinator."""
    await ask(both, question("choice", "Which?", options=WATER))
    await ada.say("1")
    assert "passed your message on" in (await ada.say("12 June"))[0]
