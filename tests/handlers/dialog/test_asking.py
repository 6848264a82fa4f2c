from __future__ import annotations

import pytest

from handlers.dialog import asking
from handlers.dialog.asking import Asked, Flow, Stay
from handlers.dialog.forms import Form, Option, Question
from storage import rounds

ONE, TWO = Option(value="1", text={"en": "One"}), Option(value="2", text={"en": "Two"})


@pytest.fixture
def made(monkeypatch):
    """Sources, setters and knowledge of the test's own; returns what was set."""
    for name in ("_KNOWN", "_SOURCES", "_SETTERS", "_FINISHERS"):
        monkeypatch.setattr(asking, name, {})
    found: dict[str, str] = {}

    for name, options in (("none", ()), ("single", (ONE,)), ("several", (ONE, TWO))):

        @asking.source(name)
        async def offer(turn, options=options):
            return options

    for name in ("a", "b"):

        @asking.setter(name)
        async def keep(turn, value, name=name):
            found[name] = value
            return Flow.GO_ON

    @asking.known("b")
    async def knows(turn):
        return "b" in found

    @asking.finisher("f")
    async def finish(turn):
        turn.reply("the end")

    return found


def form(*questions):
    """Return a form of these questions."""
    return Form(name="f", privacy="named", questions=questions)


def question(text, **fields):
    """Return a question."""
    return Question(kind="choice", text={"en": text}, **fields)


async def ask_from(store, asked, position=0):
    """Ask from a position on; return whether something was asked, and the turn."""
    round_ = await store.ask(asked)
    where = Asked(round_.id, asked, round_.closes_at, "Nima")
    return await store.turn(1, lambda turn: asking.ask_from(turn, where, position))


async def test_a_question_is_asked_on_the_phone_that_writes(store):
    """Its message carries round, question and buttons, and the person stands at it."""
    member = await store.member(1)
    asked, turn = await ask_from(store, form(question("Which?", options=(ONE, TWO))))
    assert asked is True
    [reply] = turn.replies
    assert reply.text == (
        "Nima: Which? 1 One 2 Two 0 Skip. Send one number. Send by Sat 12:00. With your name."
    )
    assert (reply.round_id, reply.question) == (1, 0)
    assert reply.choices == (
        ("1 One", "a:1:0:1"), ("2 Two", "a:1:0:2"), ("0 Skip", "a:1:0:0"),
    )  # fmt: skip
    assert await store.rows(
        "SELECT member_id, round_id, question, state, tries, opened_at FROM dialogs"
    ) == [(member, 1, 0, "asked", 0, store.now)]


async def test_nobody_is_asked_what_has_no_options(store, made):
    """A source without options is passed over, and one with a single option is taken."""
    await store.member(1)
    asked, turn = await ask_from(
        store,
        form(
            question("None?", source="none", sets="a"),
            question("Single?", source="single", sets="a"),
            question("Several?", source="several", sets="b"),
        ),
    )
    assert (asked, made) == (True, {"a": "1"})
    assert [reply.question for reply in turn.replies] == [2]


async def test_what_is_known_is_not_asked(store, made):
    """A form whose remaining questions are known is through."""
    await store.member(1)
    made["b"] = "2"
    asked, turn = await ask_from(store, form(question("Several?", source="several", sets="b")))
    assert (asked, turn.replies) == (False, [])


async def test_one_asks_on_from_a_position(store):
    """What stands before it is left alone."""
    await store.member(1)
    asked, turn = await ask_from(store, form(question("A?"), question("B?")), 1)
    assert asked is True
    assert turn.replies[0].text.startswith("Nima: B?")


async def test_staying_asks_the_same_again(store):
    """With another text where there is one, and what it keeps between tries."""
    await store.member(1)
    body = form(question("Which?", options=(ONE, TWO)))
    round_ = await store.ask(body)
    where = Asked(round_.id, body, 0, "")
    for stay, text in ((Stay("Do you mean One?", "kept"), "Do you mean One?"),
                       (Stay(scratch="more"), "Which? 1 One 2 Two")):  # fmt: skip
        _, turn = await store.turn(
            1, lambda turn, s=stay: asking.ask_one(turn, where, 0, (ONE, TWO), s)
        )
        assert turn.replies[0].text.startswith(text)
        assert await store.scalar("SELECT scratch FROM dialogs") == stay.scratch


async def test_what_a_form_registers_is_what_runs(store, made):
    """Options, settings and the last word come from the functions that named themselves."""
    await store.member(1)
    several = question("Several?", source="several", sets="a")

    async def run(turn):
        options = await asking.options_of(turn, several)
        flow = await asking.put(turn, several, "2")
        await asking.finish(turn, form(several))
        return options, flow

    (options, flow), turn = await store.turn(1, run)
    assert (options, flow, made) == ((ONE, TWO), Flow.GO_ON, {"a": "2"})
    assert [reply.text for reply in turn.replies] == ["the end"]
    plain = question("Which?", options=(ONE,))
    assert (await store.turn(1, lambda turn: asking.options_of(turn, plain)))[0] == (ONE,)


async def test_a_standing_round_asks_the_newest_version(store):
    """The round stays the same one; its form changes only where its wording does."""

    async def standing(text):
        body = form(question(text))
        return await store.write(lambda tx: asking.standing_round(tx, "X", body, store.now))

    first = await standing("Old?")
    assert (await standing("Old?")).form_id == first.form_id
    await standing("New?")
    again = await store.write(lambda tx: rounds.by_code(tx, "X"))
    assert (again.id, again.closes_at) == (first.id, 0)
    assert again.form_id != first.form_id
    assert await store.scalar("SELECT COUNT(*) FROM forms") == 2


async def test_a_standing_round_is_made_for_a_form_that_is_there(store):
    """A form that was kept before, by a round of another code, is not kept twice."""
    body = form(question("Old?"))
    for code in ("X", "Y"):
        await store.write(lambda tx, c=code: asking.standing_round(tx, c, body, store.now))
    assert await store.scalar("SELECT COUNT(*) FROM forms") == 1
    assert await store.scalar("SELECT COUNT(DISTINCT code) FROM rounds") == 2


async def test_who_stopped_is_told_how_to_come_back(store):
    """A STOP declines, with a button that says START; nobody else is declined."""
    await store.member(1)
    declined, turn = await store.turn(1, _declined)
    assert (declined, turn.replies) == (False, [])
    await store.run("UPDATE members SET stopped_at = 1")
    declined, turn = await store.turn(1, _declined)
    assert declined is True
    assert turn.replies[0].choices == (("START", "w:START"),)


async def _declined(turn):
    return asking.declined(turn)


def test_a_round_that_never_closes_names_no_deadline(store):
    """Without a close there is no "by"."""
    assert asking.by_when(store.alliance, 0, store.now, "en") == ""
    assert asking.by_when(store.alliance, store.now + 1, store.now, "en") == "Wed 12:00"
