from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.dialog.messages import msg
from handlers.dialog.turn import command, commands, words
from tests.handlers.conftest import ALLIANCE, number


def test_a_language_of_the_alliance_or_the_default():
    """Nobody is answered in a language that the alliance does not speak."""
    alliance = replace(ALLIANCE, languages=("es", "en"))
    assert [alliance.language(code) for code in ("en", "es", "fr", "")] == ["en", "es", "es", "es"]


def test_a_hash_is_of_one_channel_and_one_key():
    """The same value elsewhere, or under another key, is not known again."""
    hashed = ALLIANCE.keyed("sms", number(1))
    assert hashed == ALLIANCE.keyed("sms", number(1))
    assert hashed not in {
        ALLIANCE.keyed("chat", number(1)),
        ALLIANCE.keyed("sms", number(2)),
        replace(ALLIANCE, hash_key=b"another key").keyed("sms", number(1)),
    }


@pytest.mark.parametrize(
    ("change", "stopped"),
    [
        ("UPDATE members SET stopped_at = 0", False),
        ("UPDATE members SET stopped_at = 1", True),
        ("UPDATE addresses SET stopped_at = 1", True),
        ("UPDATE addresses SET state = 'carrier'", True),
        ("UPDATE addresses SET state = 'dead'", False),
    ],
)
async def test_somebody_has_stopped_by_person_phone_or_carrier(store, change, stopped):
    """Each of the three stops; a phone that was only dead does not."""
    await store.member(1)
    await store.run(change)
    _, turn = await store.turn(1, _nothing)
    assert turn.stopped is stopped
    assert turn.is_member is True


async def test_a_stranger_who_stopped_is_known_by_the_hash(store):
    """A barred number has stopped too, unless it only said no."""
    await store.say(1, "STOP")
    _, turn = await store.turn(1, _nothing)
    assert (turn.stopped, turn.is_member, turn.barred) == (True, False, "stopped")
    await store.run("UPDATE barred SET reason = 'no'")
    _, turn = await store.turn(1, _nothing)
    assert (turn.stopped, turn.barred) == (False, "no")


async def test_what_is_said_is_kept_in_order(store):
    """Each text is a reply of its own, in the person's language, with its buttons."""
    await store.member(1)

    async def run(turn):
        turn.say(msg("Hello {name}", name="N"), (("Yes", "w:YES"),), name="Ada")
        turn.reply("plain", (), 7, 2)
        turn.forgotten = True
        turn.reply("forgotten")

    _, turn = await store.turn(1, run)
    assert [(r.text, r.choices, r.round_id, r.question, r.forgotten) for r in turn.replies] == [
        ("Hello Ada", (("Yes", "w:YES"),), None, None, False),
        ("plain", (), 7, 2, False),
        ("forgotten", (), None, None, True),
    ]


def test_every_command_is_found_by_its_word():
    """Each file's word is known, folded, in English and in the alliance's languages."""
    assert {"JOIN", "HELP", "STOP", "START", "LANG", "ME", "ABOUT", "POLLS", "RESULT", "CHANGE",
            "BACK", "SKIP", "ASK"} <= set(commands())  # fmt: skip
    found = words(("en", "es"))
    for word, entry in commands().items():
        assert found[word.lower()] is entry
        assert entry.who in ("anyone", "member", "role")


def test_a_word_calls_the_function_under_it():
    """A decorated function is the one that runs."""

    async def run(turn, rest):
        return rest

    before = dict(commands())
    assert command("TESTWORD")(run) is run
    assert commands()["TESTWORD"].run is run
    assert commands()["TESTWORD"].who == "member"
    commands().pop("TESTWORD")
    assert commands() == before


async def _nothing(turn):
    return None
