"""Loops and pumping: how many answers one phone gets, and who gets none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handlers import announce
from storage import audience
from storage.instant import DAY, HOUR, MINUTE
from tests.whole.chat import Chat
from tests.whole.world import CONFIG, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.whole.world import Phone, World

NOTICE = "You have sent many messages"
ALERT = "SELECT COUNT(*) FROM tickets WHERE kind = 'alert' AND text LIKE 'loop%'"


async def shout(phone: Phone, times: int, text: str = "ABOUT") -> list[str]:
    """Send a message so many times and return all that came back."""
    for _ in range(times):
        await phone.send(text)
    return await phone.hear()


async def test_twenty_an_hour_then_one_notice_then_silence(here: World) -> None:
    """One phone gets 20 automatic replies in an hour, one notice, and nothing more."""
    ada, ben = here.phone(0), here.phone(1)
    said = await shout(ada, 30)
    assert [NOTICE in text for text in said] == [False] * 20 + [True]
    assert await here.scalar(ALERT) == 1
    assert await here.scalar("SELECT COUNT(*) FROM inbound") == 30
    assert len(await shout(ben, 1)) == 1
    here.offset += 59 * MINUTE
    assert await shout(ada, 3) == []
    here.offset += MINUTE
    assert len(await shout(ada, 3)) == 3


async def test_sixty_a_day(here: World) -> None:
    """However slowly it writes, one phone gets 60 automatic replies in a day."""
    ada = here.phone(0)
    said = []
    for _ in range(5):
        said += await shout(ada, 19)
        here.offset += HOUR
    assert [NOTICE in text for text in said] == [False] * 60 + [True]
    here.offset += DAY - 5 * HOUR
    assert len(await shout(ada, 2)) == 2


async def test_the_limits_are_settings(tmp_path: Path) -> None:
    """`replies_per_hour` and `replies_per_day` are what the alliance says."""
    config = CONFIG + "replies_per_hour = 3\nreplies_per_day = 5\n"
    async with world(tmp_path, config) as here:
        ada = here.phone(0)
        assert [NOTICE in text for text in await shout(ada, 9)] == [False] * 3 + [True]
        here.offset += HOUR
        assert [NOTICE in text for text in await shout(ada, 9)] == [False, True]


async def test_a_silent_phone_still_counts(here: World) -> None:
    """Past its limit a phone's answers, its STOP and its broadcasts are dealt with as ever."""
    ada = here.phone(0)
    await ada.join()
    round_ = await here.poll()
    await shout(ada, 30)
    assert await shout(ada, 1, "2") == []
    assert await here.rows("SELECT value FROM answers") == [("2",)]
    await here.close(round_)
    assert ["Result" in text for text in await ada.hear()] == [True]
    await shout(ada, 1, "STOP")
    assert await here.scalar("SELECT stopped_at FROM members") > 0


@pytest.mark.parametrize("words", [("STOP", "START"), ("JOIN", "2"), ("STOP", "HELP")])
async def test_who_is_forgotten_is_counted_too(here: World, words: tuple[str, str]) -> None:
    """Stopping or saying no over and over gets no more replies than anything else."""
    ada = here.phone(0)
    for _ in range(30):
        for word in words:
            await ada.send(word)
    assert len(await ada.hear()) <= 21
    assert await here.scalar(ALERT) == 1


async def test_two_switchboards_wired_together_fall_silent(tmp_path: Path) -> None:
    """Two Switchboards that take each other for people stop within 40 messages."""
    one, other = Chat("chat"), Chat("chat")
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    async with (
        world(tmp_path / "one", chats=(one,)) as left,
        world(tmp_path / "other", chats=(other,)) as right,
    ):
        await left.chatter(1).send("JOIN")
        passed, seen = 0, {id(one): 0, id(other): 0}
        for _ in range(200):
            await left.settled()
            await right.settled()
            said = one.sent[seen[id(one)] :], other.sent[seen[id(other)] :]
            seen = {id(one): len(one.sent), id(other): len(other.sent)}
            if not said[0] and not said[1]:
                break
            for message in said[0]:
                passed += 1
                await right.chatter(1).send(message["text"])
            for message in said[1]:
                passed += 1
                await left.chatter(1).send(message["text"])
    assert passed <= 40
    assert passed > 1


async def test_a_number_of_another_country_gets_nothing(tmp_path: Path) -> None:
    """Numbers outside the channel's countries are kept and never answered."""
    chat = Chat("abroad", countries=("GH",))
    async with world(tmp_path, chats=(chat,)) as here:
        near, far = here.chatter(0, "abroad"), here.chatter(1, "abroad")
        near.number, far.number = "+233302555010", "+12025550101"
        for text in ("JOIN", "1", "HELP", "hello", "STOP", "START", "ABOUT"):
            await far.say(text)
        assert chat.sent == []
        assert await here.scalar("SELECT COUNT(*) FROM inbound") == 7
        assert "do you agree?" in (await near.say("JOIN"))[0]


async def test_replies_count_in_the_budget(tmp_path: Path) -> None:
    """Replies are never held for the month's budget, but they count in what was spent."""
    config = CONFIG + "monthly_segments = 1\n"
    async with world(tmp_path, config) as here:
        ada = here.phone(0)
        await ada.join()
        assert await here.scalar("SELECT SUM(segments) FROM spending") >= 4
        await here.database.write(
            lambda tx: announce.announce(
                tx, here.alliance, audience.All(), {"en": "News"}, at=here.now(), by=None,
                now=here.now(),
            )
        )  # fmt: skip
        await here.tick()
        assert await ada.hear() == []
        assert await here.rows("SELECT reason FROM outbox WHERE status = 'held'") == [("budget",)]
