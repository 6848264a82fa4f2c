"""Pressing a button changes the message it stands under; one message a press, no more."""

from __future__ import annotations

import json

from handlers import poll
from handlers.dialog.forms import Form, Option, Question
from handlers.dialog.marking import MARK
from storage import audience


def options(*texts):
    """Return options of these texts."""
    return tuple(Option(value=chr(97 + at), text={"en": text}) for at, text in enumerate(texts))


async def ask(here, *questions):
    """Ask everybody a form of these questions."""
    form = Form(name="check", privacy="counted", questions=questions)
    await here.database.write(
        lambda tx: poll.poll(
            tx, here.alliance, audience.All(), form, closes_at=here.now() + 3_600_000, by=None,
            now=here.now(),
        )
    )  # fmt: skip
    await here.tick()


async def press(here, chat, data, under="31"):
    """Press a button under a message."""
    await chat.send("", kind="choice", choice=data, callback="b", message=under)
    await here.settled()
    rows = await here.rows(
        "SELECT text, choices, edits FROM outbox WHERE kind = 0 ORDER BY id DESC LIMIT 2"
    )
    return [(text, dict(json.loads(found or "[]")), edits) for text, found, edits in rows]


def marked(buttons):
    """Return the labels that have the mark."""
    return [label for label in buttons if label.startswith(MARK)]


YES = Question(kind="choice", text={"en": "Was it done?"}, options=options("Done", "Not yet"))
MANY = Question(kind="several", text={"en": "What helped?"}, options=options("Taps", "Talks"))


async def test_the_last_answer_s_echo_takes_the_place_of_its_question(both):
    """With the same buttons, the chosen one marked."""
    chat = await both.member(both.chatter(1))
    await ask(both, YES)
    said = await press(both, chat, "a:1:0:2")
    text, buttons, edits = said[0]
    assert "We have: 2 Not yet" in text
    assert marked(buttons) == [f"{MARK} 2 Not yet"]
    assert edits == "31"
    assert len(said) == 1


async def test_an_answer_that_brings_another_question_is_shown_above_it(both):
    """The next question comes as a message of its own; the mark is no reply more."""
    chat = await both.member(both.chatter(1))
    await ask(both, YES, YES)
    (shown, buttons, edits), (asked, _, fresh) = await press(both, chat, "a:1:0:1")
    assert shown.endswith(f"\n{MARK} 1 Done")
    assert marked(buttons) == [f"{MARK} 1 Done"]
    assert (edits, fresh) == ("31", "")
    assert "Was it done?" in asked
    assert await both.scalar("SELECT hour_replies FROM addresses WHERE channel = 'chat'") == 1


async def test_several_are_marked_as_they_are_pressed(both):
    """Each press changes the one message, until it is done."""
    chat = await both.member(both.chatter(1))
    await ask(both, MANY)
    for data, labels in (("+1", ["1 Taps"]), ("+2", ["1 Taps", "2 Talks"]), ("+1", ["2 Talks"])):
        _, buttons, edits = (await press(both, chat, f"a:1:0:{data}"))[0]
        assert marked(buttons) == [f"{MARK} {label}" for label in labels]
        assert edits == "31"
    text, buttons, edits = (await press(both, chat, "a:1:0:="))[0]
    assert "We have: 2 Talks" in text
    assert (marked(buttons), edits) == ([f"{MARK} 2 Talks"], "31")


async def test_a_skip_marks_nothing(both):
    """Neither where it ends the form nor where another question comes."""
    chat = await both.member(both.chatter(1))
    await ask(both, YES, YES)
    (shown, buttons, _), _ = await press(both, chat, "a:1:0:0")
    assert MARK not in shown
    assert marked(buttons) == []
    text, buttons, edits = (await press(both, chat, "a:1:1:0", "32"))[0]
    assert "You skipped" in text
    assert (marked(buttons), edits) == ([], "32")


async def test_what_is_not_kept_changes_no_message(both):
    """A button that means nothing, one of a poll that has closed, and a no to the consent."""
    chat = await both.member(both.chatter(1))
    await ask(both, YES)
    assert (await press(both, chat, "a:1:0:9"))[0][2] == ""
    await both.run("UPDATE rounds SET closes_at = 1")
    assert (await press(both, chat, "a:1:0:1"))[0][2] == ""
    stranger = both.chatter(2)
    await stranger.say("JOIN")
    [question] = await both.rows("SELECT choices FROM outbox ORDER BY id DESC LIMIT 1")
    no = json.loads(question[0])[1][1]
    await press(both, stranger, no)
    assert await both.scalar("SELECT COUNT(*) FROM outbox WHERE edits <> ''") == 0


async def test_an_older_button_marks_what_is_set_now(both):
    """In sign-up, too."""
    await both.platform("nima", "Nima")
    await both.platform("asokwa", "Asokwa")
    chat = both.chatter(1)
    await chat.say("JOIN")
    [question] = await both.rows("SELECT choices FROM outbox ORDER BY id DESC LIMIT 1")
    yes = json.loads(question[0])[0][1]
    await press(both, chat, yes)
    [question] = await both.rows(
        "SELECT choices FROM outbox WHERE question IS NOT NULL ORDER BY id DESC LIMIT 1"
    )
    (first, one), (second, other), *_ = json.loads(question[0])
    found = await press(both, chat, one, "40")
    assert marked(found[0][1]) == [f"{MARK} {first}"]
    found = await press(both, chat, other, "40")
    assert marked(found[0][1]) == [f"{MARK} {second}"]
    assert found[0][2] == "40"
