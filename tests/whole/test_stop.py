"""STOP and START: at once, for every phone of a person, and undone by nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.channels.base import Receipt, Refused
from handlers import announce
from storage import addresses, audience, barred
from storage.instant import DAY, HOUR
from tests.whole.chat import Chat
from tests.whole.world import CONFIG, world

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Tx
    from tests.whole.world import Phone, World

GOODBYE = "You will get no more messages"
ASKED = "You asked Springfield Water to stop"


async def tell(here: World, text: str = "News", at: int = 0) -> None:
    """Announce something to all, and wait until it has left."""
    await here.database.write(
        lambda tx: announce.announce(
            tx, here.alliance, audience.All(), {"en": text}, at=at or here.now(), by=None,
            now=here.now(),
        )
    )  # fmt: skip
    await here.tick()


async def link(here: World, other: Phone) -> None:
    """Let another phone belong to the first member too."""

    async def unit(tx: Tx) -> None:
        address_id = await addresses.add(tx, other.channel, other.number, here.now())
        await addresses.link(tx, 1, address_id, here.now())

    await here.database.write(unit)


FORMS = [
    *("STOP", "stop", " Stop ", "Stop.", "STOP!", "stop?", '"STOP"', "/stop", "please stop"),
    *("Stop now", "STOP ALL", "stopall", "Stop. Thank you", "stop, I moved", "STOP\nI moved away"),
    *("unsubscribe", "END", "quit", "cancel", "revoke", "opt out", "optout", "stóp", "ＳＴＯＰ"),
    "\u200fSTOP\u200f",
]


@pytest.mark.parametrize("text", FORMS)
async def test_every_form_of_stop(here: World, text: str) -> None:
    """Each form stops, is confirmed once, and nothing is sent afterwards."""
    ada = here.phone(0)
    await ada.join()
    await ada.hear()
    assert [GOODBYE in said for said in await ada.say(text)] == [True]
    assert await ada.say(text) == []
    await tell(here)
    assert await ada.hear() == []
    assert await here.rows("SELECT COUNT(*) FROM outbox WHERE kind > 0") == [(0,)]


@pytest.mark.parametrize(("text", "lifts"), [
    ("START", True), ("start.", True), ("Start please", True), ("UNSTOP", True),
    ("start the pump", False), ("/start", False), ("JOIN", False), ("yes", False), ("1", False),
    ("POLLS", False), ("CHANGE P1", False), ("HELP", False), ("hello", False), ("LANG", False),
])  # fmt: skip
async def test_nothing_but_start_lifts_a_stop(here: World, text: str, lifts: bool) -> None:
    """START lifts a STOP; no other message does, and none is taken for an answer."""
    ada = here.phone(0)
    await ada.join()
    await here.poll()
    await ada.say("STOP")
    await ada.say(text)
    assert await here.scalar("SELECT COUNT(*) FROM answers") == 0
    await tell(here)
    assert ("News" in await ada.hear()) == lifts


@pytest.mark.parametrize("text", ["JOIN", "1", "POLLS", "CHANGE P1", "/start"])
async def test_a_stopped_person_is_asked_first(here: World, text: str) -> None:
    """Whoever stopped and acts like a member again is told how to start."""
    ada = here.phone(0)
    await ada.join()
    await here.poll()
    await ada.say("STOP")
    assert [ASKED in said for said in await ada.say(text)] == [True]


async def test_telegrams_start_is_asked_first(both: World) -> None:
    """Opening the chat sends /start by itself: a stopped person is asked, and a button starts."""
    ada = both.chatter(0)
    await ada.join()
    await ada.say("STOP")
    await ada.send("", kind="start")
    (message,) = await ada.messages()
    assert ASKED in message["text"]
    assert message["buttons"] == [("START", "w:START")]
    assert await both.scalar("SELECT stopped_at FROM members") > 0
    assert "Welcome back" in (await ada.press("w:START"))[0]
    assert await both.scalar("SELECT stopped_at FROM members") == 0


async def test_a_stop_ends_what_waits_on_every_phone(both: World, chat: Chat) -> None:
    """STOP from one phone ends what is queued or held to each of them."""
    ada, other = both.phone(0), both.chatter(0)
    await ada.join()
    await link(both, other)
    await both.poll("First?")
    await both.poll("Held?")
    await ada.hear()
    assert await both.rows("SELECT status FROM outbox WHERE status = 'held'") == [("held",)]
    await ada.say("STOP")
    assert await both.rows("SELECT status FROM outbox WHERE status = 'held'") == []
    await tell(both)
    assert await ada.hear() == []
    assert await other.hear() == []
    # START on the other phone lifts the person and that phone; the first waits for its own.
    assert "Welcome back" in (await other.say("START"))[0]
    await tell(both)
    assert ["News" in await other.hear(), "News" in await ada.hear()] == [True, False]


async def test_a_stop_between_claim_and_send(tmp_path: Path) -> None:
    """What is claimed when the STOP comes does not leave; its confirmation does."""
    chat = Chat(in_flight=1)
    async with world(tmp_path, chats=(chat,)) as both:
        people = [both.chatter(n) for n in range(2)]
        for each in people:
            await each.join()
            await each.hear()
        chat.way.clear()
        telling = asyncio.create_task(tell(both))
        await both.until("SELECT COUNT(*) FROM outbox WHERE status = 'sending'", 2)
        both.offset += 10
        await people[1].send("STOP")
        chat.way.set()
        await telling
        assert await people[0].hear() == ["News"]
        assert [GOODBYE in said for said in await people[1].hear()] == [True]
        assert await both.rows(
            "SELECT status FROM outbox WHERE kind = 1 ORDER BY member_id"
        ) == [("sent",), ("stopped",)]  # fmt: skip


async def test_a_reply_on_its_way_ends_too(tmp_path: Path) -> None:
    """An answer of ours that was claimed before the STOP does not leave after it."""
    chat = Chat(in_flight=1)
    async with world(tmp_path, chats=(chat,)) as both:
        ada, ben = both.chatter(0), both.chatter(1)
        for each in (ada, ben):
            await each.join()
            await each.hear()
        chat.way.clear()
        await ben.send("ABOUT")
        await ada.send("ABOUT")
        await both.until("SELECT COUNT(*) FROM outbox WHERE status = 'sending'", 2)
        both.offset += 10
        await ada.send("STOP")
        chat.way.set()
        assert [GOODBYE in said for said in await ada.hear()] == [True]


async def test_a_stop_in_the_middle_of_the_sign_up(here: World) -> None:
    """Before the consent a STOP leaves a keyed hash; after it, a member who stopped."""
    ada, ben = here.phone(0), here.phone(1)
    await ada.say("JOIN")
    assert [GOODBYE in said for said in await ada.say("stop")] == [True]
    assert await here.everywhere(ada.number.lstrip("+")) == []
    assert await here.rows("SELECT reason FROM barred") == [("stopped",)]
    await ben.say("JOIN")
    await ben.say("1")
    await ben.say("1")
    assert [GOODBYE in said for said in await ben.say("END")] == [True]
    assert await here.rows("SELECT text FROM tickets") == []
    assert await here.rows(
        "SELECT organisation_id FROM members WHERE state = 'member' AND stopped_at > 0"
    ) == [(None,)]  # fmt: skip


@pytest.mark.parametrize("kind", ["phone", "chat"])
async def test_a_strangers_stop_leaves_a_keyed_hash(both: World, kind: str) -> None:
    """Of a stranger who stopped no number and no word stays, whatever they send afterwards."""
    ada = both.phone(0) if kind == "phone" else both.chatter(0)
    await ada.say("When do you meet?")
    assert [GOODBYE in said for said in await ada.say("STOP")] == [True]
    after = [await ada.say(t) for t in ("STOP", "A zebra", "1", "HELP", "ASK a zebra", "POLLS")]
    assert after[:3] == [[], [], []]
    assert ASKED in after[4][0]
    assert await both.everywhere(ada.number.lstrip("+")) == []
    for words in ("When do you meet", "zebra"):
        assert await both.everywhere(words) == []
    hashed = barred.keyed(both.alliance.hash_key, ada.channel, ada.number)
    assert await both.rows("SELECT hash, reason FROM barred") == [(hashed, "stopped")]
    assert ASKED in (await ada.say("JOIN"))[0]
    assert "To take part send JOIN" in (await ada.say("START"))[0]
    assert await both.rows("SELECT hash FROM barred") == []
    assert "do you agree?" in (await ada.say("JOIN"))[0]


async def test_the_carrier_has_confirmed_it(both: World) -> None:
    """Where the provider handled the word it answered too: no second confirmation."""
    ada = both.phone(0)
    await ada.join()
    await ada.hear()
    assert await ada.say("STOP", opt_out="stop") == []
    assert await both.rows("SELECT state FROM addresses") == [("carrier",)]
    assert await ada.say("HELP", opt_out="help") == []
    # The carrier refuses whatever is sent before START: nothing is tried.
    assert await ada.say("ABOUT") == []
    assert await ada.say("START", opt_out="start") == []
    assert await both.rows("SELECT state, stopped_at FROM addresses") == [("ok", 0)]
    await tell(both)
    assert await ada.hear() == ["News"]


async def test_a_word_of_the_carriers_own(here: World) -> None:
    """What the provider calls a STOP is one, in whatever words."""
    ada = here.phone(0)
    await ada.join()
    await ada.say("Ya no quiero", opt_out="stop")
    assert await here.scalar("SELECT stopped_at FROM members") > 0


@pytest.mark.parametrize("by", ["answer", "receipt"])
async def test_21610(both: World, chat: Chat, by: str) -> None:
    """An opt-out at the carrier is kept, never retried, and only its own START lifts it."""
    ada, other = both.chatter(0), both.chatter(1)
    await ada.join()
    await ada.hear()
    if by == "answer":
        chat.outcomes.append(Refused("21610", "stopped"))
        await tell(both)
    else:
        await tell(both)
        await ada.hear()
        provider_id = await both.scalar("SELECT provider_id FROM outbox WHERE kind = 1")
        await both.accept(Receipt("chat", provider_id, "failed", error="21610", effect="stopped"))
    assert await both.rows("SELECT state FROM addresses") == [("carrier",)]
    assert await both.scalar("SELECT stopped_at FROM members") > 0
    await link(both, other)
    assert "Welcome back" in (await other.say("START"))[0]
    await tell(both, "More")
    assert await other.hear() == ["More"]
    assert await ada.hear() == []
    assert await both.rows("SELECT state FROM addresses ORDER BY id LIMIT 1") == [("carrier",)]
    assert "Welcome back" in (await ada.say("START"))[0]
    assert await both.rows("SELECT state FROM addresses ORDER BY id LIMIT 1") == [("ok",)]


async def test_a_stop_outlives_everything(tmp_path: Path) -> None:
    """A STOP holds over a restart and for ever, for what is scheduled too."""
    async with world(tmp_path) as here:
        ada = here.phone(0)
        await ada.join()
        await here.database.write(
            lambda tx: announce.announce(
                tx, here.alliance, audience.All(), {"en": "Later"}, at=here.now() + HOUR,
                by=None, now=here.now(),
            )
        )  # fmt: skip
        await ada.say("STOP")
    async with world(tmp_path) as again:
        ada = again.phone(0)
        await again.pass_time(2 * HOUR)
        await again.pass_time(400 * DAY)
        await tell(again)
        assert await ada.hear() == []


@pytest.mark.parametrize(("language", "stops"), [("es", "ALTO"), ("fr", "Arrêtez"), ("ar", "توقف")])
async def test_stop_in_every_language_of_the_alliance(
    tmp_path: Path, language: str, stops: str
) -> None:
    """A STOP word of any language of the alliance stops, whichever the person speaks."""
    config = CONFIG.replace('languages = ["en"]', f'languages = ["en", "{language}"]')
    async with world(tmp_path, config) as here:
        ada = here.phone(0)
        for said in ("JOIN", "1", "1", "0", "0", "0"):
            await ada.say(said)
        assert [GOODBYE in said for said in await ada.say(stops)] == [True]
        assert await here.scalar("SELECT stopped_at FROM members") > 0


@pytest.mark.parametrize(
    ("language", "starts", "helps"),
    [("es", "Iniciar", "ayuda"), ("fr", "reprendre", "AIDE"), ("ar", "ابدأ", "مساعدة")],
)
async def test_start_and_help_in_every_language(
    tmp_path: Path, language: str, starts: str, helps: str
) -> None:
    """START and HELP have their words in each language of the alliance too."""
    config = CONFIG.replace('languages = ["en"]', f'languages = ["en", "{language}"]')
    async with world(tmp_path, config) as here:
        ada = await here.member(here.phone(0))
        await ada.say("STOP")
        assert ["Welcome back" in said for said in await ada.say(starts)] == [True]
        assert await here.scalar("SELECT stopped_at FROM members") == 0
        assert ["Send POLLS" in said for said in await ada.say(helps)] == [True]
