"""Forms of several questions, how each kind is read, and where a question rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.whole.asking import FORM, HELD, RETRY, answers, ask, chatting, joined, question

if TYPE_CHECKING:
    from handlers.dialog.forms import Question
    from tests.whole.world import World


@pytest.mark.parametrize("kind", ["phone", "chat"])
async def test_a_form_goes_on_question_by_question(both: World, kind: str) -> None:
    """Each answer brings the next question; the last brings the echo."""
    ada = await (joined(both) if kind == "phone" else chatting(both))
    round_ = await ask(both, *FORM)
    said = await ada.hear()
    assert "Did they meet you?" in said[-1]
    for typed, heard in (
        ("1", "How many came? Send a number (people)."),
        ("0", "What did you hear?"),
        ("Pipes next week", "How was it?"),
        ("2", HELD + "2 Bad"),
    ):
        said = await ada.say(typed)
        assert heard in said[-1]
        assert len(said) == 1
    assert await answers(both, round_) == [
        (0, "yes"), (1, "0"), (2, "Pipes next week"), (3, "2"),
    ]  # fmt: skip
    assert HELD + "1 Good" in (await ada.say("1"))[0]
    assert (await answers(both, round_))[3] == (3, "1")


KINDS = [
    (question("yes_no", "Q?"), "1", "yes"),
    (question("yes_no", "Q?"), "2", "no"),
    (question("yes_no", "Q?"), "3", RETRY),
    (question("yes_no", "Q?"), "yes", RETRY),
    (question("yes_no", "Q?"), "0", None),
    (question("number", "Q?"), "0", "0"),
    (question("number", "Q?"), "007", "7"),
    (question("number", "Q?"), "١٢", "12"),
    (question("number", "Q?"), "#", None),
    (question("number", "Q?"), "SKIP", None),
    (question("number", "Q?"), "-1", RETRY),
    (question("number", "Q?"), "1.5", RETRY),
    (question("number", "Q?"), "1234567890123", RETRY),
    (question("number", "Q?", least=2, most=9), "1", RETRY),
    (question("number", "Q?", least=2, most=9), "10", RETRY),
    (question("number", "Q?", least=2, most=9), "9", "9"),
    (question("number", "Q?", skippable=False), "#", RETRY),
    (question("text", "Q?"), "  two\n words ", "two words"),
    (question("text", "Q?"), "7", "7"),
    (question("text", "Q?"), "0", None),
    (question("text", "Q?"), "#", None),
    (question("text", "Q?"), "x" * 161, RETRY),
    (question("text", "Q?", most=5), "abcdef", RETRY),
    (question("text", "Q?", skippable=False), "0", RETRY),
    (question("choice", "Q?", options=("A", "B"), skippable=False), "0", RETRY),
    (question("choice", "Q?", options=("A", "B"), skippable=False), "2", "2"),
]


@pytest.mark.parametrize(
    ("asked", "typed", "kept"), KINDS, ids=[f"{k.kind}-{t[:8]}-{v}" for k, t, v in KINDS]
)
async def test_each_kind(here: World, asked: Question, typed: str, kept: str | None) -> None:
    """Each kind of question reads what its rule says, and skips as its rule says."""
    ada = await joined(here)
    round_ = await ask(here, asked)
    await ada.hear()
    said = await ada.say(typed)
    if kept == RETRY:
        assert RETRY in said[0]
        assert await answers(here, round_) == []
    else:
        assert ("You skipped" in said[0]) == (kept is None)
        assert await answers(here, round_) == ([] if kept is None else [(0, kept)])


async def test_skip_of_what_must_be_answered(here: World) -> None:
    """SKIP skips nothing that has to be answered."""
    ada = await joined(here)
    await ask(here, question("choice", "Q?", options=("A", "B"), skippable=False))
    await ada.hear()
    assert "no question to skip" in (await ada.say("SKIP"))[0]


async def test_back_and_its_bounds(here: World) -> None:
    """BACK returns one question, changes its answer, and goes on from there."""
    ada = await joined(here)
    round_ = await ask(here, *FORM)
    await ada.say("1")
    await ada.say("12")
    assert "How many came?" in (await ada.say("BACK"))[0]
    assert "Did they meet you?" in (await ada.say("BACK"))[0]
    assert "no question to go back to" in (await ada.say("BACK"))[0]
    assert "How many came?" in (await ada.say("2"))[0]
    assert "What did you hear?" in (await ada.say("15"))[0]
    assert await answers(here, round_) == [(0, "no"), (1, "15")]


async def test_a_button_of_an_older_question(both: World) -> None:
    """An older button of the same form changes that answer; the open question stays."""
    ada = await chatting(both)
    round_ = await ask(both, *FORM)
    await ada.press(f"a:{round_.id}:0:1")
    await ada.hear()
    said = await ada.press(f"a:{round_.id}:0:2")
    assert HELD + "2 No" in said[0]
    assert f"CHANGE {round_.code}" in said[0]
    assert len(said) == 1
    assert "What did you hear?" in (await ada.say("3"))[0]
    assert await answers(both, round_) == [(0, "no"), (1, "3")]


async def test_change_asks_the_form_again(here: World) -> None:
    """CHANGE begins a form again; what was answered stays until it is answered anew."""
    ada = await joined(here)
    round_ = await ask(here, *FORM)
    for typed in ("1", "12", "words", "2"):
        await ada.say(typed)
    assert "Did they meet you?" in (await ada.say(f"CHANGE {round_.code}"))[0]
    assert "How many came?" in (await ada.say("2"))[0]
    assert await answers(here, round_) == [(0, "no"), (1, "12"), (2, "words"), (3, "2")]


async def test_a_stop_in_a_text_question_is_no_answer(here: World) -> None:
    """STOP is never kept as an answer, also where any words would do."""
    ada = await joined(here)
    round_ = await ask(here, question("text", "Q?"))
    await ada.hear()
    assert "no more messages" in (await ada.say("Stop. please"))[0]
    assert await answers(here, round_) == []


# --- bad tries ---


async def test_three_bad_tries_rest(here: World) -> None:
    """Two retries, then silence and a ticket that says which question and no word more."""
    ada = await joined(here)
    round_ = await here.poll()
    await ada.hear()
    assert RETRY in (await ada.say("the second one"))[0]
    assert "Send only one number. Like" in (await ada.say("the price!"))[0]
    assert await ada.say("Price I said") == []
    assert await here.rows("SELECT kind, text FROM tickets") == [("unread", round_.code)]
    assert HELD + "2 Price" in (await ada.say("2"))[0]
    assert await answers(here, round_) == [(0, "2")]


async def test_a_read_answer_forgets_bad_tries(here: World) -> None:
    """Tries count anew after an answer."""
    ada = await joined(here)
    await ask(here, *FORM)
    await ada.say("what")
    await ada.say("what")
    await ada.say("1")
    assert RETRY in (await ada.say("what"))[0]
    assert RETRY in (await ada.say("what"))[0]
