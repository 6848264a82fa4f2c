"""Bad input: whatever anybody sends is kept, breaks nothing, and loses nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import numbers
from bot.channels.base import Unreadable
from handlers.dialog.text import basic, segments
from storage.errors import BadNumber
from storage.instant import HOUR
from tests.whole.chat import Chat
from tests.whole.world import CONFIG, world

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.whole.world import Phone, World

TEXTS = {
    "empty": "",
    "spaces": " \t\n ",
    "ten thousand characters": "word " * 2_000,
    "a million characters": "x" * 1_000_000,
    "ten thousand digits": "1" * 10_000,
    "ten thousand lines": "\n" * 10_000,
    "control characters": "\x01\x02\x07\x1b[31mred\x7f\x9f",
    "NUL": "a\0b",
    "a lone surrogate": "\ud800 and \udfff",
    "surrogates in pairs": "\ud83d\ude00",
    "mixed scripts": "Hello Привет こんにちは 안녕 नमस्ते",
    "right to left": "\u202e\u200f مرحبا \u2066\u2069",
    "marks alone": "\u200b\u200e\u2060\ufeff",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈👍🏽",
    "combining marks": "e" + "\u0301" * 500,
    "no characters": "\ufffe\uffff\U0010ffff",
    "braces": "{0} {alliance} %s %(a)s ${x}",
    "markup": "<b>*_`[x](y)</b>",
    "sql": "'; DROP TABLE members; --",
    "a superscript": "²",
    "a circled digit": "①",
    "a roman digit": "Ⅷ",
    "a fraction": "½",
    "a huge number": "9" * 400,
    "a minus": "-1",
    "a float": "1e5",
    "carriage returns": "STOP\r\nplease",
    "JOIN and ten thousand characters": "JOIN " + "y" * 10_000,
    "ASK and ten thousand characters": "ASK " + "z" * 10_000,
    "CHANGE and marks": "CHANGE \u202e{code!r}",
    "RESULT and a brace": "RESULT {0}",
    "LANG and a surrogate": "LANG \ud800",
}


async def asked(here: World, ada: Phone, state: str) -> None:
    """Bring somebody to where their next message means something else."""
    if state == "stranger":
        return
    if state == "consent":
        await ada.say("JOIN")
    elif state == "organisation":
        for said in ("JOIN", "1", "1"):
            await ada.say(said)
    else:
        await here.member(ada)
        if state == "poll":
            await (ada.say("POLLS") if await here.rows("SELECT 1 FROM batches") else here.poll())
    await ada.hear()


@pytest.mark.parametrize("kind", ["phone", "chat"])
@pytest.mark.parametrize("state", ["stranger", "consent", "organisation", "member", "poll"])
async def test_every_text_in_every_state(both: World, state: str, kind: str) -> None:
    """Each text is kept once, answered in few segments, and never fails."""
    for number, text in enumerate(TEXTS.values()):
        ada = both.phone(number) if kind == "phone" else both.chatter(number)
        ada.longest = 2
        await asked(both, ada, state)
        before = await both.scalar("SELECT COUNT(*) FROM inbound")
        await ada.say(text)
        assert await both.scalar("SELECT COUNT(*) FROM inbound") == before + 1
    assert await both.rows("SELECT error FROM inbound WHERE state = 'failed'") == []
    for (kept,) in await both.rows("SELECT text FROM inbound"):
        assert len(kept) <= 10_000
        assert not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in kept)


@pytest.mark.parametrize("kind", ["edit", "choice", "start", "media", "contact", "not_a_person"])
async def test_every_text_as_every_kind(both: World, kind: str) -> None:
    """The same holds for edits, buttons, links, media and contacts."""
    ada = both.chatter(0)
    await ada.join()
    await both.poll()
    await ada.hear()
    for number, text in enumerate(TEXTS.values()):
        both.offset += HOUR
        more: dict[str, Any] = {"choice": text, "callback": str(number)} if kind == "choice" else {}
        await ada.say("" if kind == "choice" else text, kind=kind, media=text[:99], **more)
    assert await both.rows("SELECT error FROM inbound WHERE state = 'failed'") == []
    assert await both.scalar("SELECT COUNT(*) FROM inbound WHERE kind = :kind", kind=kind) == len(
        TEXTS
    )


NUMBERS = [
    ("+12025550123", "+12025550123"), ("0012025550123", "+12025550123"),
    ("202 555 0123", "+12025550123"), ("(202) 555-0123", "+12025550123"),
    ("1-202-555-0123", "+12025550123"), ("+1 (202) 555.0123", "+12025550123"),
    ("tel:+12025550123", "+12025550123"), ("٢٠٢٥٥٥٠١٢٣", "+12025550123"),
    ("\u202a+1 202 555 0123\u202c", "+12025550123"), ("+１２０２５５５０１２３", "+12025550123"),
    ("", None), ("+", None), ("12", None), ("abc", None), ("+1", None), ("+999123456789", None),
    ("+1202555012345678", None), ("\ud800", None), ("1" * 5_000, None), ("+0", None),
]  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), NUMBERS)
def test_numbers_in_any_form(written: str, meant: str | None) -> None:
    """A number is read in any form people write; what is none is refused without repeating it."""
    if meant is not None:
        assert numbers.e164(written, "US") == meant
        return
    with pytest.raises(BadNumber) as refused:
        numbers.e164(written, "US")
    assert len(written) < 4 or written not in str(refused.value)


async def test_what_cant_be_read_is_stored_raw_and_passed_over(both: World) -> None:
    """An update that can't be read stalls nothing, and is stored once."""
    for _ in range(2):
        await both.accept(Unreadable("chat", "u:1", '{"a": "\0\ud800"}'))
    assert await both.rows("SELECT kind, state FROM inbound") == [("unreadable", "unreadable")]
    assert "do you agree?" in (await both.chatter(0).say("JOIN"))[0]


