"""What each of Telegram's updates means. Source: core.telegram.org/bots/api (2026-11)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.base import GroupCommand, GroupMoved, Inbound, Reachable, Unreadable
from bot.channels.telegram.updates import read
from tests.bot.channels.fake_telegram import (
    CHAT,
    GROUP,
    PERSON,
    SECRET,
    channel,
    hook,
    membership,
    message,
    pressed,
)

FILE = {"file_id": "F1", "file_unique_id": "f1"}
SIZED = {**FILE, "width": 9, "height": 9}
PLACE = {"latitude": 5.55, "longitude": -0.2}
BOT = {"id": 9, "is_bot": True, "first_name": "Other"}
BROKEN = "\ud800x\0"
MENDED = "\ufffdx\ufffd"


def parse(update: Any) -> Any:
    """Return the events of an update that came by webhook."""
    return channel(mode="webhook", secret_token=SECRET).parse(hook(update))


def inbound(**fields: Any) -> Inbound:
    """Return what a plain message becomes, with other fields."""
    plain = {"channel": "telegram", "key": "m:700:101:0", "sender": "700", "text": ""}
    return Inbound(**{**plain, "language": "tw", **fields})


def place(name: str) -> dict[str, Any]:
    """Return a venue."""
    return {"location": PLACE, "title": name, "address": "Street"}


PERSONAL = [
    ("text", message(text="2"), inbound(text="2")),
    ("command", message(text="/me"), inbound(text="/me")),
    ("no language", message(text="2", **{"from": {**PERSON, "language_code": None}}), None),
    ("start", message(text="/start"), inbound(kind="start")),
    ("start code", message(text="/start NIMA-1"), inbound(kind="start", text="NIMA-1")),
    ("start name", message(text="/start@nima_bot N"), inbound(kind="start", text="N")),
    ("start words", message(text="/start two words"), inbound(kind="start")),
    ("started", message(text="/started"), inbound(text="/started")),
    ("start long", message(text="/start " + "a" * 65), inbound(kind="start")),
    ("start 64", message(text="/start " + "a" * 64), inbound(kind="start", text="a" * 64)),
    ("photo", message(photo=[{**SIZED, "file_id": "F0"}, SIZED], caption="c"), "F1"),
    ("voice", message(voice={**FILE, "duration": 3}, caption="c"), "F1"),
    ("audio", message(audio={**FILE, "duration": 3}, caption="c"), "F1"),
    ("video", message(video={**SIZED, "duration": 3}, caption="c"), "F1"),
    ("video_note", message(video_note={**FILE, "length": 9, "duration": 3}, caption="c"), "F1"),
    ("document", message(document=FILE, caption="c"), "F1"),
    (
        "animation",
        message(animation={**SIZED, "duration": 3}, document={**FILE, "file_id": "D"}, caption="c"),
        "F1",
    ),
    (
        "sticker",
        message(
            sticker={**SIZED, "type": "regular", "is_animated": False, "is_video": False},
            caption="c",
        ),
        "F1",
    ),
    ("location", message(location=PLACE, caption="c"), "location:5.55,-0.2"),
    ("venue", message(venue=place("Hall"), location=PLACE, caption="c"), "location:5.55,-0.2"),
]


@pytest.mark.parametrize(
    ("update", "expected"), [c[1:] for c in PERSONAL], ids=[c[0] for c in PERSONAL]
)
def test_what_a_person_sends(update, expected):
    """A person's message is one Inbound; a `/start` payload is at most 64 of [A-Za-z0-9_-]."""
    if expected is None:
        expected = inbound(text="2", language="")
    elif isinstance(expected, str):
        expected = inbound(kind="media", text="c", media=expected)
    assert parse(update) == [expected]


def test_edits_have_a_key_of_their_own():
    """An edited message is an edit, with another key after every edit."""
    edits = [
        message(kind="edited_message", text=text, edit_date=at)
        for text, at in [("3", 1_760_000_050), ("4", 1_760_000_060)]
    ]
    assert [parse(u) for u in edits] == [
        [inbound(kind="edit", text="3", key="m:700:101:1760000050")],
        [inbound(kind="edit", text="4", key="m:700:101:1760000060")],
    ]


