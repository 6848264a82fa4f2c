"""LINK and UNLINK through the real doors: one person, many phones."""

from __future__ import annotations

import asyncio
import re

import pytest

from storage import platforms, roles
from storage.instant import DAY, MINUTE

NAME = "Efua"


async def person(here, phone, alias=""):
    """Let a phone be a member's, and return the member's id."""
    await here.member(phone)
    member = await here.scalar("SELECT MAX(id) FROM members")
    await here.run("UPDATE members SET alias = :alias WHERE id = :id", alias=alias, id=member)
    return member


async def code_on(phone):
    """Send LINK, and return the code that the other phone is to send."""
    return re.search(r"LINK (\d{6})", (await phone.say("LINK"))[-1])[1]


async def linked(here, one, other):
    """Link two phones, and clear away what both were told."""
    code = await code_on(one)
    said = await other.say(f"LINK {code}")
    assert "one person's" in said[0]
    told = await one.hear()
    assert "is yours too" in told[0] or "is now yours too" in told[0]


async def role(here, member, place="nima", name="coordinator"):
    """Give a member a role."""

    async def unit(tx):
        platform = await platforms.by_code(tx, place)
        await roles.grant(tx, member, platform.id, name, None, here.now())

    await here.database.write(unit)


async def owners(here):
    """Return (member, channel) of each phone that is somebody's."""
    return await here.rows(
        "SELECT ma.member_id, a.channel FROM member_addresses ma"
        " JOIN addresses a ON a.id = ma.address_id ORDER BY 1, 2"
    )


async def answers_of(here):
    """Return every answer kept: (member, value)."""
    return await here.rows("SELECT member_id, value FROM answers ORDER BY member_id, question")


async def test_a_second_phone_answers_for_the_same_person(both):
    """A code given to one phone and sent from the other makes both one person's."""
    sms, chat = both.phone(1), both.chatter(1)
    member = await person(both, sms)
    await linked(both, sms, chat)
    assert await owners(both) == [(member, "chat"), (member, "phones")]
    await both.poll()
    await sms.hear()
    await sms.say("1")
    await chat.say("2")
    assert [who for who, _ in await answers_of(both)] == [member]
    assert await both.scalar("SELECT COUNT(*) FROM audit WHERE act = 'link'") == 1


async def test_a_broadcast_comes_once_to_the_phone_that_last_wrote(both):
    """Two phones get one message, and an answer counts whichever gives it."""
    sms, chat = both.phone(1), both.chatter(1)
    await person(both, sms)
    await linked(both, sms, chat)
    await chat.say("HELP")
    await both.poll()
    assert len(await sms.hear()) + len(await chat.hear()) == 1


async def test_the_older_of_two_members_stays(both):
    """Of two members the older stays, whichever phone gave the code."""
    sms, chat = both.phone(1), both.chatter(1)
    older = await person(both, sms, "Ama")
    younger = await person(both, chat, NAME)
    await linked(both, chat, sms)
    assert await owners(both) == [(older, "chat"), (older, "phones")]
    assert await both.scalar("SELECT state FROM members WHERE id = :id", id=younger) == "merged"
    assert "Ama" in (await chat.say("ME"))[0]


async def test_in_open_rounds_the_later_answer_counts_and_closed_ones_stay(both):
    """Both had answered both polls: of the open one the later answer is left."""
    sms, chat = both.phone(1), both.chatter(1)
    older = await person(both, sms)
    younger = await person(both, chat)
    closed = await both.poll("Before?")
    await sms.say("1")
    await chat.say("2")
    await both.close(closed)
    before = await both.rows("SELECT result FROM rounds WHERE id = :id", id=closed.id)
    await both.poll("Now?")
    await sms.say("1")
    both.offset += MINUTE
    await chat.say("3")
    await sms.hear()
    await linked(both, sms, chat)
    found = await both.rows(
        "SELECT a.member_id, a.value FROM answers a JOIN rounds r ON r.id = a.round_id"
        " WHERE r.state = 'open' AND r.closes_at > 0"
    )
    assert [who for who, _ in found] == [older]
    kept = {who for who, _ in await answers_of(both)}
    assert kept == {older, younger}  # a named round keeps who said what
    assert await both.rows("SELECT result FROM rounds WHERE id = :id", id=closed.id) == before
    value = found[0][1]
    result = (await chat.say("RESULT P2"))[-1]
    assert "1 answered" in result, (value, result)
    assert "Drains 1" in result