# --- 2,000 random texts ---

ANY = st.text(st.characters(exclude_categories=[]), max_size=40)
WORDS = st.sampled_from(
    ["JOIN", "stop", "START", "HELP", "POLLS", "BACK", "skip", "CHANGE P3", "RESULT P3", "LANG es",
     "ME", "ASK why", "0", "1", "2", "3", "#", "1234", "no", "", "\ud800", "/start", "polsl"]
)  # fmt: skip
KINDS = st.sampled_from(["text"] * 8 + ["edit", "choice", "start", "media", "contact"])
BUTTONS = st.one_of(
    ANY, st.builds("a:{}:{}:{}".format, st.integers(0, 5), st.integers(0, 6), ANY | WORDS),
    st.builds("w:{}".format, WORDS), st.builds("c:{}".format, WORDS),
)  # fmt: skip
MESSAGE = st.tuples(
    st.integers(0, 3), KINDS, st.one_of(WORDS, ANY, st.builds("{} {}".format, WORDS, ANY)), BUTTONS
)


async def talk(messages: list[tuple[int, str, str, str]]) -> None:
    """Run a whole Switchboard, and let four phones send all of it."""
    chat = Chat()
    config = (
        CONFIG.replace('["en"]', '["en", "es"]') + "replies_per_hour = 999\nreplies_per_day = 999\n"
    )
    with TemporaryDirectory() as folder:
        async with world(Path(folder), config, chats=(chat,)) as both:
            phones = [both.phone(0), both.phone(1), both.chatter(2), both.chatter(3)]
            await phones[0].join()
            await phones[2].join()
            await both.poll()
            for who, kind, text, button in messages:
                more = {"choice": button, "callback": "c"} if kind == "choice" else {}
                await phones[who].send(text, kind=kind, **more)
            await both.settled()
            assert await both.rows("SELECT error FROM inbound WHERE state = 'failed'") == []
            # A chat has room for more.
            sent = await both.rows("SELECT text FROM outbox WHERE kind = 0 AND channel = 'phones'")
            said = [text for (text,) in sent]
            assert [text for text in said if segments(basic(text)) > 2] == []


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run one whole world in a loop of its own."""
    asyncio.run(coroutine)


@given(st.lists(MESSAGE, min_size=100, max_size=100))
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_two_thousand_random_texts(messages: list[tuple[int, str, str, str]]) -> None:
    """No text, button or link of any kind makes a handler fail, in any order."""
    run(talk(messages))
