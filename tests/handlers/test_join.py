from __future__ import annotations

import json
from dataclasses import replace

import pytest

from handlers.dialog.asking import Stay
from handlers.dialog.manners import Manners, Quiet
from handlers.join import JOINED_BEFORE, ON_A_PAGE, form, set_language, set_platform, set_type
from storage import organisations
from tests.handlers.conftest import ALLIANCE, number


async def answer(store, *texts, last=1):
    """Answer one question after another; return what was heard last."""
    heard = []
    for text in texts:
        await store.open_first(last)
        heard = await store.say(last, text)
    return heard


async def member(store):
    """Return what is kept of the first person."""
    rows = await store.rows(
        "SELECT state, alias, platform_id, type, sector, organisation_id FROM members WHERE id = 1"
    )
    return rows[0]


async def test_from_the_yes_on_a_person_is_a_member(store):
    """Consent is kept with its version, language, day and way; the rest may be left open."""
    [asked] = await store.say(1, "JOIN")
    assert "Are you 18 or over, and do you agree? 1 Yes 2 No." in asked
    assert (await member(store))[0] == "joining"
    await answer(store, "1")
    assert await member(store) == ("member", "M1", None, "", "", None)
    [(version, language, how, given_on, given_at)] = await store.rows(
        "SELECT version, language, how, given_on, given_at FROM consents"
    )
    assert (len(version), language, how, given_on, given_at) == (
        8, "en", "sms", "2026-11-25", store.now,
    )  # fmt: skip
    assert "Welcome to Springfield Water" in (await answer(store, "0", "0", "0"))[0]


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
    [told] = await answer(store, "2")
    assert "Nothing is kept of your number" in told
    assert await store.rows("SELECT reason FROM barred") == [("no",)]
    assert await member(store) == ("erased", "", None, "", "", None)
    for (table,) in await store.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in await store.rows(f"SELECT * FROM {table}"):
            assert number(1) not in map(str, row), table
    assert "do you agree" in (await store.say(1, "JOIN"))[0]
    assert await store.rows("SELECT 1 FROM barred") == []


async def test_all_that_is_asked_is_kept(store):
    """Place, type with its sector, organisation with its own, and what to call them."""
    await store.platform("city", "Springfield")
    east = await store.platform("east", "East", "city")
    await store.platform("west", "West", "city")
    aid = await store.write(
        lambda tx: organisations.add(tx, "Water Aid", "water aid", "", "public", store.now)
    )
    await store.say(1, "JOIN")
    assert "1 East 2 West 0 Skip" in (await answer(store, "1"))[0]
    assert "1 Water users 2 Business 0 Skip" in (await answer(store, "1"))[0]
    assert "Which organisation" in (await answer(store, "2"))[0]
    assert "call you" in (await answer(store, "water  AID"))[0]
    assert "Welcome" in (await answer(store, "Ada"))[0]
    assert await member(store) == ("member", "Ada", east, "business", "public", aid.id)


async def test_an_organisation_without_a_sector_leaves_the_types(store):
    """The sector is the organisation's where it has one, else the type's."""
    await store.write(lambda tx: organisations.add(tx, "Users", "users", "", "", store.now))
    await store.say(1, "JOIN")
    await answer(store, "1", "1", "Users")
    assert (await member(store))[4] == "civil"


async def test_the_language_is_asked_where_there_are_several(store):
    """The questions follow in the language that was chosen; one language is not asked."""
    store.alliance = replace(ALLIANCE, languages=("en", "es"))
    [asked] = await store.say(1, "JOIN")
    assert asked.startswith("Springfield Water. Which language? 1 English 2 Español")
    await answer(store, "2", "1")
    assert await store.rows("SELECT language FROM members") == [("es",)]
    assert await store.rows("SELECT language FROM consents") == [("es",)]


async def test_a_platforms_code_answers_its_question(store):
    """JOIN and a code skips the place; an unknown code is told, and the place asked."""
    await store.platform("city", "Springfield")
    east = await store.platform("east", "East", "city")
    await store.platform("west", "West", "city")
    await store.say(1, "JOIN east please")
    assert "Who do you speak for" in (await answer(store, "1"))[0]
    assert (await member(store))[2] == east
    told, asked = await store.say(2, "JOIN north")
    assert told == "We know no place north. Let us ask you instead."
    assert "do you agree" in asked
    assert len(await store.say(3, "north", kind="start")) == 1