async def test_pending_rows_of_one_batch_become_one(both):
    """A poll that waits for both comes to one phone alone, and its result once."""
    sms, chat = both.phone(1), both.chatter(1)
    await person(both, sms)
    await person(both, chat)
    round_ = await both.poll()
    assert len(await sms.hear()) == len(await chat.hear()) == 1
    await sms.say("1")
    await chat.say("1")
    await linked(both, sms, chat)
    await both.close(round_)
    said = [text for phone in (sms, chat) for text in await phone.hear()]
    assert len(said) == 1
    assert "1 answered" in said[0]


async def test_what_is_held_for_both_leaves_once(both):
    """Two rows of one announcement wait, and one is sent."""
    sms, chat = both.phone(1), both.chatter(1)
    older = await person(both, sms)
    await person(both, chat)
    await both.poll()
    await sms.hear()
    await chat.hear()
    await both.run(
        "UPDATE outbox SET status = 'held', reason = 'quiet', until_at = :until, sent_at = 0,"
        " expires_at = :expires, provider_id = '' WHERE kind = 1",
        until=both.now() + 60 * MINUTE, expires=both.now() + DAY,
    )  # fmt: skip
    await both.run("DELETE FROM dialogs")
    await linked(both, sms, chat)
    await both.pass_time(61 * MINUTE)
    said = [text for phone in (sms, chat) for text in await phone.hear()]
    assert len(said) == 1
    rows = await both.rows("SELECT status, member_id FROM outbox WHERE kind = 1 ORDER BY 1")
    assert [status for status, _ in rows] == ["cancelled", "sent"]
    assert rows[1][1] == older


@pytest.mark.parametrize("who", ["older", "younger"])
async def test_a_stop_of_either_stays(both, who):
    """Whoever of the two has stopped: LINK is refused there, and the other's link stops both."""
    sms, chat = both.phone(1), both.chatter(1)
    await person(both, sms)
    await person(both, chat)
    stopped, other = (sms, chat) if who == "older" else (chat, sms)
    code = await code_on(stopped)
    await stopped.say("STOP")
    said = await other.say(f"LINK {code}")
    assert "one person's" in said[0]
    assert "START" in said[1]
    await both.poll()
    await both.tick()
    assert all("Which first" not in text for text in await sms.hear() + await chat.hear())
    assert "START" in (await stopped.say("LINK"))[-1]


async def test_roles_and_tickets_come_along(both):
    """Whoever led as the younger leads as the older; their questions are theirs."""
    await both.platform("nima", "Nima")
    sms, chat = both.phone(1), both.chatter(1)
    older = await person(both, sms)
    younger = await person(both, chat)
    await role(both, younger)
    await chat.say("ASK Where is the tap?")
    await linked(both, sms, chat)
    assert await both.rows("SELECT member_id, role FROM roles") == [(older, "coordinator")]
    assert await both.rows("SELECT member_id FROM tickets WHERE kind = 'question'") == [(older,)]


async def test_a_pending_act_does_not_outlive_the_merge(both):
    """What the younger was asked to confirm is done by nobody."""
    await both.platform("nima", "Nima")
    sms, chat = both.phone(1), both.chatter(1)
    await person(both, sms)
    younger = await person(both, chat)
    await role(both, younger)
    shown = await chat.say("ANNOUNCE Water is back")
    yes = re.search(r"\b(\d{4})\b", shown[0])[1]
    code = await code_on(sms)
    await chat.say(f"LINK {code}")
    assert "Nothing was done" in (await chat.say(yes))[-1]
    assert await both.scalar("SELECT COUNT(*) FROM batches") == 0


async def test_an_old_button_of_the_younger_answers_for_the_older(both):
    """A button carries its round: it is an answer of the person, whoever was asked."""
    sms, chat = both.phone(1), both.chatter(1)
    older = await person(both, sms)
    await person(both, chat)
    await both.poll()
    button = (await chat.messages())[-1]
    await sms.hear()
    await linked(both, sms, chat)
    await chat.press(button["buttons"][1][1])
    assert [who for who, _ in await answers_of(both)] == [older]


