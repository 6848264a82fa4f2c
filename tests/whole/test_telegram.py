"""Whole paths through Telegram's own words: what a chat shows after a press, and of a result."""

from __future__ import annotations

import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bot.channels.telegram import channel
from bot.sending import chart
from handlers import poll
from storage import audience
from storage.instant import HOUR, MINUTE
from tests.peers.fake_bot_api import TOKEN, FakeBotApi
from tests.whole.asking import HELD, answers, ask, question
from tests.whole.world import CONFIG, Phone, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.whole.world import World

ANA, BEN = 7001, 7002


class Telegram:
    """A Switchboard whose bot is the fake's: what people do, and what their chats show."""

    def __init__(self, here: World, api: FakeBotApi) -> None:
        self.here = here
        self.api = api

    async def member(self, person: int) -> None:
        """Let somebody be a member who has the bot."""
        await self.here.member(Phone(self.here, str(person), "telegram", longest=0))

    async def press(self, person: int, message: int, label: str) -> None:
        """Press a button, and wait until all is settled."""
        self.api.press(person, message, label)
        await self._heard()

    async def write(self, person: int, text: str) -> None:
        """Write to the bot, and wait until all is settled."""
        self.api.write(person, text)
        await self._heard()

    async def _heard(self) -> None:
        await self.here.until("SELECT COUNT(*) FROM inbound", len(self.api.arrived))
        await self.here.settled()

    def asked(self, person: int) -> int:
        """Return the message that a chat got last."""
        return max(self.api.chats[str(person)])

    def shows(self, person: int, message: int) -> tuple[str, list[str]]:
        """Return what a message says now, and its buttons."""
        found = self.api.chats[str(person)][message]
        keyboard = found.get("reply_markup", {}).get("inline_keyboard", [])
        return found.get("text", ""), [button["text"] for row in keyboard for button in row]

    def sends(self) -> list[str]:
        """Return the methods called since the last time, in order."""
        found = [method for method, _ in self.api.calls]
        self.api.calls.clear()
        return found


@asynccontextmanager
async def telegram(folder: Path, api: FakeBotApi, **more: Any) -> AsyncIterator[Telegram]:
    """Run a Switchboard that polls the fake."""
    config = f'{CONFIG}[channels.telegram]\ndriver = "telegram"\napi_url = "{api.url}"\n'
    simulator = '[channels.phones]\ndriver = "simulator"\n'
    async with world(folder, config.replace(simulator, ""), **more) as here:
        yield Telegram(here, api)


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeBotApi]:
    """A Bot API on loopback."""
    monkeypatch.setenv("SWITCHBOARD_CHANNELS__TELEGRAM__TOKEN", TOKEN)
    monkeypatch.setenv("SWITCHBOARD_PRIVACY__HASH_KEY", "k" * 32)
    # Telegram's second between two messages to one chat would be waited for again and again.
    monkeypatch.setattr(channel, "GAP_MS", 0)
    async with FakeBotApi() as found:
        yield found


@pytest.fixture
async def chats(tmp_path: Path, api: FakeBotApi) -> AsyncIterator[Telegram]:
    """A Switchboard on Telegram, with one member."""
    async with telegram(tmp_path, api) as found:
        await found.member(ANA)
        yield found


async def test_a_press_is_one_edit(chats: Telegram) -> None:
    """The question's message says what was answered and keeps its buttons, the chosen one
    checked: one request, and no new message. Another press changes both in the same place.
    """
    round_ = await chats.here.poll()
    at = chats.asked(ANA)
    assert chats.shows(ANA, at)[1] == ["1 Taps", "2 Price", "3 Drains", "0 Skip"]
    assert chats.sends() == ["sendMessage"]
    await chats.press(ANA, at, "2 ")
    text, buttons = chats.shows(ANA, at)
    assert f"{HELD}2 Price" in text
    assert buttons == ["1 Taps", "\u2713 2 Price", "3 Drains", "0 Skip"]
    assert chats.sends() == ["editMessageText"]
    await chats.press(ANA, at, "3 ")
    assert chats.shows(ANA, at)[1] == ["1 Taps", "2 Price", "\u2713 3 Drains", "0 Skip"]
    await chats.press(ANA, at, "0 ")
    assert chats.shows(ANA, at)[1] == ["1 Taps", "2 Price", "3 Drains", "\u2713 0 Skip"]
    assert chats.sends() == ["editMessageText"] * 2
    assert await answers(chats.here, round_) == []


async def test_the_same_button_twice(chats: Telegram) -> None:
    """Telegram refuses an edit that changes nothing: it is as good as made, and nothing more is
    said.
    """
    await chats.here.poll()
    at = chats.asked(ANA)
    await chats.press(ANA, at, "2 ")
    await chats.press(ANA, at, "\u2713 2 ")
    assert chats.sends() == ["sendMessage", "editMessageText", "editMessageText"]
    assert await chats.here.rows("SELECT DISTINCT status FROM outbox") == [("sent",)]


