"""Questions that are asked by what was answered before; on both kinds of phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handlers.dialog.forms import When
from storage.instant import HOUR
from tests.whole.asking import HELD, answers, ask, chatting, joined, question

if TYPE_CHECKING:
    from tests.whole.world import Phone, World

FORM = (
    question("yes_no", "Did they meet you?"),
    question("number", "How many came?", when=When(question=0, among=("yes",))),
    question("choice", "Why not?", options=("Far", "Late"), when=When(question=0, among=("no",))),
    question("text", "Who spoke?", when=When(question=1, least=10)),
    question("choice", "How was it?", options=("Good", "Bad")),
)


@pytest.fixture(params=["phone", "chat"])
async def ada(request: pytest.FixtureRequest, both: World) -> Phone:
    """A member on a basic phone, or on a chat."""
    return await (joined(both) if request.param == "phone" else chatting(both))


async def said(phone: Phone, *texts: str) -> str:
    """Send these, and return the last that was heard."""
    await phone.hear()
    heard = [await phone.say(text) for text in texts]
    assert len(heard[-1]) == 1, heard[-1]
    return heard[-1][0]


async def test_what_does_not_apply_is_passed_over(both: World, ada: Phone) -> None:
    """Yes brings how many, and many bring who spoke; no brings why not, and nothing else."""
    round_ = await ask(both, *FORM)
    assert "How many came?" in await said(ada, "1")
    assert "Who spoke?" in await said(ada, "12")
    assert "How was it?" in await said(ada, "Ama")
    assert HELD + "1 Good" in await said(ada, "1")
    assert await answers(both, round_) == [(0, "yes"), (1, "12"), (3, "Ama"), (4, "1")]


async def test_a_low_number_and_a_skip_bring_nothing(both: World, ada: Phone) -> None:
    """A number out of bounds, or none, meets no condition."""
    for typed in ("9", "SKIP"):
        round_ = await ask(both, *FORM)
        assert "How many came?" in await said(ada, "1")
        assert "How was it?" in await said(ada, typed)
        await ada.say("1")
        kept = [(0, "yes"), *([(1, "9")] if typed == "9" else []), (4, "1")]
        assert await answers(both, round_) == kept


async def test_back_returns_to_what_was_asked(both: World, ada: Phone) -> None:
    """BACK passes over what was passed over; another answer then leads another way."""
    round_ = await ask(both, *FORM)
    assert "How was it?" in await said(ada, "2", "1")
    assert "Why not?" in await said(ada, "BACK")
    assert "Did they meet you?" in await said(ada, "BACK")
    assert "How many came?" in await said(ada, "1")
    assert await answers(both, round_) == [(0, "yes")]


async def test_change_takes_back_what_no_longer_applies(both: World, ada: Phone) -> None:
    """Also what hung on an answer that went: nothing that was not asked of them is counted."""
    round_ = await ask(both, *FORM)
    await said(ada, "1", "12", "Ama", "1")
    assert "Did they meet you?" in await said(ada, f"CHANGE {round_.code}")
    assert "Why not?" in await said(ada, "2")
    assert await answers(both, round_) == [(0, "no"), (4, "1")]
    assert HELD + "2 Bad" in await said(ada, "2", "2")
    assert await answers(both, round_) == [(0, "no"), (2, "2"), (4, "2")]


async def test_an_answer_that_goes_takes_what_hung_on_it_along(both: World, ada: Phone) -> None:
    """A skip of the first question leaves only what is asked of everybody."""
    round_ = await ask(both, *FORM)
    await said(ada, "1", "12", "Ama", "1", f"CHANGE {round_.code}")
    assert "How was it?" in await said(ada, "0")
    assert await answers(both, round_) == [(4, "1")]


async def test_a_digit_after_the_echo_brings_what_applies_now(both: World, ada: Phone) -> None:
    """The last answer is changed by a digit, and then there is one question more."""
    first = question("yes_no", "Any trouble?")
    more = question("text", "Which?", when=When(question=0, among=("yes",)))
    round_ = await ask(both, first, more)
    assert HELD + "2 No. To change, send another number" in await said(ada, "2")
    assert "Which?" in await said(ada, "1")
    assert HELD + "Mud" in await said(ada, "Mud")
    assert await answers(both, round_) == [(0, "yes"), (1, "Mud")]


@pytest.mark.parametrize(
    ("answered", "shown"), [("1 2", True), ("2", False), ("3 2", True)], ids=str
)
async def test_one_of_several_is_enough(
    both: World, ada: Phone, answered: str, shown: bool
) -> None:
    """Of several chosen, one that the condition names suffices."""
    first = question("several", "Which?", options=("Taps", "Price", "Drains"))
    more = question("text", "Where?", when=When(question=0, among=("1", "3")))
    await ask(both, first, more)
    assert ("Where?" in await said(ada, answered)) is shown


async def test_a_rung_of_a_ladder_decides(both: World, ada: Phone) -> None:
    """A ladder's rungs are kept as 0 to 4, and so a condition names them."""
    more = question("text", "Why so low?", when=When(question=0, among=("0", "1")))
    await ask(both, question("ladder", "How well?"), more)
    assert "Why so low?" in await said(ada, "2")


