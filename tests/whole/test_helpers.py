"""People helped by others: signed up by proxy, called back; on both kinds of phone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from bot.alliance import numbers_of
from storage import platforms, roles
from storage.instant import DAY
from tests.whole.asking import joined
from tests.whole.chat import Chat

if TYPE_CHECKING:
    from storage.database import Tx
    from tests.whole.world import Phone, World

CONSENT = "SELECT how, by_member_id, version FROM consents ORDER BY id"
NEW = "+12025550177"


async def give(here: World, phone: Phone, role: str, code: str) -> None:
    """Let the member with a phone live on a platform and hold a role there."""

    async def unit(tx: Tx) -> None:
        [[member]] = await tx.rows(
            "SELECT ma.member_id FROM member_addresses ma JOIN addresses a ON a.id = ma.address_id"
            " WHERE a.value = :value",
            value=phone.number,
        )
        place = await platforms.by_code(tx, code)
        await tx.run(
            "UPDATE members SET platform_id = :place, alias = 'Efua' WHERE id = :id",
            place=place.id, id=member,
        )  # fmt: skip
        await roles.grant(tx, int(member), place.id, roles.read(role), None, here.now())

    await here.database.write(unit)


@pytest.fixture(params=["phone", "chat"])
async def helper(request: pytest.FixtureRequest, both: World) -> Phone:
    """A facilitator of one of two places, on a basic phone or on a chat."""
    await both.platform("ghana", "Ghana")
    await both.platform("nima", "Nima", "ghana")
    phone = both.phone(50) if request.param == "phone" else both.chatter(50)
    await both.member(phone)
    await give(both, phone, "facilitator", "nima")
    return phone


def code_in(texts: list[str]) -> str:
    """Return the four digits that a preview asks for."""
    found = re.search(r"reply (\d{4})", texts[-1])
    assert found
    return found[1]


async def signed_up(helper: Phone, text: str = "ENROL 202-555-0177 Ama Mensah") -> list[str]:
    """Sign somebody up, and return what the helper heard last."""
    return await helper.say(code_in(await helper.say(text)))


async def test_a_helper_signs_somebody_up(both: World, helper: Phone) -> None:
    """Once confirmed they are a member of the helper's place, told so, and can be asked."""
    shown = await helper.say("ENROL 202-555-0177 Ama Mensah")
    assert "...177 is 18 or over, heard the text" in shown[0]
    assert await both.scalar("SELECT COUNT(*) FROM members") == 1
    assert "...177 takes part now" in (await helper.say(code_in(shown)))[0]
    ama = both.phone(77)
    [welcome] = await ama.hear()
    assert welcome.startswith("This is Springfield Water. Efua signed you up, as you agreed.")
    assert "STOP ends it" in welcome
    assert await both.rows(
        "SELECT m.state, m.name, m.alias, p.code, m.introduced FROM members m"
        " JOIN platforms p ON p.id = m.platform_id WHERE m.id = 2"
    ) == [("member", "Ama Mensah", "M2", "nima", True)]
    await both.poll()
    assert (await ama.hear())[0].startswith("Springfield Water: Which first?")


async def test_the_consent_is_kept_as_the_sign_up_keeps_it(both: World, helper: Phone) -> None:
    """With the same version, and by whom; the act is in the audit, the number is not."""
    await joined(both, 9)
    await signed_up(helper)
    [(_, _, version), proxy] = await both.rows(CONSENT)
    assert proxy == ("proxy", 1, version)
    assert ("enrol", 1, 1) in await both.rows("SELECT act, by_member_id, count FROM audit")


async def test_the_helper_reads_out_what_the_sign_up_asks(both: World, helper: Phone) -> None:
    """ENROL alone says how, and sends that text."""
    how, text = await helper.say("ENROL")
    assert "ENROL 0241234567" in how
    assert "Are you 18 or over, and do you agree?" in text


async def test_who_forgets_themselves_is_gone_from_the_helpers_words_too(
    both: World, helper: Phone
) -> None:
    """Number and name stand in no message that the helper wrote or was sent."""
    await signed_up(helper)
    ama = both.phone(77)
    await ama.hear()
    await ama.say(code_in(await ama.say("ERASE")))
    for words in ("2025550177", "555-0177", "Mensah"):
        assert await both.everywhere(words) == []


@pytest.mark.parametrize("before", ["STOP", "JOIN", "no", "erased"])
async def test_whom_we_know_is_left_alone(both: World, helper: Phone, before: str) -> None:
    """A member, and who stopped, said no or was forgotten, stay as they are; one answer."""
    ama = both.phone(77)
    if before == "no":
        await ama.say("JOIN")
        await ama.say("2")
    elif before == "STOP":
        await ama.say("STOP")
    else:
        await ama.join()
        if before == "erased":
            await ama.say(code_in(await ama.say("ERASE")))
    await ama.hear()
    had = await both.rows("SELECT id, state, stopped_at FROM members ORDER BY id")
    [told] = await helper.say("ENROL +1 202 555 0177 Ama")
    assert ("takes part already" if before == "JOIN" else "asked us not to write") in told
    assert await both.rows("SELECT id, state, stopped_at FROM members ORDER BY id") == had
    assert await ama.hear() == []