async def test_a_sign_up_that_was_begun_ends_with_the_link(both):
    """Somebody who had only begun to sign up is the member from then on."""
    sms, chat = both.phone(1), both.chatter(1)
    await chat.say("JOIN")
    member = await person(both, sms)
    await linked(both, sms, chat)
    assert await owners(both) == [(member, "chat"), (member, "phones")]
    assert await both.scalar("SELECT COUNT(*) FROM members WHERE state = 'joining'") == 0
    assert await both.scalar("SELECT COUNT(*) FROM dialogs") == 0


async def test_answers_while_two_become_one(both):
    """Whatever comes first, one answer of one person is left, and nothing fails."""
    sms, chat = both.phone(1), both.chatter(1)
    older = await person(both, sms)
    await person(both, chat)
    await both.poll()
    await sms.hear()
    for number in range(6):
        code = await code_on(sms)
        await asyncio.gather(
            sms.send("1"), chat.send(f"LINK {code}"), chat.send("2"), sms.send("3"),
            chat.send(f"LINK {code}"),
        )  # fmt: skip
        await both.settled()
        assert [who for who, _ in await answers_of(both)] == [older], number
        await chat.say("UNLINK")
        assert len(await owners(both)) == 2
    assert await both.scalar("SELECT COUNT(*) FROM inbound WHERE state = 'failed'") == 0


async def test_two_who_link_each_other_at_once(both):
    """Both send the other's code in the same instant: they are one, the older."""
    sms, chat = both.phone(1), both.chatter(1)
    older = await person(both, sms)
    await person(both, chat)
    one, other = await code_on(sms), await code_on(chat)
    await asyncio.gather(chat.send(f"LINK {one}"), sms.send(f"LINK {other}"))
    await both.settled()
    assert await owners(both) == [(older, "chat"), (older, "phones")]
    assert await both.scalar("SELECT COUNT(*) FROM inbound WHERE state = 'failed'") == 0


# --- codes -----------------------------------------------------------------------------


async def test_wrong_codes(both):
    """Three wrong codes, and right ones are refused too for a quarter of an hour."""
    sms, chat = both.phone(1), both.chatter(1)
    await person(both, sms)
    code = await code_on(sms)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _ in range(3):
        assert "no code that is valid" in (await chat.say(f"LINK {wrong}"))[-1]
    assert "Too many" in (await chat.say(f"LINK {code}"))[-1]
    both.offset += 16 * MINUTE
    assert "no code that is valid" in (await chat.say(f"LINK {code}"))[-1]  # it is too old now
    code = await code_on(sms)
    assert "one person's" in (await chat.say(f"LINK {code}"))[0]


async def test_a_code_serves_once_and_not_on_the_phone_that_was_given_it(both):
    """The phone that has the code is told again where to send it; a second use finds nothing."""
    sms, chat, third = both.phone(1), both.chatter(1), both.chatter(2)
    await person(both, sms)
    code = await code_on(sms)
    assert code in (await sms.say(f"LINK {code}"))[-1]
    await chat.say(f"LINK {code}")
    assert "no code that is valid" in (await third.say(f"LINK {code}"))[-1]
    again = await code_on(sms)
    assert "yours already" in (await chat.say(f"link {again}."))[-1]


async def test_a_code_of_six_digits_hides_no_answer_of_four(both):
    """While a LINK waits four digits are what they were; NO ends it."""
    sms, chat = both.phone(1), both.chatter(1)
    await person(both, sms)
    code = await code_on(sms)
    assert "not the code" not in " ".join(await sms.say("2025"))
    await sms.say("NO")
    assert "no code that is valid" in (await chat.say(f"LINK {code}"))[-1]


async def test_a_stranger_is_told_to_take_part_first(both):
    """LINK alone is for members."""
    assert "JOIN" in (await both.chatter(1).say("LINK"))[-1]


