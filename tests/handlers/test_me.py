from __future__ import annotations

import pytest

from handlers.dialog.text import segments
from storage import addresses, consents, members, organisations, roles, tickets


async def everything(store):
    """Let phone 1 be of somebody of whom all there may be is kept."""
    east = await store.platform("east", "East")
    helper = await store.member(2, alias="Efua")
    member = await store.member(1, platform=east, type_="water_users", sector="civil", alias="Ada")
    round_ = await store.poll()
    await store.answer(round_, member, "1")

    async def unit(tx):
        aid = await organisations.add(tx, "Water Aid", "water aid", "", "civil", store.now)
        await members.put(tx, member, "organisation_id", aid.id)
        await members.put(tx, member, "name", "Ada Mensah")
        await consents.add(
            tx, member, version="abcd1234", language="en", how="proxy", given_on="2026-03-01",
            by=helper, now=store.now,
        )  # fmt: skip
        await roles.grant(tx, member, east, "support", None, store.now)
        chat = await addresses.add(tx, "telegram", "770123", store.now)
        await addresses.link(tx, member, chat, store.now)
        for _ in range(4):
            await tickets.add(
                tx, member_id=member, address_id=chat, kind="question", text="When?", now=store.now
            )
        await members.stop(tx, member, store.now)

    await store.write(unit)
    return member


async def test_in_a_chat_a_member_hears_all_that_is_kept(store):
    """Each on its line, none of it a code of ours, and how each is changed."""
    await everything(store)
    store.one_question = False
    [said] = await store.say(1, "ME")
    told, how = said.split("\n\n")
    assert told.splitlines() == [
        "We know: Ada;",
        "name: Ada Mensah;",
        "place: East;",
        "speaks for: Water users;",
        "organisation: Water Aid;",
        "language: English;",
        "phones: sms ...101, telegram ...123;",
        "agreed on 2026-03-01 (proxy, by Efua);",
        "text agreed to: abcd1234;",
        "roles: support East;",
        "answers to open polls: P1;",
        "your questions that wait: 1, 2, 3 ...;",
        "you asked us to stop;",
        "sector: civil;",
        "what you wrote, for 90 days.",
    ]
    for word in ("JOIN", "LANG", "LINK", "UNLINK", "CHANGE", "ASK", "STOP", "START", "ERASE"):
        assert word in how


async def test_by_sms_the_most_important(store):
    """What two segments hold, from the first; who wants the rest is called."""
    await everything(store)
    [told] = await store.say(1, "ME")
    assert told.startswith("We know: Ada; name: Ada Mensah; place: East; speaks for:")
    assert "phones: sms ...101" in told
    assert "Send CALL to hear the rest." in told
    assert segments(told) == 2


async def test_by_sms_all_of_it_where_that_fits(store):
    """Nothing more is promised then; what was never said is "not said"."""
    await store.member(1, alias="M1", type_="donor")
    [told] = await store.say(1, "ME")
    assert told == (
        "We know: M1; place: not said; speaks for: donor; organisation: not said;"
        " language: English; phones: sms ...101; agreed on not said (-); what you wrote, for 90"
        " days. LANG, LINK and ASK change it, ERASE forgets it."
    )


@pytest.mark.parametrize("how", ["sms", "members.csv"])
async def test_how_consent_was_given(store, how):
    """By whichever door it came."""
    member = await store.member(1)
    await store.write(
        lambda tx: consents.add(
            tx, member, version="1", language="en", how=how, given_on="2026-03-01", by=None,
            now=store.now,
        )
    )  # fmt: skip
    assert f"agreed on 2026-03-01 ({how}); text agreed to: 1;" in (await store.say(1, "ME"))[0]


async def test_a_script_of_few_characters_a_segment(store):
    """Two segments, whatever the script of a name."""
    await everything(store)
    await store.run("UPDATE members SET alias = 'नीमा नीमा नीमा', name = 'नीमा नीमा नीमा नीमा'")
    [told] = await store.say(1, "ME")
    assert segments(told) == 2


async def test_a_type_that_is_gone_is_named_by_its_code(store):
    """As it is kept."""
    await store.member(2, type_="gone")
    assert "speaks for: gone;" in (await store.say(2, "ME"))[0]


async def test_nothing_is_known_of_a_stranger(store):
    """ME is for members."""
    assert "JOIN" in (await store.say(9, "ME"))[0]
