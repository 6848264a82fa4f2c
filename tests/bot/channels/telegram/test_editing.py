"""A message that replaces an earlier one: editMessageText, and what each answer means."""

from __future__ import annotations

import pytest

from bot.channels.base import Again, Refused, Sent, Unknown
from handlers.dialog.asking import CHECK
from tests.bot.channels.fake_telegram import Answer, error, outgoing

ECHO = "Thank you. Which first? We have: 2 High price."
GONE = "Bad Request: message to edit not found"


def echo(**more):
    """Return an echo that replaces message 41."""
    return outgoing(ECHO, edits="41", **more)


async def test_an_edit_is_one_request(fake, bot):
    """The earlier message gets the new text and buttons; no message is sent."""
    assert await bot.send(echo(choices=[("1 Taps", "a"), (f"{CHECK}2 Price", "b")])) == Sent("41")
    keyboard = [
        [
            {"text": "1 Taps", "callback_data": "a"},
            {"text": "\u2713 2 Price", "callback_data": "b"},
        ]
    ]
    assert fake.of("editMessageText") == [
        {
            "chat_id": "700", "message_id": 41, "text": ECHO,
            "reply_markup": {"inline_keyboard": keyboard},
        }
    ]  # fmt: skip
    assert fake.of("sendMessage") == []


async def test_a_check_mark_moves_no_button(fake, bot):
    """Buttons that stood two in a row still do when the longest of them is checked."""
    await bot.send(echo(choices=[("1 " + "o" * 10, "a"), (CHECK + "2 " + "o" * 10, "b")]))
    [sent] = fake.of("editMessageText")
    assert [len(row) for row in sent["reply_markup"]["inline_keyboard"]] == [2]


SAME = (
    "Bad Request: message is not modified: specified new message content and reply markup are"
    " exactly the same as a current content and reply markup of the message"
)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (error(400, SAME), Sent("41")),
        (error(400, GONE), Again(f"400 {GONE}", anew=True)),
        (
            error(400, "Bad Request: message can't be edited"),
            Again("400 Bad Request: message can't be edited", anew=True),
        ),
        (
            error(400, "Bad Request: there is no text in the message to edit"),
            Again("400 Bad Request: there is no text in the message to edit", anew=True),
        ),
        (
            error(400, "Bad Request: chat not found"),
            Refused("400 Bad Request: chat not found", "dead"),
        ),
        (error(403, "Forbidden"), Refused("403 Forbidden", "blocked")),
        (error(429, "Slow", retry_after=7), Again("429 Slow", 7, whole_channel=True)),
        (error(500, "Error"), Unknown("500 Error")),
        (Answer(400, b"<html>"), Unknown("400")),
    ],
)
async def test_what_each_answer_to_an_edit_means(fake, bot, answer, outcome):
    """One that changes nothing was made before; where it can't be made the text is to be sent as
    a message of its own; else it is as with any message. Each is one request.
    """
    fake.will("editMessageText", answer)
    assert await bot.send(echo()) == outcome
    assert [name for name, _ in fake.calls if name != "getMe"].count("editMessageText") == 1
    assert fake.of("sendMessage") == []