async def test_a_message_that_is_gone(chats: Telegram) -> None:
    """Where the question's message can't be edited any more the echo is a message of its own."""
    await chats.here.poll()
    at = chats.asked(ANA)
    chats.api.refuse["editMessageText"] = ["Bad Request: message to edit not found"]
    await chats.press(ANA, at, "2 ")
    assert chats.sends() == ["sendMessage", "editMessageText", "sendMessage"]
    text, buttons = chats.shows(ANA, chats.asked(ANA))
    assert f"{HELD}2 Price" in text
    assert "\u2713 2 Price" in buttons
    assert await chats.here.rows("SELECT DISTINCT status, maybe_twice, edits FROM outbox") in (
        [("sent", 0, "")],
        [("sent", False, "")],
    )


async def test_a_typed_answer_is_answered_by_a_message(chats: Telegram) -> None:
    """Only a press says which message it is about: a digit's echo is a message, as by SMS."""
    await chats.here.poll()
    chats.sends()
    await chats.write(ANA, "2")
    assert chats.sends() == ["sendMessage"]
    assert chats.shows(ANA, chats.asked(ANA))[1] == []


async def test_a_crash_between(tmp_path: Path, api: FakeBotApi) -> None:
    """A process that dies with an edit under way leaves it to the next, which makes it once
    more: that changes nothing, is not marked as perhaps twice, and no message comes of it.
    """
    async with telegram(tmp_path, api) as before:
        await before.member(ANA)
        await before.here.poll()
        at = before.asked(ANA)
        await before.press(ANA, at, "2 ")
        shown = before.shows(ANA, at)
        # As it is when the answer to the request was lost with the process.
        await before.here.run(
            "UPDATE outbox SET status = 'sending', lease_until = 1, provider_id = ''"
            " WHERE edits <> ''"
        )
        before.sends()
        here = before.here
        [reconciler] = here.app.reconcilers
        for _ in range(2):  # first it is found to be in doubt, and some seconds later looked into
            here.offset += MINUTE
            await reconciler.look()
        await here.until("SELECT COUNT(*) FROM outbox WHERE status <> 'sent'", 0)
        assert before.sends() == ["editMessageText"]
        assert before.shows(ANA, at) == shown
        [row] = await here.rows("SELECT status, maybe_twice FROM outbox WHERE edits <> ''")
        assert (row[0], bool(row[1])) == ("sent", False)


async def test_the_later_of_two_edits_stands(chats: Telegram) -> None:
    """An edit that is tried again after a later one of the same message is not made any more."""
    await chats.here.poll()
    at = chats.asked(ANA)
    await chats.press(ANA, at, "2 ")
    await chats.press(ANA, at, "3 ")
    [[first], [_]] = await chats.here.rows("SELECT id FROM outbox WHERE edits <> '' ORDER BY id")
    chats.sends()
    await chats.here.run("UPDATE outbox SET status = 'queued' WHERE id = :id", id=first)
    await chats.here.settled()
    assert chats.sends() == []
    assert "\u2713 3 Drains" in chats.shows(ANA, at)[1]
    assert await chats.here.rows("SELECT status, reason FROM outbox WHERE id = :id", id=first) == [
        ("cancelled", "outdone")
    ]


async def test_several_are_chosen_in_one_message(chats: Telegram) -> None:
    """Each press of a question with several answers checks a button, or takes that back, in the
    question's own message; the last says what is kept. Two questions are two messages.
    """
    several = question("several", "What do you use?", options=("Tap", "Well", "Tanker"))
    round_ = await ask(chats.here, question("yes_no", "Is there water?"), several)
    first = chats.asked(ANA)
    await chats.press(ANA, first, "1 ")
    at = chats.asked(ANA)
    assert at != first
    chats.sends()
    for label in ("1 ", "3 ", "2 ", "\u2713 2 "):
        await chats.press(ANA, at, label)
    text, buttons = chats.shows(ANA, at)
    assert text == "What do you use? Chosen: 1 Tap, 3 Tanker. Press more, or Done."
    assert buttons == ["\u2713 1 Tap", "2 Well", "\u2713 3 Tanker", "Done", "0 Skip"]
    await chats.press(ANA, at, "Done")
    assert f"{HELD}1 Tap, 3 Tanker" in chats.shows(ANA, at)[0]
    assert chats.shows(ANA, at)[1] == buttons
    assert set(chats.sends()) == {"editMessageText"}
    # The first question's buttons are there still, and change its answer in its own place.
    await chats.press(ANA, first, "2 ")
    assert f"{HELD}2 No" in chats.shows(ANA, first)[0]
    assert await answers(chats.here, round_) == [(0, "no"), (1, "1,3")]


