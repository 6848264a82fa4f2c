from __future__ import annotations

import json
from dataclasses import replace

import pytest

from handlers.dialog.manners import Manners, Quiet
from handlers.join import JOINED_BEFORE, form
from tests.handlers.conftest import ALLIANCE, number


async def test_from_the_yes_on_a_person_is_a_member(store):
    """Consent is kept with its version, language, day and way; the rest may be left open."""
    [asked] = await store.say(1, "JOIN")
    assert "Are you 18 or over, and do you agree? 1 Yes 2 No." in asked
    assert (await store.first_member())[0] == "joining"
    await store.sign_up("1")
    assert await store.first_member() == ("member", "M1", None, "", "", None)
    [(version, language, how, given_on, given_at)] = await store.rows(
        "SELECT version, language, how, given_on, given_at FROM consents"
    )
    assert (len(version), language, how, given_on, given_at) == (
        8, "en", "sms", "2026-11-25", store.now,
    )  # fmt: skip
    assert "Welcome to Springfield Water" in (await store.sign_up("0", "0", "0"))[0]


@pytest.mark.parametrize(("per_week", "says"), [(3, "up to 3 times a week"), (0, "when there is")])
async def test_consent_names_how_often_we_write(store, per_week, says):
    """The cap that is kept is the cap that is told; without one no number is promised."""
    store.alliance = replace(ALLIANCE, manners=Manners(quiet=Quiet(), per_week=per_week))
    [asked] = await store.say(1, "JOIN")
    assert says in asked
    assert ("times a week" in asked) is bool(per_week)


async def test_a_no_leaves_a_keyed_hash(store):
    """Neither the number nor what was written is in any table; a JOIN of their own lifts it."""
    await store.say(1, "JOIN")
    [told] = await store.sign_up("2")
    assert "Nothing is kept of your number" in told
    assert await store.rows("SELECT reason FROM barred") == [("no",)]
    assert await store.first_member() == ("erased", "", None, "", "", None)
    for (table,) in await store.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in await store.rows(f"SELECT * FROM {table}"):
            assert number(1) not in map(str, row), table
    assert "do you agree" in (await store.say(1, "JOIN"))[0]
    assert await store.rows("SELECT 1 FROM barred") == []


@pytest.mark.parametrize(
    ("phone", "asked_in"),
    [("es", "es"), ("es-MX", "es"), ("pt-br", "pt_BR"), ("pt", "en"), ("fr", "en"), ("", "en")],
)
async def test_who_is_new_is_asked_in_the_language_of_the_phone(store, phone, asked_in):
    """If the alliance speaks it; else, or where the channel does not tell, in the default."""
    store.alliance = replace(ALLIANCE, languages=("en", "es", "pt_BR"))
    await store.say(1, "JOIN", phone_language=phone)
    assert await store.rows("SELECT language FROM members") == [(asked_in,)]


async def test_the_language_is_asked_where_there_are_several(store):
    """The questions follow in the language that was chosen; one language is not asked."""
    store.alliance = replace(ALLIANCE, languages=("en", "es"))
    [asked] = await store.say(1, "JOIN")
    assert asked.startswith("Springfield Water. Which language? 1 English 2 Español")
    await store.sign_up("2", "1")
    assert await store.rows("SELECT language FROM members") == [("es",)]
    assert await store.rows("SELECT language FROM consents") == [("es",)]


async def test_a_platforms_code_answers_its_question(store):
    """JOIN and a code skips the place; an unknown code is told, and the place asked."""
    await store.platform("city", "Springfield")
    east = await store.platform("east", "East", "city")
    await store.platform("west", "West", "city")
    await store.say(1, "JOIN east please")
    assert "Who do you speak for" in (await store.sign_up("1"))[0]
    assert (await store.first_member())[2] == east
    told, asked = await store.say(2, "JOIN north")
    assert told == "We know no place north. Let us ask you instead."
    assert "do you agree" in asked
    assert len(await store.say(3, "north", kind="start")) == 1


async def test_what_was_left_open_is_asked_once_more(store):
    """A second JOIN asks it, a third does not; who has said all hears that they are in."""
    await store.say(1, "JOIN")
    await store.sign_up("1", "0", "0", "0")
    assert "Who do you speak for" in (await store.say(1, "JOIN"))[0]
    await store.sign_up("0", "Bread for All", "Ada")
    said = JOINED_BEFORE.say("en", alliance="Springfield Water")
    assert await store.say(1, "JOIN") == [said]
    await store.say(2, "JOIN")
    await store.sign_up("1", "1", "0", "0", last=2)
    assert await store.say(2, "JOIN") == [said]


async def test_who_stopped_joins_by_start_alone(store):
    """Telegram sends /start whenever somebody opens the chat: it lifts no STOP."""
    await store.say(1, "STOP")
    for text in ("JOIN", "/start"):
        [told] = await store.say(1, text)
        assert told.startswith("You asked Springfield Water to stop.")
    assert await store.rows("SELECT 1 FROM members") == []


async def test_the_form_is_kept_once_for_each_version(store):
    """Two people are asked the same version; another wording is a version more."""
    await store.say(1, "JOIN")
    await store.say(2, "JOIN")
    assert await store.rows("SELECT version FROM forms") == [(1,)]
    store.alliance = replace(ALLIANCE, adult_age=21, manners=Manners(per_week=1))
    await store.say(3, "JOIN")
    assert await store.rows("SELECT version FROM forms ORDER BY id") == [(1,), (2,)]
    assert await store.rows("SELECT code, form_id FROM rounds") == [("JOIN", 2)]


def test_the_form_has_no_text_that_can_not_be_filled_in():
    """Every text of the form is in each language, and its fields are those that are known."""
    for question in form(replace(ALLIANCE, languages=("en", "es", "fr"))).questions:
        assert sorted(question.text) == ["en", "es", "fr"]
        for text in question.text.values():
            text.format(alliance="A", age="18", per_week="2")
    assert json.loads(form(ALLIANCE).model_dump_json())["name"] == "join"