def test_a_moving_place_says_nothing():
    """A live location is edited for hours, wordlessly: it is no edit of an answer."""
    assert parse(message(kind="edited_message", location=PLACE, edit_date=1_760_000_050)) == []


def test_a_pressed_button():
    """A callback query is a choice, keyed by itself, to be acknowledged after commit."""
    assert parse(pressed()) == [
        inbound(kind="choice", key="c:9001", choice="2", callback="9001"),
    ]
    assert parse(pressed(data=None))[0].choice == ""


UNDER = {"message_id": 41, "date": 1_760_000_000, "chat": CHAT, "text": "Which first?"}


@pytest.mark.parametrize(
    ("under", "known"),
    [
        (UNDER, "41"),
        ({"message_id": 41, "date": 0, "chat": CHAT}, ""),
        ({**UNDER, "chat": GROUP}, ""),
        (None, ""),
    ],
)
def test_the_message_of_a_pressed_button(under, known):
    """A press tells which message its button is of, where that can be replaced: one in the
    person's own chat that is accessible still.
    """
    [event] = parse(pressed(message=under) if under else pressed())
    assert event.message == known


@pytest.mark.parametrize(
    ("owner", "number", "linked"),
    [
        (700, "+12025550123", "+12025550123"),
        (700, "12025550123", "+12025550123"),
        (700, "", ""),
        (701, "+12025550123", ""),
        (None, "+12025550123", ""),
    ],
)
def test_only_ones_own_contact_links(owner, number, linked):
    """A shared contact links a phone only if `contact.user_id` is the sender's own id."""
    contact = {"phone_number": number, "first_name": "Ama", "user_id": owner}
    assert parse(message(contact=contact)) == [inbound(kind="contact", text=linked)]


NOBODY = [
    ("bot", message(text="hi", **{"from": BOT}), "9"),
    ("business", message(text="hi", business_connection_id="b"), "700"),
    ("on behalf", message(text="hi", sender_business_bot=BOT), "700"),
    ("business message", message(kind="business_message", text="hi"), "700"),
    ("edited business message", message(kind="edited_business_message", text="hi"), "700"),
    (
        "channel post",
        {
            "update_id": 1,
            "channel_post": {
                "message_id": 101,
                "date": 1_760_000_000,
                "chat": {"id": -200, "type": "channel", "title": "News"},
                "text": "hi",
            },
        },
        "-200",
    ),
    ("button", pressed(**{"from": BOT}), "9"),
]


@pytest.mark.parametrize(("update", "sender"), [c[1:] for c in NOBODY], ids=[c[0] for c in NOBODY])
def test_what_is_not_a_person(update, sender):
    """A bot, a channel or a business account is told apart, without its text."""
    [event] = parse(update)
    assert (event.kind, event.sender, event.text) == ("not_a_person", sender, "")


GROUPED = [
    ("command", message(text="/join", chat=GROUP), True),
    ("to us", message(text="/join@Nima_Bot now", chat=GROUP), True),
    ("to another", message(text="/join@other_bot", chat=GROUP), False),
    ("plain group", message(text="/join", chat={**GROUP, "type": "group"}), True),
    ("talk", message(text="join us / them", chat=GROUP), False),
    ("path", message(text="/etc/passwd", chat=GROUP), False),
    ("bot", message(text="/join", chat=GROUP, **{"from": BOT}), False),
    ("edit", message(kind="edited_message", text="/join", chat=GROUP), False),
    ("media", message(document=FILE, chat=GROUP), False),
    ("newcomer", message(new_chat_members=[PERSON], chat=GROUP), False),
]


@pytest.mark.parametrize(
    ("update", "answered"), [c[1:] for c in GROUPED], ids=[c[0] for c in GROUPED]
)
def test_groups_are_not_listened_to(update, answered):
    """In a group only a command meant for us counts, and what was said is not kept."""
    expected = [GroupCommand("telegram", "m:-100:101:0", "-100")] if answered else []
    assert list(read(update, "telegram", "nima_bot")) == expected