async def test_what_happens_meanwhile_counts(both: World, helper: Phone) -> None:
    """Who joins before the helper's yes stays as they are; who lost the role does nothing."""
    shown = await helper.say(f"ENROL {NEW}")
    await both.phone(77).join()
    assert "takes part already" in (await helper.say(code_in(shown)))[0]
    shown = await helper.say("ENROL 2025550178")
    await both.run("DELETE FROM roles")
    assert "you are none" in (await helper.say(code_in(shown)))[0]
    assert await both.scalar("SELECT COUNT(*) FROM members") == 2


@pytest.mark.parametrize(
    ("role", "may"), [("documenter", True), ("secretariat", True), ("support", False)]
)
async def test_who_may(both: World, helper: Phone, role: str, may: bool) -> None:
    """Every role but support's; to whoever holds none it is a word like any other."""
    await both.run("UPDATE roles SET role = :role", role=role)
    assert ("reply" in (await helper.say(f"ENROL {NEW}"))[0]) is may
    await both.run("DELETE FROM roles")
    assert "passed your message on" in (await helper.say(f"ENROL {NEW}"))[0]


async def test_who_lives_elsewhere_signs_up_where_the_role_is(both: World, helper: Phone) -> None:
    """The helper's place counts where their role covers it, else the role's own."""
    await both.run("UPDATE members SET platform_id = (SELECT MIN(id) FROM platforms)")
    await signed_up(helper)
    assert await both.scalar(
        "SELECT p.code FROM members m JOIN platforms p ON p.id = m.platform_id WHERE m.id = 2"
    ) == "nima"  # fmt: skip


@pytest.mark.parametrize("typed", ["12", "+44", "000"])
async def test_what_is_no_number_is_told(both: World, helper: Phone, typed: str) -> None:
    """In words the helper can act on."""
    [told] = await helper.say(f"ENROL {typed}")
    assert "number" in told
    assert await both.rows("SELECT 1 FROM pending") == []


async def test_twenty_a_day(both: World, helper: Phone) -> None:
    """More would be an import; a day later it goes on."""
    await signed_up(helper)
    await both.run(
        "INSERT INTO audit (at, act, by_member_id, subject, subject_id, count)"
        " VALUES (:now, 'enrol', 1, 'member', 0, 19)",
        now=both.now(),
    )
    assert "20 people today" in (await helper.say("ENROL 2025550178"))[0]
    await both.pass_time(DAY + 1)
    assert "reply" in (await helper.say("ENROL 2025550178"))[0]


async def test_a_number_of_another_country_is_refused(both: World, helper: Phone) -> None:
    """Where the channel of numbers doesn't write, or there is none, nobody is signed up."""
    sms = Chat("sms", segments=True, countries=("US",))
    both.app.intake._numbers = numbers_of({"sms": sms}, "US")
    assert "that country" in (await helper.say("ENROL +441632960001"))[0]
    assert "reply" in (await helper.say(f"ENROL {NEW}"))[0]
    both.app.intake._numbers = None
    assert "write to no phone numbers" in (await helper.say(f"ENROL {NEW}"))[0]


# --- calls ---


@pytest.mark.parametrize("kind", ["phone", "chat"])
async def test_help_offers_a_call_and_somebody_answers_it(both: World, kind: str) -> None:
    """HELP names it; the request waits once, the team sees it, REPLY closes it."""
    await both.platform("ghana", "Ghana")
    lead = await both.member(both.phone(60))
    await give(both, lead, "coordinator", "ghana")
    ada = await both.member(both.phone(1) if kind == "phone" else both.chatter(1))
    assert "CALL to be called" in (await ada.say("HELP"))[0]
    asked = await (ada.say("CALL") if kind == "phone" else ada.press("w:CALL"))
    assert "has number 1" in asked[0]
    assert ("on this phone" in asked[0]) is (kind == "phone")
    assert "waits" in (await ada.say("CALL"))[0]
    assert any("Question 1: " in text for text in await lead.say("STATUS"))
    assert "on its way" in (await lead.say("REPLY 1 We call you at six"))[0]
    assert "We call you at six" in (await ada.hear())[0]
    assert "has number 2" in (await ada.say("CALL"))[0]


async def test_a_call_that_waits_is_told_to_support(both: World) -> None:
    """After two days, as with any question; a stranger's too."""
    await both.platform("ghana", "Ghana")
    lead = await both.member(both.phone(60))
    await give(both, lead, "support", "ghana")
    await both.phone(3).say("CALL")
    await both.pass_time(2 * DAY + 1)
    assert "Call ...103" in (await lead.hear())[0]