# --- older buttons ---


async def pressing(both: World, *typed: str) -> tuple[Phone, int]:
    """Return a chat that answered a form so, and its round."""
    phone = await chatting(both)
    round_ = await ask(both, *FORM)
    await phone.hear()
    for text in typed:
        await phone.say(text)
    return phone, round_.id


async def kept(both: World) -> list[tuple[int, str]]:
    """Return the answers of the one round."""
    return [tuple(row) for row in await both.rows("SELECT question, value FROM answers ORDER BY 1")]


async def test_an_older_button_brings_what_applies_now(both: World) -> None:
    """Of a form that is through only the new is asked; what was answered stays."""
    phone, at = await pressing(both, "2", "1", "2")
    assert ["How many came?" in text for text in await phone.press(f"a:{at}:0:1")] == [True]
    assert "Who spoke?" in (await phone.say("10"))[0]
    assert HELD + "Ama" in (await phone.say("Ama"))[0]
    assert await kept(both) == [(0, "yes"), (1, "10"), (3, "Ama"), (4, "2")]


async def test_an_older_button_takes_the_open_question_away(both: World) -> None:
    """Whoever stood at what no longer applies goes on to what does."""
    phone, at = await pressing(both, "1")
    assert ["Why not?" in text for text in await phone.press(f"a:{at}:0:2")] == [True]
    assert "How was it?" in (await phone.press(f"a:{at}:2:1"))[0]
    assert "How many came?" in (await phone.press(f"a:{at}:0:1"))[0]
    assert "How was it?" in (await phone.say("3"))[0]
    assert await kept(both) == [(0, "yes"), (1, "3")]


async def test_an_older_button_that_changes_nothing_leaves_the_open_question(both: World) -> None:
    """It is echoed, and nothing is asked anew."""
    phone, at = await pressing(both, "2", "1")
    [echo] = await phone.press(f"a:{at}:2:2")
    assert HELD + "2 Late" in echo
    assert HELD + "1 Good" in (await phone.say("1"))[0]
    assert await kept(both) == [(0, "no"), (2, "2"), (4, "1")]


async def test_a_button_of_what_does_not_apply_is_refused(both: World) -> None:
    """It says how to change what came before, and keeps nothing."""
    phone, at = await pressing(both, "2")
    [told] = await phone.press(f"a:{at}:3:Ama")
    assert "not for you" in told
    assert await kept(both) == [(0, "no")]


async def test_a_form_ends_where_nothing_more_applies(both: World) -> None:
    """An older button that leaves nothing to ask ends the form, and its echo says so."""
    phone = await chatting(both)
    more = question("text", "Which?", when=When(question=0, among=("yes",)))
    round_ = await ask(both, question("yes_no", "Any trouble?"), more)
    await phone.hear()
    assert "Which?" in (await phone.say("1"))[0]
    [echo] = await phone.press(f"a:{round_.id}:0:2")
    assert HELD + "2 No. To change, send another number" in echo
    assert await both.rows("SELECT state, question FROM dialogs WHERE round_id > 1") == [
        ("done", 0)
    ]


async def test_an_edited_answer_decides_anew(both: World) -> None:
    """An edited message is a new answer, and brings what applies now."""
    phone = await chatting(both)
    more = question("number", "How many?", when=When(question=0, among=("yes",)))
    await ask(both, question("yes_no", "Any trouble?"), more)
    await phone.say("2")
    assert "How many?" in (await phone.say("1", kind="edit"))[0]


async def test_only_what_applies_is_counted(both: World, ada: Phone) -> None:
    """An answer that was taken back by another stands in no result."""
    round_ = await ask(both, *FORM, privacy="counted")
    await said(ada, "1", "12", "Ama", "1", f"CHANGE {round_.code}", "2", "1", "1")
    await both.pass_time(73 * HOUR)
    result = await both.scalar("SELECT result FROM rounds WHERE id = :id", id=round_.id)
    assert "12" not in result
    assert '"no": 1' in result


@pytest.mark.parametrize(
    ("privacy", "says"),
    [
        ("anonymous", "No names shown."),
        ("counted", "Only totals are shown."),
        ("named", "With your name."),
    ],
)
async def test_each_question_says_how_private_it_is(
    both: World, ada: Phone, privacy: str, says: str
) -> None:
    """Not the first alone; at the close only the answers of an anonymous form are gone."""
    round_ = await ask(both, *FORM[:3], privacy=privacy)
    heard = [await said(ada, typed) for typed in ("1", "7")]
    assert says in heard[0]
    assert HELD + "7" in heard[1]
    assert says in await said(ada, f"CHANGE {round_.code}")
    assert says in await said(ada, "2")
    await said(ada, "1")
    await both.pass_time(73 * HOUR)
    left = [] if privacy == "anonymous" else [(0, "no"), (2, "1")]
    assert await answers(both, round_) == left
    assert await both.scalar("SELECT COUNT(*) FROM respondents") == 1
