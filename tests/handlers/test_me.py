from __future__ import annotations

from storage import consents, members, organisations


async def test_a_member_hears_all_that_is_known(store):
    """Alias, place, type, organisation, language and the day of consent, none of it a code."""
    east = await store.platform("east", "East")
    member = await store.member(1, platform=east, type_="water_users", alias="Ada")

    async def unit(tx):
        aid = await organisations.add(tx, "Water Aid", "water aid", "", "civil", store.now)
        await members.put(tx, member, "organisation_id", aid.id)
        await consents.add(
            tx, member, version="1", language="en", how="sms", given_on="2026-03-01", by=None,
            now=store.now,
        )  # fmt: skip

    await store.write(unit)
    [told] = await store.say(1, "ME")
    assert told == (
        "We know: Ada; place: East; speaks for: Water users, Water Aid; language: English;"
        " agreed on 2026-03-01. Also this phone and your answers to open polls. JOIN fills in,"
        " LANG changes the language, ERASE forgets it all."
    )


async def test_what_is_not_known_is_said_so(store):
    """Where nothing was said "not said" stands; a type without a line is named by its code."""
    await store.member(1, alias="M1", type_="donor")
    [told] = await store.say(1, "ME")
    assert told.startswith(
        "We know: M1; place: not said; speaks for: donor, not said; language: English; agreed on"
        " not said."
    )
    await store.member(2, type_="gone")
    assert "speaks for: gone," in (await store.say(2, "ME"))[0]


async def test_nothing_is_known_of_a_stranger(store):
    """ME is for members."""
    assert "JOIN" in (await store.say(9, "ME"))[0]