async def test_the_only_place_is_taken_as_chosen(store):
    """Where there is one platform nobody is asked for it."""
    city = await store.platform("city", "Springfield")
    await store.say(1, "JOIN")
    assert "Who do you speak for" in (await answer(store, "1"))[0]
    assert (await member(store))[2] == city


async def test_many_places_come_a_page_at_a_time(store):
    """Seven and More on a page, around and around; a page's digits choose of that page."""
    await store.platform("city", "Springfield")
    ids = [await store.platform(f"p{n}", f"Place {n}", "city") for n in range(ON_A_PAGE + 2)]
    await store.say(1, "JOIN")
    assert "7 Place 6 8 More 0 Skip" in (await answer(store, "1"))[0]
    [second] = await answer(store, "8")
    assert "1 Place 7 2 Place 8 3 More" in second
    assert "1 Place 0" in (await answer(store, "3"))[0]
    assert "Who do you speak for" in (await answer(store, "8", "2"))[0]
    assert (await member(store))[2] == ids[8]


async def test_an_organisation_like_a_known_one_is_offered(store):
    """By its number or by its full name; what is like none becomes a ticket, and none is made."""
    for name in ("Water Aid", "Water Users United of the East"):
        await store.write(lambda tx, n=name: organisations.add(tx, n, n.lower(), "", "", store.now))
    await store.say(1, "JOIN")
    [offered] = await answer(store, "1", "1", "wateraid")
    assert offered == (
        "Do you mean 1 Water Aid 2 Water Users United? Send the number, or the full name again."
    )
    assert "call you" in (await answer(store, "2"))[0]
    assert (await member(store))[5] == 2
    await store.say(2, "JOIN")
    await answer(store, "1", "1", "Watertight", last=2)
    assert "call you" in (await answer(store, "9", last=2))[0]
    await store.say(3, "JOIN")
    assert "call you" in (await answer(store, "1", "1", "Bread for All", last=3))[0]
    assert await store.rows("SELECT kind, text FROM tickets") == [
        ("organisation", "9"), ("organisation", "Bread for All"),
    ]  # fmt: skip
    assert await store.scalar("SELECT COUNT(*) FROM organisations") == 2


async def test_what_was_left_open_is_asked_once_more(store):
    """A second JOIN asks it, a third does not; who has said all hears that they are in."""
    await store.say(1, "JOIN")
    await answer(store, "1", "0", "0", "0")
    assert "Who do you speak for" in (await store.say(1, "JOIN"))[0]
    await answer(store, "0", "Bread for All", "Ada")
    said = JOINED_BEFORE.say("en", alliance="Springfield Water")
    assert await store.say(1, "JOIN") == [said]
    await store.say(2, "JOIN")
    await answer(store, "1", "1", "0", "0", last=2)
    assert await store.say(2, "JOIN") == [said]


@pytest.mark.parametrize("organisation", ["Bread for All", "Water Aid"])
async def test_what_is_known_is_not_asked_again(store, organisation):
    """An organisation, also one that waits for the coordinator, and a name that was given."""
    await store.write(lambda tx: organisations.add(tx, "Water Aid", "water aid", "", "", store.now))
    await store.say(1, "JOIN")
    await answer(store, "1", "0", organisation, "Ada")
    await store.say(1, "JOIN")
    assert "Welcome" in (await answer(store, "1"))[0]
    assert (await member(store))[:4] == ("member", "Ada", None, "water_users")


@pytest.mark.parametrize(
    ("setter", "value"), [(set_language, "xx"), (set_platform, "77"), (set_type, "king")]
)
async def test_what_is_offered_no_more_is_asked_again(store, setter, value):
    """A stale value of a language, a place or a type changes nothing."""
    await store.say(1, "JOIN")
    found, _ = await store.turn(1, lambda turn: setter(turn, value))
    assert found == Stay()
    assert await member(store) == ("joining", "", None, "", "", None)


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