async def test_an_anonymous_close_forgets_which_message(chats: Telegram) -> None:
    """What ties an echo to its round is gone with the close: the message it replaced, too."""
    for person in range(7010, 7015):
        await chats.member(person)
    round_ = await chats.here.poll(named=False)
    await chats.press(ANA, chats.asked(ANA), "2 ")
    await chats.here.close(round_)
    assert await chats.here.rows("SELECT text, choices, edits FROM outbox WHERE kind = 0") == [
        ("", "", "")
    ]


# --- pictures --------------------------------------------------------------------------


async def voted(chats: Telegram) -> Any:
    """Return a poll that two have answered."""
    await chats.member(BEN)
    round_ = await chats.here.poll()
    for person, label in ((ANA, "2 "), (BEN, "1 ")):
        await chats.press(person, chats.asked(person), label)
    chats.sends()
    return round_


async def test_a_result_comes_with_its_chart(chats: Telegram) -> None:
    """RESULT is answered by a picture with the words as its caption."""
    round_ = await voted(chats)
    await chats.write(ANA, f"RESULT {round_.code}")
    [(method, sent)] = chats.api.calls
    assert method == "sendPhoto"
    assert "Taps 1, Price 1, Drains 0. 2 answered." in sent["caption"]
    assert sent["photo"].startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", sent["photo"][16:24])
    assert (width, 400 < height < 1_000) == (chart.WIDTH, True)


async def test_all_get_the_result_with_one_upload(chats: Telegram) -> None:
    """Each respondent gets the chart of the closed poll; it is drawn, and uploaded, once: who
    gets it later gets it by the name that Telegram gave it.
    """
    round_ = await voted(chats)
    await chats.here.close(round_)
    assert chats.sends() == ["sendPhoto"] * 2
    await chats.write(ANA, f"RESULT {round_.code}")
    [(_, sent)] = chats.api.calls
    assert sent["photo"] in {"photo-3", "photo-4"}
    assert sent["caption"].startswith(f"Result {round_.code}: Which first?")


async def test_what_is_hidden_has_no_chart(chats: Telegram) -> None:
    """Figures that are not shown in words are not shown in a picture."""
    for person in range(7010, 7015):
        await chats.member(person)
    round_ = await chats.here.poll(named=False)
    await chats.press(ANA, chats.asked(ANA), "2 ")
    chats.sends()
    await chats.write(ANA, f"RESULT {round_.code}")
    await chats.here.close(round_)
    assert set(chats.sends()) == {"sendMessage"}
    assert await chats.here.rows("SELECT DISTINCT picture FROM outbox") == [("",)]


@pytest.mark.parametrize("wrong", ["refused", "undrawable"])
async def test_without_the_picture_the_words_come(
    chats: Telegram, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """Where a picture can't be drawn, or is refused, the words come alone."""
    round_ = await voted(chats)
    if wrong == "refused":
        chats.api.refuse["sendPhoto"] = ["Bad Request: PHOTO_INVALID_DIMENSIONS"]
    else:
        monkeypatch.setattr(chart, "draw", lambda _: 1 / 0)
    await chats.write(ANA, f"RESULT {round_.code}")
    await chats.write(ANA, f"RESULT {round_.code}")
    words = [sent["text"] for method, sent in chats.api.calls if method == "sendMessage"]
    assert len(words) == 2
    assert all("Taps 1, Price 1" in text for text in words)
    photos = [method for method, _ in chats.api.calls if method == "sendPhoto"]
    assert len(photos) == (wrong == "refused")


async def test_an_arabic_result_has_an_arabic_chart(tmp_path: Path, api: FakeBotApi) -> None:
    """The chart is in the language of the words beside it."""
    async with telegram(tmp_path, api) as chats:
        await chats.member(ANA)
        await chats.here.run("UPDATE members SET language = 'ar'")
        form = poll.form(chats.here.alliance, "أي مشكلة أولاً؟", ("الصنابير", "السعر"), named=True)

        async def unit(tx: Any) -> Any:
            found, _ = await poll.poll(
                tx, chats.here.alliance, audience.All(), form,
                closes_at=chats.here.now() + HOUR, by=None, now=chats.here.now(),
            )  # fmt: skip
            return found

        round_ = await chats.here.database.write(unit)
        await chats.here.tick()
        await chats.press(ANA, chats.asked(ANA), "2 ")
        await chats.here.close(round_)
        [(method, sent)] = chats.api.calls[-1:]
        assert method == "sendPhoto"
        assert "السعر" in sent["caption"]