async def test_a_member_who_has_gone_has_no_code(both):
    """Whoever is erased gives nobody their place."""
    sms, chat = both.phone(1), both.chatter(1)
    await person(both, sms)
    code = await code_on(sms)
    await both.run("DELETE FROM member_addresses")
    assert "no code that is valid" in (await chat.say(f"LINK {code}"))[-1]


async def test_a_no_is_lifted_by_the_code(both):
    """Who said no to joining, and then links that phone to their own, has said yes."""
    sms, chat = both.phone(1), both.chatter(1)
    await chat.say("JOIN")
    await chat.say("2")
    await person(both, sms)
    await linked(both, sms, chat)
    assert await both.scalar("SELECT COUNT(*) FROM barred") == 0
    assert await both.scalar("SELECT COUNT(*) FROM addresses WHERE state = 'hidden'") == 0


# --- parting ---------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["sms", "chat"])
async def test_unlink_parts_the_phone_that_came_last(both, by):
    """A phone that was nobody's is nobody's again, whichever phone sends the word."""
    sms, chat = both.phone(1), both.chatter(1)
    member = await person(both, sms)
    await linked(both, sms, chat)
    await (sms if by == "sms" else chat).say("UNLINK")
    assert await owners(both) == [(member, "phones")]
    told = {"sms": await sms.hear(), "chat": await chat.hear()}
    del told[by]
    assert len(next(iter(told.values()))) == 1
    assert "members" in (await chat.say("POLLS"))[-1]


async def test_unlink_makes_the_earlier_member_again(both):
    """With their own name, and without the roles that the older has now."""
    await both.platform("nima", "Nima")
    sms, chat = both.phone(1), both.chatter(1)
    older = await person(both, sms, "Ama")
    younger = await person(both, chat, NAME)
    await role(both, younger)
    await linked(both, sms, chat)
    await chat.say("UNLINK")
    assert await owners(both) == [(older, "phones"), (younger, "chat")]
    assert NAME in (await chat.say("ME"))[0]
    assert await both.rows("SELECT member_id FROM roles") == [(older,)]
    await both.poll()
    assert len(await sms.hear()) >= 1
    assert len(await chat.hear()) == 1


async def test_a_stop_goes_along(both):
    """Both are stopped after they are parted, until each sends START."""
    sms, chat, third = both.phone(1), both.chatter(1), both.phone(3)
    await person(both, sms)
    await person(both, chat)
    await linked(both, sms, chat)
    await linked(both, sms, third)
    await sms.say("STOP")
    await sms.say("UNLINK chat")
    await sms.say("UNLINK")
    await both.poll()
    said = await sms.hear() + await chat.hear() + await third.hear()
    assert all("Which first" not in text for text in said)
    assert await both.scalar("SELECT COUNT(*) FROM members WHERE stopped_at > 0") == 2


async def test_of_several_the_one_that_is_named(both):
    """By the last digits or the channel; else the person is asked which."""
    one, two, chat = both.phone(1), both.phone(2), both.chatter(1)
    member = await person(both, one)
    await linked(both, one, two)
    await linked(both, one, chat)
    asked = (await one.say("UNLINK"))[-1]
    assert "...101" in asked
    assert "...102" in asked
    assert "chat" in asked
    assert "Which" in (await one.say("UNLINK 5550"))[-1]
    assert "...102" in (await one.say("UNLINK 102"))[-1]
    await one.say("UNLINK CHAT")
    assert await owners(both) == [(member, "phones")]
    assert "this phone alone" in (await one.say("UNLINK"))[-1]


async def test_the_phone_one_began_with_can_go(both):
    """From the new phone the stolen one is parted: what waits comes to the new one."""
    old, chat = both.phone(1), both.chatter(1)
    member = await person(both, old)
    await linked(both, old, chat)
    await chat.say("UNLINK 101")
    assert await owners(both) == [(member, "chat")]
    await both.poll()
    assert len(await chat.hear()) >= 1
    assert all("Which first" not in text for text in await old.hear())


async def test_the_last_phones_all_came_from_an_earlier_self(both):
    """Where all that is left came from one member, only the phone that is named goes."""
    one, two, three = both.phone(1), both.phone(2), both.chatter(1)
    older = await person(both, one)
    await person(both, two)
    await linked(both, two, three)
    await linked(both, one, two)
    await two.say("UNLINK 101")
    await two.say("UNLINK chat")
    assert await owners(both) == [(older, "phones")]


