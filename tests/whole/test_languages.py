from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handlers.dialog.catalogues import catalogue
from handlers.dialog.text import basic
from storage import drafts
from tests.whole.world import CONFIG, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.whole.chat import Chat
    from tests.whole.world import Phone, World

ARABIC = CONFIG.replace('["en"]', '["en", "ar", "es"]')
ISOLATES = {"\u2068", "\u2069"}


@pytest.fixture
async def speaking(tmp_path: Path, chat: Chat) -> AsyncIterator[World]:
    """A Switchboard that speaks three languages, on a basic phone and in a chat."""
    async with world(tmp_path, ARABIC, chats=(chat,)) as found:
        await found.platform("all", "Accra")
        await found.platform("nima", "Nima", "all")
        await found.platform("osu", "Osu (north)", "all")
        yield found


async def accept(here: World, language: str) -> None:
    """Accept a language's draft as it is now."""
    found = catalogue(language)
    assert found is not None
    digest = found.digest
    await here.database.write(lambda tx: drafts.accept(tx, language, digest, None, here.now()))


async def arabic(here: World, phone: Phone) -> Phone:
    """Let somebody sign up in Arabic, from the first question to the welcome."""
    (asked,) = await phone.say("JOIN")
    assert "2 العربية" in asked
    (asked,) = await phone.say("٢")
    assert "1 نعم 2 لا" in asked
    assert "Springfield Water" in asked
    (asked,) = await phone.say("١")
    assert asked.split("\n")[:4] == ["أين تشارك؟", "1 Nima", "2 Osu (north)", "0 تخطي."]
    (asked,) = await phone.say("1")
    assert "1 مستخدمو المياه" in asked.split("\n")
    await phone.say("1")
    await phone.say("0")
    (welcome,) = await phone.say("0")
    assert welcome.startswith("أهلا بك في ")
    return phone


@pytest.mark.parametrize("on", ["sms", "chat"])
async def test_an_arabic_member_joins_answers_and_hears_the_result(speaking: World, on: str):
    """From sign-up to the result by digits and words of their own script, on either phone.

    A basic phone gets no isolates, a chat has each value between them.
    """
    await accept(speaking, "ar")
    phone = await arabic(speaking, speaking.phone(1) if on == "sms" else speaking.chatter(1))
    round_ = await speaking.poll("أي مشكلة أولا؟", ("حنفيات", "السعر", "Drains"))
    (asked,) = await phone.hear()
    assert asked.split("\n") == [
        "Springfield Water: أي مشكلة أولا؟" if on == "sms"
        else "\u2068Springfield Water\u2069: أي مشكلة أولا؟",
        "1 حنفيات", "2 السعر", "3 Drains", "0 تخطي.", asked.split("\n")[-1],
    ]  # fmt: skip
    assert "أرسل رقما واحدا. حتى " in asked
    assert "باسمك." in asked
    (echo,) = await phone.say("٢")
    assert basic(echo).startswith("شكرا. ")
    assert "سجلنا: 2 السعر." in basic(echo)
    assert bool(set(echo) & ISOLATES) == (on == "chat")
    (echo,) = await phone.say("ثلاثة")
    assert "سجلنا: 3 Drains." in basic(echo)
    await speaking.close(round_)
    (result,) = await phone.hear()
    shown = basic(result)
    assert shown.startswith(f"النتيجة {round_.code} عن السؤال: أي مشكلة أولا؟ الأجوبة: ")
    assert "حنفيات 0, السعر 0, Drains 1. أجاب شخص واحد. شكرا." in shown
    assert bool(set(result) & ISOLATES) == (on == "chat")


@pytest.mark.parametrize("on", ["sms", "chat"])
async def test_words_and_stops_of_the_language_work(speaking: World, on: str):
    """A person sends the words that the messages tell them to."""
    phone = await arabic(speaking, speaking.phone(1) if on == "sms" else speaking.chatter(1))
    (asked,) = await phone.say("استطلاعات")
    assert asked.startswith("لا سؤال مفتوحا الآن")
    (told,) = await phone.say("مساعدة")
    assert "استطلاعات" in told
    assert (await phone.say("بياناتي"))[0].startswith(("نعرف", "هذا كل ما"))
    (stopped,) = await phone.say("توقف")
    assert basic(stopped).startswith("لن تصلك رسائل أخرى من Springfield Water")
    (back,) = await phone.say("ابدأ")
    assert basic(back).startswith("أهلا بك من جديد")


async def test_a_long_question_is_echoed_shortly_by_sms_and_in_full_in_a_chat(speaking: World):
    """What two parts do not hold has a short form, which only a basic phone gets."""
    await accept(speaking, "ar")
    sms = await arabic(speaking, speaking.phone(1))
    chat = await arabic(speaking, speaking.chatter(2))
    question = "أي مشكلة من مشاكل المياه يجب أن نحلها أولا في هذا الحي؟ المياه مهمة"
    sms.longest = 3  # the question itself, with its options: the preview tells it
    await speaking.poll(question, ("حنفيات مكسورة هنا", "السعر مرتفع جدا"))
    await sms.hear()
    await chat.hear()
    sms.longest = 2
    (short,), (full,) = await sms.say("1"), await chat.say("1")
    assert question in full
    assert question not in short
    assert "سجلنا: 1 حنفيات مكسورة هنا." in short


async def test_a_draft_answers_one_and_tells_nothing_to_many(speaking: World):
    """Until somebody accepts it a draft is only for direct replies; English stands in for it."""
    phone = await arabic(speaking, speaking.phone(1))
    round_ = await speaking.poll("Which first?", ("Taps", "Price"))
    (asked,) = await phone.hear()
    assert asked.startswith("Springfield Water: Which first? 1 Taps 2 Price 0 Skip. Send one")
    (echo,) = await phone.say("1")
    assert echo.startswith("شكرا. ")
    await accept(speaking, "ar")
    await speaking.close(round_)
    (result,) = await phone.hear()
    assert result.startswith("النتيجة ")


async def test_who_was_signed_up_is_greeted_in_what_was_accepted(speaking: World):
    """The words before the first message are ours too."""
    phone = await arabic(speaking, speaking.phone(1))
    await speaking.run("UPDATE members SET introduced = FALSE")
    await speaking.poll("Which first?", ("Taps", "Price"))
    assert (await phone.hear())[0].startswith("This is Springfield Water. STOP ends it. ")
    await phone.say("1")
    await accept(speaking, "ar")
    await speaking.run("UPDATE members SET introduced = FALSE")
    await speaking.poll("Which next?", ("Taps", "Price"))
    (asked,) = await phone.hear()
    assert asked.startswith("هنا Springfield Water. توقف للإنهاء. Springfield Water: Which next?")


async def test_spanish_costs_no_more_by_sms(speaking: World):
    """Marks of stress are away where they would cost UCS-2, and there in a chat."""
    sms, chat = speaking.phone(1), speaking.chatter(2)
    for phone, where, number in ((sms, "¿Donde", "numero"), (chat, "¿Dónde", "número")):
        await phone.say("JOIN")
        await phone.say("3")
        (asked,) = await phone.say("1")
        assert asked.startswith(f"{where} participa? 1 Nima 2 Osu (north) 0 Saltar.")
        (retry,) = await phone.say("x")
        assert f"solo un {number} de 1 a 2." in retry
