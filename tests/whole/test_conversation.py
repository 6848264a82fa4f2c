"""What a message means: a table with one row a rule, run over a basic phone and over a chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from bot.channels.base import GroupCommand, GroupMoved
from handlers import poll
from handlers.dialog import confirming
from storage import pending
from storage.errors import BadInput
from storage.instant import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn
    from tests.whole.chat import Chat
    from tests.whole.world import Phone, World

HELD = "We have: "
RETRY = "did not understand"
PASSED = "We passed your message on"
MEMBERS = "SELECT COUNT(*) FROM members WHERE state = 'member' AND stopped_at = 0"
STOPPED = "SELECT COUNT(*) FROM members WHERE stopped_at > 0"
TICKETS = "SELECT kind, text, media FROM tickets ORDER BY id"
ANSWERS = "SELECT value FROM answers"
INBOUND = "SELECT COUNT(*) FROM inbound WHERE key <> ''"


def voice(media: str = "v1", **more: Any) -> dict[str, Any]:
    """Return a voice note."""
    return {"kind": "media", "media": media, "text": ""} | more


def edit(text: str) -> dict[str, Any]:
    """Return a message that was changed after it had been sent."""
    return {"kind": "edit", "text": text}


@dataclass(frozen=True)
class Row:
    """One rule: what somebody says (a number lets that many ms pass), and what comes of it.

    `hears` is in the last answer, "" for none at all.
    """

    rule: str
    says: tuple[Any, ...]
    hears: str
    find: str = ""
    found: Any = None
    polls: int = 0
    member: bool = True


ROWS = [
    # --- 1 and 2: duplicates, and who is no person
    Row(
        "a message that comes twice counts once",
        ({"text": "2", "key": "a"}, {"text": "2", "key": "a"}),
        "",
        ANSWERS,
        [("2",)],
        polls=1,
    ),
    Row(
        "a duplicate is told by its key, not by its words",
        ({"text": "2", "key": "a"}, {"text": "3", "key": "a"}),
        "",
        ANSWERS,
        [("2",)],
        polls=1,
    ),
    Row(
        "who is no person is stored and never answered",
        ({"text": "JOIN", "kind": "not_a_person"},),
        "",
        "SELECT kind, text FROM inbound WHERE kind = 'not_a_person'",
        [("not_a_person", "JOIN")],
        member=False,
    ),
    # --- 3: STOP, START and HELP before all else
    Row("STOP stops", ("STOP",), "You will get no more messages", STOPPED, [(1,)]),
    Row(
        "a STOP may be polite, and followed by other sentences",
        ("Please stop now. Thank you",),
        "You will get no more messages",
        STOPPED,
        [(1,)],
    ),
    Row("a sentence that goes on is no STOP", ("Stop the dumping",), PASSED, STOPPED, [(0,)]),
    Row(
        "a sentence that goes on is no START",
        ("STOP", "Start the pump please"),
        PASSED,
        STOPPED,
        [(1,)],
    ),
    Row(
        "a STOP comes before an open question",
        ("stop.",),
        "You will get no more",
        ANSWERS,
        [],
        polls=1,
    ),
    Row(
        "a STOP as an edit or below a picture is one too",
        (voice(text="STOP"),),
        "You will get no more",
        STOPPED,
        [(1,)],
    ),
    Row("START starts again", ("STOP", "START"), "Welcome back", STOPPED, [(0,)]),
    Row(
        "HELP explains, also while a question is open",
        ("help?",),
        "Send POLLS for open questions",
        "SELECT state, tries FROM dialogs WHERE round_id = (SELECT MAX(id) FROM rounds)",
        [("open", 0)],
        polls=1,
    ),
    Row(
        "HELP to a stranger says how to join",
        ("Help",),
        "Send JOIN to take part",
        MEMBERS,
        [(0,)],
        member=False,
    ),
    # --- 5: command words
    Row("a command is its word in any case, also after /", ("/polls",), "Which first?", polls=1),
    Row("the bot's name may stand behind a command", ("/polls@test_bot",), "Which first?", polls=1),
    Row("a sign behind the word is no part of it", ("Polls?",), "Which first?", polls=1),
    Row(
        "what stands behind the word belongs to it",
        ("ask\nWhen do we meet?",),
        "Your question has number 1",
        TICKETS,
        [("question", "When do we meet?", "")],
    ),
    Row(
        "a command comes before the open question",
        ("ABOUT",),
        "learning alliance",
        ANSWERS,
        [],
        polls=1,
    ),
    Row(
        "a stranger is told how to become a member",
        ("POLLS",),
        "Send JOIN to take part",
        member=False,
    ),
    # --- 6: the open question
    Row("a digit answers the open question", ("2",), f"{HELD}2 Price", ANSWERS, [("2",)], polls=1),
    Row("a digit of any script is one", ("٢",), f"{HELD}2 Price", ANSWERS, [("2",)], polls=1),
    Row("a full-width digit is one", ("３",), f"{HELD}3 Drains", ANSWERS, [("3",)], polls=1),
    Row(
        "space, brackets, quotes and full stops are put aside",
        (' "(2)." ',),
        f"{HELD}2 Price",
        ANSWERS,
        [("2",)],
        polls=1,
    ),
    Row("words are no answer, not even an option's", ("Price",), RETRY, ANSWERS, [], polls=1),
    Row("a digit that is no option is none", ("4",), RETRY, ANSWERS, [], polls=1),
    Row("two digits are no answer to one choice", ("1 3",), RETRY, ANSWERS, [], polls=1),
    Row("a leading zero changes nothing", ("02",), f"{HELD}2 Price", ANSWERS, [("2",)], polls=1),
    Row("0 skips", ("0",), "You skipped: Which first?", ANSWERS, [], polls=1),
    Row("SKIP skips", ("skip",), "You skipped: Which first?", ANSWERS, [], polls=1),
    Row(
        "the echo may be changed with a digit",
        ("2", "3"),
        f"{HELD}3 Drains",
        ANSWERS,
        [("3",)],
        polls=1,
    ),
    Row("the echo may be changed to a skip", ("2", "0"), "You skipped", ANSWERS, [], polls=1),
    Row("for 24 hours", ("2", 23 * HOUR, "3"), f"{HELD}3 Drains", ANSWERS, [("3",)], polls=1),
    Row("and no longer", ("2", 25 * HOUR, "3"), "CHANGE P", ANSWERS, [("2",)], polls=1),
    Row("a digit that is no option changes nothing", ("2", "7"), RETRY, ANSWERS, [("2",)], polls=1),
    Row(
        "CHANGE asks again",
        ("2", 25 * HOUR, "CHANGE {code}", "3"),
        f"{HELD}3 Drains",
        ANSWERS,
        [("3",)],
        polls=1,
    ),
    Row(
        "CHANGE in small letters too",
        ("2", "change {small}"),
        "Which first?",
        ANSWERS,
        [("2",)],
        polls=1,
    ),
    Row("a typo of a command is no word while a question is open", ("POLSL",), RETRY, polls=1),
    Row(
        "a closed question takes no answer",
        (73 * HOUR, "2"),
        "is closed, so this answer is not counted",
        ANSWERS,
        [],
        polls=1,
    ),
    Row(
        "an edited answer is a new answer",
        ("2", edit("3")),
        f"{HELD}3 Drains",
        ANSWERS,
        [("3",)],
        polls=1,
    ),
    Row("an edited command is ignored", (edit("POLLS"),), "", polls=1),
    Row("an edited text that answers nothing is ignored", (edit("hello"),), "", TICKETS, []),
    # --- 7: typos
    Row(
        "a command one letter away is offered, never done",
        ("POLSS",),
        "Did you mean POLLS? Send POLLS.",
    ),
    Row("two letters swapped are one typo", ("opLLS",), "Did you mean POLLS? Send POLLS."),
    Row(
        "a typo of STOP stops nothing", ("STPO",), "Did you mean STOP? Send STOP.", STOPPED, [(0,)]
    ),
    Row("a typo within a sentence is none", ("polsl are nice today",), PASSED),
    # --- 8: anything else
    Row(
        "anything else is a ticket",
        ("When do we meet?",),
        PASSED,
        TICKETS,
        [("question", "When do we meet?", "")],
    ),
    Row(
        "acknowledged once a day at most",
        ("One thing", "and another"),
        "",
        TICKETS,
        [("question", "One thing", ""), ("question", "and another", "")],
    ),
    Row("and again the next day", ("One thing", DAY, "another"), PASSED),
    Row(
        "a stranger's too",
        ("When do we meet?",),
        PASSED,
        TICKETS,
        [("question", "When do we meet?", "")],
        member=False,
    ),
    Row(
        "voice, photo, file: passed on with its id, and said so in words",
        (voice("v9"),),
        "can't hear or see",
        TICKETS,
        [("media", "", "v9")],
    ),
    Row(
        "a picture's words go with it",
        (voice("p1", text="Look"),),
        "can't hear or see",
        TICKETS,
        [("media", "Look", "p1")],
    ),
    Row("also while a question is open", (voice("v9"),), "can't hear or see", ANSWERS, [], polls=1),
    Row(
        "a shared contact is passed on",
        ({"kind": "contact", "text": ""},),
        "can't hear or see",
        TICKETS,
        [("media", "", "contact")],
    ),
    Row("nothing at all is answered with nothing", ("",), "", TICKETS, []),
    # --- words whose question is missing
    Row("BACK with nothing to go back to", ("BACK",), "no question to go back to"),
    Row("SKIP with nothing to skip", ("SKIP",), "no question to skip"),
    Row("CHANGE wants a code", ("CHANGE",), "CHANGE and the code"),
    Row("CHANGE of what is not there", ("CHANGE P99",), "no open poll P99"),
    Row("RESULT wants a code", ("RESULT",), "RESULT and the code"),
    Row("RESULT of what is not there", ("result p99",), "no poll P99"),
    Row("RESULT of an open poll", ("2", "RESULT {code}"), "So far P", polls=1),
    Row("ASK wants a question", ("ASK",), "ASK and your question"),
    Row("POLLS with none open", ("POLLS",), "no open question now"),
    Row("POLLS with all answered", ("1", "POLLS"), "You have answered all", polls=1),
    Row("ME says what is known", ("ME",), "We know: M1;"),
    Row("LANG where there is one language", ("LANG",), "We speak English only"),
    Row(
        "JOIN of a member whose sign-up is through",
        ("JOIN", "1", "0", "0", "JOIN"),
        "You are a member",
    ),
]


async def person(both: World, kind: str) -> Phone:
    """Return somebody with a basic phone, or with the chat."""
    return both.phone(0) if kind == "phone" else both.chatter(0)


@pytest.mark.parametrize("kind", ["phone", "chat"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
async def test_a_rule(both: World, row: Row, kind: str) -> None:
    """Each rule holds on a basic phone and on a chat with buttons."""
    ada = await person(both, kind)
    if row.member:
        await ada.join()
    code = ""
    for _ in range(row.polls):
        code = (await both.poll()).code
    await ada.hear()
    heard: list[str] = []
    for said in row.says:
        if isinstance(said, int):
            await both.pass_time(said)
            await ada.hear()
        elif isinstance(said, str):
            heard = await ada.say(said.format(code=code, small=code.lower()))
        else:
            heard = await ada.say(**said)
    if row.hears:
        assert len(heard) == 1, heard
        assert row.hears in heard[0]
    else:
        assert heard == []
    if row.find:
        assert await both.rows(row.find) == row.found
    assert await both.rows("SELECT error FROM inbound WHERE state = 'failed'") == []


# --- 4: a pending code, before command words and questions ---

DONE: list[str] = []


@confirming.act("test")
async def done(turn: Turn, body: str) -> None:
    """Keep what was confirmed."""
    DONE.append(body)
    turn.reply(f"Did {body}.")


CODES = [
    ("the code confirms", ("4817",), "Did it.", ["it"]),
    ("in any script", ("٤٨١٧",), "Did it.", ["it"]),
    (
        "the button confirms",
        ({"text": "", "kind": "choice", "choice": "c:4817"},),
        "Did it.",
        ["it"],
    ),
    ("a bare 1 never does, but answers the open question", ("1",), "We have: 1 Taps", []),
    ("a wrong code may be mended", ("4818", "4817"), "Did it.", ["it"]),
    ("three wrong codes end it", ("4818", "4819", "4820"), "Nothing was done", []),
    ("and then the right one is too late", ("4818", "4819", "4820", "4817"), RETRY, []),
    ("NO ends it", ("no",), "Nothing was done", []),
    (
        "the other button ends it",
        ({"text": "", "kind": "choice", "choice": "c:no"},),
        "Nothing was done",
        [],
    ),
    ("it lasts 15 minutes", (14 * MINUTE, "4817"), "Did it.", ["it"]),
    ("and no longer", (15 * MINUTE, "4817"), RETRY, []),
    (
        "nor for its button",
        (15 * MINUTE, {"text": "", "kind": "choice", "choice": "c:4817"}),
        "came too late",
        [],
    ),
    ("it is done once", ("4817", "4817"), RETRY, ["it"]),
    ("STOP comes before it", ("STOP",), "You will get no more", []),
]


@pytest.mark.parametrize("kind", ["phone", "chat"])
@pytest.mark.parametrize(("rule", "says", "hears", "acts"), CODES, ids=[row[0] for row in CODES])
async def test_a_pending_code(
    both: World, rule: str, says: tuple[Any, ...], hears: str, acts: list[str], kind: str
) -> None:
    """What was asked to be confirmed waits for its code; a digit still answers the question."""
    DONE.clear()
    ada = await person(both, kind)
    await ada.join()
    await both.poll()
    await ada.hear()
    address_id = await both.scalar("SELECT id FROM addresses")
    await both.database.write(
        lambda tx: pending.put(
            tx, address_id, 1, "test", "4817", "it", both.now() + confirming.LASTS
        )
    )
    heard: list[str] = []
    for said in says:
        if isinstance(said, int):
            both.offset += said
        elif isinstance(said, str):
            heard = await ada.say(said)
        else:
            heard = await ada.say(**said)
    assert len(heard) == 1
    assert hears in heard[0]
    assert acts == DONE


# --- groups, and words that are no option ---


async def test_a_group_is_answered_once_and_not_stored(both: World, chat: Chat) -> None:
    """A command in a group is answered once with a link; nothing of the group is kept."""
    for key in ("1", "2"):
        await both.accept(GroupCommand("chat", key, "-100777"))
    await both.accept(GroupMoved("chat", "3", "-100777", "-100888"))
    await both.accept(GroupCommand("chat", "4", "-100888"))
    await both.settled()
    assert [(message["to"], message["text"]) for message in chat.sent] == [
        ("-100777", "Please write to me privately: https://t.me/test_bot")
    ]
    assert await both.everywhere("100777") == []
    assert await both.everywhere("100888") == []
    assert await both.scalar("SELECT COUNT(*) FROM inbound") == 0


async def test_a_group_is_answered_while_nobody_knows_the_link(both: World, chat: Chat) -> None:
    """Where the provider can't be asked for a link our name stands for it."""
    chat.linkless = True
    await both.accept(GroupCommand("chat", "1", "-100777"))
    await both.settled()
    assert [message["text"] for message in chat.sent] == [
        f"Please write to me privately: {both.alliance.name}"
    ]


async def test_a_group_that_is_known_by_both_its_ids_moves_once(both: World, chat: Chat) -> None:
    """Its command may come in under the new id before the word that it moved."""
    await both.accept(GroupCommand("chat", "1", "-100777"))
    await both.accept(GroupCommand("chat", "2", "-100888"))
    for key in ("3", "4"):
        await both.accept(GroupMoved("chat", key, "-100777", "-100888"))
    await both.accept(GroupCommand("chat", "5", "-100888"))
    await both.settled()
    assert [message["to"] for message in chat.sent] == ["-100777", "-100888"]


@pytest.mark.parametrize("option", ["Stop", "quit", "END", "cancel", "Help", "polls", "Skip", "me"])
async def test_no_option_is_a_reserved_word(here: World, option: str) -> None:
    """Whoever types an option's words must not stop or start something else."""
    with pytest.raises(BadInput, match="a word people send for something else"):
        poll.form(here.alliance, "Which?", ["Taps", option], named=True)
