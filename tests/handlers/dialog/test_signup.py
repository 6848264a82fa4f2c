from __future__ import annotations

import pytest

from handlers.dialog.asking import Stay
from handlers.dialog.signup import ON_A_PAGE, set_language, set_platform, set_type
from storage import organisations


async def test_all_that_is_asked_is_kept(store):
    """Place, type with its sector, organisation with its own, and what to call them."""
    await store.platform("city", "Springfield")
    east = await store.platform("east", "East", "city")
    await store.platform("west", "West", "city")
    aid = await store.write(
        lambda tx: organisations.add(tx, "Water Aid", "water aid", "", "public", store.now)
    )
    await store.say(1, "JOIN")
    assert "1 East 2 West 0 Skip" in (await store.sign_up("1"))[0]
    assert "1 Water users 2 Business 0 Skip" in (await store.sign_up("1"))[0]
    assert "Which organisation" in (await store.sign_up("2"))[0]
    assert "call you" in (await store.sign_up("water  AID"))[0]
    assert "Welcome" in (await store.sign_up("Ada"))[0]
    assert await store.first_member() == ("member", "Ada", east, "business", "public", aid.id)


async def test_an_organisation_without_a_sector_leaves_the_types(store):
    """The sector is the organisation's where it has one, else the type's."""
    await store.write(lambda tx: organisations.add(tx, "Users", "users", "", "", store.now))
    await store.say(1, "JOIN")
    await store.sign_up("1", "1", "Users")
    assert (await store.first_member())[4] == "civil"


async def test_the_only_place_is_taken_as_chosen(store):
    """Where there is one platform nobody is asked for it."""
    city = await store.platform("city", "Springfield")
    await store.say(1, "JOIN")
    assert "Who do you speak for" in (await store.sign_up("1"))[0]
    assert (await store.first_member())[2] == city


async def test_many_places_come_a_page_at_a_time(store):
    """Seven and More on a page, around and around; a page's digits choose of that page."""
    await store.platform("city", "Springfield")
    ids = [await store.platform(f"p{n}", f"Place {n}", "city") for n in range(ON_A_PAGE + 2)]
    await store.say(1, "JOIN")
    assert "7 Place 6 8 More 0 Skip" in (await store.sign_up("1"))[0]
    [second] = await store.sign_up("8")
    assert "1 Place 7 2 Place 8 3 More" in second
    assert "1 Place 0" in (await store.sign_up("3"))[0]
    assert "Who do you speak for" in (await store.sign_up("8", "2"))[0]
    assert (await store.first_member())[2] == ids[8]


async def test_an_organisation_like_a_known_one_is_offered(store):
    """By its number or by its full name; what is like none becomes a ticket, and none is made."""
    for name in ("Water Aid", "Water Users United of the East"):
        await store.write(lambda tx, n=name: organisations.add(tx, n, n.lower(), "", "", store.now))
    await store.say(1, "JOIN")
    [offered] = await store.sign_up("1", "1", "wateraid")
    assert offered == (
        "Do you mean 1 Water Aid 2 Water Users United? Send the number, or the full name again."
    )
    assert "call you" in (await store.sign_up("2"))[0]
    assert (await store.first_member())[5] == 2
    await store.say(2, "JOIN")
    await store.sign_up("1", "1", "Watertight", last=2)
    assert "call you" in (await store.sign_up("9", last=2))[0]
    await store.say(3, "JOIN")
    assert "call you" in (await store.sign_up("1", "1", "Bread for All", last=3))[0]
    assert await store.rows("SELECT kind, text FROM tickets") == [
        ("organisation", "9"), ("organisation", "Bread for All"),
    ]  # fmt: skip
    assert await store.scalar("SELECT COUNT(*) FROM organisations") == 2


@pytest.mark.parametrize("organisation", ["Bread for All", "Water Aid"])
async def test_what_is_known_is_not_asked_again(store, organisation):
    """An organisation, also one that waits for the coordinator, and a name that was given."""
    await store.write(lambda tx: organisations.add(tx, "Water Aid", "water aid", "", "", store.now))
    await store.say(1, "JOIN")
    await store.sign_up("1", "0", organisation, "Ada")
    await store.say(1, "JOIN")
    assert "Welcome" in (await store.sign_up("1"))[0]
    assert (await store.first_member())[:4] == ("member", "Ada", None, "water_users")


@pytest.mark.parametrize(
    ("setter", "value"), [(set_language, "xx"), (set_platform, "77"), (set_type, "king")]
)
async def test_what_is_offered_no_more_is_asked_again(store, setter, value):
    """A stale value of a language, a place or a type changes nothing."""
    await store.say(1, "JOIN")
    found, _ = await store.turn(1, lambda turn: setter(turn, value))
    assert found == Stay()
    assert await store.first_member() == ("joining", "", None, "", "", None)