def test_without_a_name_any_command_is_ours():
    """Until the bot knows its name, a command in a group is answered, whoever it names."""
    [event] = read(message(text="/join@other_bot", chat=GROUP), "telegram", "")
    assert isinstance(event, GroupCommand)


def test_a_group_that_moved():
    """A group becomes a supergroup with another id."""
    update = message(migrate_to_chat_id=-1001, chat={**GROUP, "type": "group"})
    assert parse(update) == [GroupMoved("telegram", "m:-100:101:0", "-100", "-1001")]


@pytest.mark.parametrize(("status", "reachable"), [("kicked", False), ("member", True)])
def test_blocking_and_letting_in(status, reachable):
    """`my_chat_member` in a private chat says whether the address can be reached."""
    key = "r:700:1760000000:5"
    assert parse(membership(5, status)) == [Reachable("telegram", key, "700", reachable)]


NOTHING = [
    membership(1, "left"),
    membership(1, "kicked", GROUP),
    message(dice={"emoji": "x", "value": 3}),
    {"update_id": 1},
    {"update_id": 1, "message": None},
    {"update_id": 1, "poll_answer": {"poll_id": "1", "user": PERSON, "option_ids": [0]}},
    {"update_id": 1, "a_kind_to_come": {"id": 1}},
]


@pytest.mark.parametrize("update", NOTHING)
def test_what_says_nothing_to_us(update):
    """Update kinds that nobody asked for bring no event, and no fault."""
    assert parse(update) == []


UNREADABLE = [
    {"update_id": 7, "message": "text"},
    {"update_id": 7, "message": {"message_id": 1}},
    message(7, text=5),
    message(7, text="a", date="yesterday"),
    message(7, text="a", date=10**30),
    message(7, text="a", message_id="x"),
    message(7, text="a", **{"from": {**PERSON, "id": "x"}}),
    message(7, voice={**FILE, "duration": 3}, caption=5),
    {"update_id": 7, "callback_query": {"id": "1", "data": "2"}},
]


@pytest.mark.parametrize("update", UNREADABLE)
def test_the_unreadable_stalls_nothing(update):
    """A genuine update that can't be understood is kept raw, under its own number."""
    assert parse(update) == [Unreadable("telegram", "u:7", json.dumps(update))]


def test_a_broken_string_harms_nothing():
    """Lone surrogates and NUL become U+FFFD wherever a person's text goes."""
    broken = {**PERSON, "language_code": BROKEN}
    [text] = parse(message(text=BROKEN, **{"from": broken}))
    [media] = parse(message(voice={**FILE, "file_id": BROKEN, "duration": 3}, caption=BROKEN))
    [choice] = parse(pressed(data=BROKEN))
    assert (text.text, text.language) == (MENDED, MENDED)
    assert (media.media, media.text, choice.choice) == (MENDED, MENDED, MENDED)
    [raw] = parse(b'{"update_id": 1, "message": "\\ud800"}')
    assert raw.raw == '{"update_id": 1, "message": "\\ud800"}'


def test_redelivery_keeps_the_key():
    """The key is the message's own: another update_id changes nothing."""
    first, again = (read(u, "telegram", "") for u in (message(1, text="2"), message(1, text="2")))
    again = read({**message(1, text="2"), "update_id": 999}, "telegram", "")
    assert first == again


LEAF = st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.floats()
KEYS = st.sampled_from(
    ["message_id", "date", "from", "chat", "id", "type", "text", "voice", "file_id", "contact"]
)
JSON = st.recursive(
    LEAF | st.sampled_from(["private", "group", CHAT, PERSON, 1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=15,
)
KIND = st.sampled_from(["message", "edited_message", "callback_query", "my_chat_member"])


@settings(deadline=None)
@given(KIND, st.dictionaries(KEYS, JSON, max_size=8))
def test_any_update_is_read_or_kept(kind, content):
    """Whatever an update holds, it becomes events of sound strings, and never raises."""
    whole = {**message()["message"], **content} if kind.endswith("message") else content
    for event in parse({"update_id": 3, kind: whole}):
        for field in event.__dataclass_fields__:
            value = getattr(event, field)
            assert isinstance(value, bool) or "\0" not in value.encode().decode()