async def test_erase_forgets_the_earlier_self_too(both):
    """What the younger was called is in no table."""
    sms, chat = both.phone(1), both.chatter(1)
    await person(both, sms, "Ama")
    await person(both, chat, NAME)
    await linked(both, sms, chat)
    code = re.search(r"\b(\d{4})\b", (await chat.say("ERASE"))[-1])[1]
    await chat.say(code)
    for wanted in (sms.number, chat.number, NAME, "Ama"):
        assert await both.everywhere(wanted) == [], wanted


# --- shared contacts -------------------------------------------------------------------


async def share(chat, number):
    """Share one's own contact."""
    return await chat.say(number, kind="contact")


async def test_a_shared_contact_links_a_member_without_a_role(both):
    """A stranger's chat becomes the member's whose number it is."""
    sms, chat = both.phone(1), both.chatter(1)
    member = await person(both, sms)
    assert "one person's" in (await share(chat, sms.number))[0]
    assert await owners(both) == [(member, "chat"), (member, "phones")]
    assert "yours already" in (await share(chat, sms.number))[0]


async def test_a_shared_contact_of_two_members(both):
    """Both are one, the older."""
    sms, chat = both.phone(1), both.chatter(1)
    older = await person(both, chat)
    await person(both, sms)
    await share(chat, sms.number)
    assert await owners(both) == [(older, "chat"), (older, "phones")]


async def test_a_shared_contact_does_not_take_a_role(both):
    """A number that may act for others is linked by its code alone."""
    await both.platform("nima", "Nima")
    sms, chat = both.phone(1), both.chatter(1)
    member = await person(both, sms)
    await role(both, member)
    assert "LINK" in (await share(chat, sms.number))[0]
    assert await owners(both) == [(member, "phones")]


async def test_a_shared_contact_of_a_number_with_two_owners(both):
    """Whose it is can't be told: the code tells."""
    sms, other, chat = both.phone(1), both.phone(2), both.chatter(1)
    await person(both, sms)
    second = await person(both, other)
    await both.run(
        "INSERT INTO member_addresses (member_id, address_id, linked_at) SELECT"
        " CAST(:member AS BIGINT), a.id, 1 FROM addresses a WHERE a.value = :value",
        member=second, value=sms.number,
    )  # fmt: skip
    assert "LINK" in (await share(chat, sms.number))[0]


async def test_a_new_number_is_added_for_a_member_alone(both):
    """A member's own number, which nobody has, is theirs; a stranger is told to join."""
    sms, chat = both.phone(1), both.chatter(1)
    assert "JOIN" in (await share(chat, sms.number))[0]
    member = await person(both, chat)
    assert "one person's" in (await share(chat, sms.number))[0]
    assert await owners(both) == [(member, "chat"), (member, "phones")]
    # A Telegram account that changes its number has both, until one is parted.
    assert "one person's" in (await share(chat, both.phone(2).number))[0]


@pytest.mark.parametrize("word", ["STOP", "no"])
async def test_a_number_that_asked_us_not_to_write_is_not_linked(both, word):
    """Only from itself."""
    sms, chat = both.phone(1), both.chatter(1)
    if word == "STOP":
        await sms.say("STOP")
    else:
        await sms.say("JOIN")
        await sms.say("2")
    await person(both, chat)
    assert "asked us not to write" in (await share(chat, sms.number))[0]


async def test_somebody_who_is_just_joining(both):
    """Two who have not agreed yet are not linked."""
    sms, chat = both.phone(1), both.chatter(1)
    await sms.say("JOIN")
    assert "JOIN" in (await share(chat, sms.number))[0]


async def test_a_contact_that_can_not_be_used(both):
    """A number abroad, or one that is none, is told so; another's contact is passed on."""
    chat = both.chatter(1)
    await person(both, chat)
    assert "not a phone number" in (await share(chat, "hello"))[0]
    assert "passed" in (await share(chat, ""))[0]
    await chat.say("STOP")
    assert "START" in (await share(chat, both.phone(1).number))[0]
