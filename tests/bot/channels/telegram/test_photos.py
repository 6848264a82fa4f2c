"""Messages with a picture: sendPhoto, uploaded once, and what is left where it is refused."""

from __future__ import annotations

import pytest

from bot.channels.base import Again, Picture, Refused, Sent, Unknown
from bot.channels.telegram import photos
from tests.bot.channels.fake_telegram import Answer, error, outgoing

PNG = b"\x89PNG\r\n\x1a\n and the rest\r\n--\xff"
CHART = Picture("p12-en", PNG)
RESULT = "Result P12: Which first? Tapón 3, السعر 5. 8 answered."


def result(text=RESULT, picture=CHART, **more):
    """Return a result with its chart."""
    return outgoing(text, picture=picture, **more)


async def test_a_picture_is_uploaded_once(fake, bot):
    """The first message uploads it with the text as caption; the others give the name that
    Telegram gave to its largest size. Another picture is uploaded for itself.
    """
    for to in ("700", "701", "702"):
        assert await bot.send(result(to=to)) == Sent("77")
    await bot.send(result(picture=Picture("p12-ar", PNG + b"2")))
    assert fake.of("sendPhoto") == [
        {"chat_id": "700", "caption": RESULT, "photo": PNG},
        {"chat_id": "701", "caption": RESULT, "photo": "F1"},
        {"chat_id": "702", "caption": RESULT, "photo": "F1"},
        {"chat_id": "700", "caption": RESULT, "photo": PNG + b"2"},
    ]
    assert fake.of("sendMessage") == []


async def test_a_picture_has_buttons_too(fake, bot):
    """Buttons go with an uploaded picture, and with a named one."""
    for _ in range(2):
        await bot.send(result(choices=[("More", "m")]))
    keyboard = {"inline_keyboard": [[{"text": "More", "callback_data": "m"}]]}
    uploaded, named = fake.of("sendPhoto")
    assert named["reply_markup"] == keyboard
    assert uploaded["reply_markup"] == (
        '{"inline_keyboard": [[{"text": "More", "callback_data": "m"}]]}'
    )


async def test_a_long_text_goes_alone(fake, bot):
    """A caption has 1,024 characters at most: a longer text is sent, without its picture."""
    assert await bot.send(result("a" * 1_024)) == Sent("77")
    assert await bot.send(result("a" * 1_025)) == Sent("77")
    assert len(fake.of("sendPhoto")) == len(fake.of("sendMessage")) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        error(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        error(400, "Bad Request: IMAGE_PROCESS_FAILED"),
        error(413, "Request Entity Too Large"),
        Answer(413, b"<html>"),
    ],
)
async def test_a_refused_picture_is_left_out(fake, bot, refusal):
    """A picture that Telegram does not take is not offered again: the text goes alone."""
    fake.will("sendPhoto", refusal)
    again = await bot.send(result())
    assert isinstance(again, Again)
    assert (again.seconds, again.whole_channel) == (0, False)
    assert await bot.send(result()) == Sent("77")
    assert await bot.send(result(to="701")) == Sent("77")
    assert [sent["text"] for sent in fake.of("sendMessage")] == [RESULT, RESULT]
    assert len(fake.of("sendPhoto")) == 1


async def test_a_name_that_is_forgotten_is_uploaded_again(fake, bot):
    """Where Telegram does not know the name any more the picture is uploaded once more."""
    await bot.send(result())
    fake.will("sendPhoto", error(400, "Bad Request: wrong file identifier/HTTP URL specified"))
    assert isinstance(await bot.send(result()), Again)
    assert await bot.send(result()) == Sent("77")
    assert [sent["photo"] for sent in fake.of("sendPhoto")] == [PNG, "F1", PNG]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            error(400, "Bad Request: chat not found"),
            Refused("400 Bad Request: chat not found", "dead"),
        ),
        (error(403, "Forbidden"), Refused("403 Forbidden", "blocked")),
        (error(429, "Slow", retry_after=7), Again("429 Slow", 7, whole_channel=True)),
        (error(500, "Error"), Unknown("500 Error")),
        (Answer(400, b"<html>"), Unknown("400")),
        (Answer(200, {"ok": True, "result": True}), Unknown("malformed answer")),
    ],
)
async def test_what_is_not_about_the_picture(fake, bot, answer, outcome):
    """Any other answer means what it means for a text, and the picture is offered again."""
    fake.will("sendPhoto", answer)
    assert await bot.send(result()) == outcome
    await bot.send(result())
    assert [sent["photo"] for sent in fake.of("sendPhoto")] == [PNG, PNG]


async def test_an_answer_without_a_name(fake, bot):
    """Sent is sent, also where Telegram does not say what the picture is called."""
    fake.will("sendPhoto", Answer(200, {"ok": True, "result": {"message_id": 5}}))
    assert await bot.send(result()) == Sent("5")
    await bot.send(result())
    assert fake.of("sendPhoto")[1]["photo"] == PNG


async def test_few_names_are_remembered(fake, bot, monkeypatch):
    """Of very many pictures only those sent last keep their names."""
    monkeypatch.setattr(photos, "REMEMBERED", 1)
    for name in ("a", "b", "b", "a"):
        await bot.send(result(picture=Picture(name, PNG)))
    assert [sent["photo"] == PNG for sent in fake.of("sendPhoto")] == [True, True, False, True]
