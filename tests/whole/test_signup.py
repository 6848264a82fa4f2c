"""Sign-up: consent first, then who somebody is; a no leaves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handlers.dialog.text import fold
from storage import barred, organisations
from tests.whole.world import CONFIG, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.whole.world import Phone, World

WELCOME = "Welcome to Springfield Water"
CONSENT = "Are you 18 or over, and do you agree?"
TYPE = "Who do you speak for?"
ORGANISATION = "Which organisation"
NAME = "What shall we call you?"
PLACE = "Where do you take part?"
MEMBER = "You are a member of Springfield Water"


async def hears(phone: Phone, *talk: tuple[str, str]) -> None:
    """Say each text, and hear exactly one message with the words beside it."""
    for typed, heard in talk:
        said = await phone.say(typed)
        assert len(said) == 1, (typed, said)
        assert heard in said[0], (typed, said)


async def people(here: World) -> list[tuple[object, ...]]:
    """Return what is kept of every member."""
    return await here.rows(
        "SELECT m.state, m.alias, p.code, m.type, m.sector, o.name FROM members m"
        " LEFT JOIN platforms p ON p.id = m.platform_id"
        " LEFT JOIN organisations o ON o.id = m.organisation_id ORDER BY m.id"
    )


@pytest.mark.parametrize("kind", ["phone", "chat"])
async def test_the_order_of_the_questions(both: World, kind: str) -> None:
    """Consent, place, type, organisation, name; and from the yes on a person is a member."""
    for code, name, above in (
        ("city", "City", ""),
        ("east", "East", "city"),
        ("west", "West", "city"),
    ):
        await both.platform(code, name, above)
    ada = both.phone(0) if kind == "phone" else both.chatter(0)
    await hears(ada, ("JOIN", CONSENT))
    assert await people(both) == [("joining", "", None, "", "", None)]
    await hears(ada, ("1", PLACE))
    assert await people(both) == [("member", "M1", None, "", "", None)]
    await hears(ada, ("2", TYPE), ("4", ORGANISATION), ("0", NAME), ("Ada", WELCOME))
    assert await people(both) == [("member", "Ada", "west", "water_management", "public", None)]
    assert await both.rows("SELECT member_id, how, language FROM consents") == [
        (1, ada.channel, "en")
    ]


async def test_the_consent_text(tmp_path: Path) -> None:
    """It names the sender, the purpose, how often, the cost, the age, STOP and HELP."""
    config = CONFIG.replace("per_week = 0", "per_week = 3") + "[privacy]\nadult_age = 16\n"
    async with world(tmp_path, config) as here:
        (text,) = await here.phone(0).say("JOIN")
    for part in ("Springfield Water", "shares news and asks its members", "up to 3 times a week",
                 "Your SMS cost", "never share your number", "16 or over", "1 Yes 2 No", "STOP",
                 "HELP"):  # fmt: skip
        assert part in text


@pytest.mark.parametrize("typed", ["0", "3", "yes", "maybe"])
async def test_only_a_1_agrees(here: World, typed: str) -> None:
    """Nothing but the digit is a yes: anything else is asked again."""
    ada = here.phone(0)
    await hears(ada, ("JOIN", CONSENT), (typed, "Send only one number from 1 to 2"))
    assert await people(here) == [("joining", "", None, "", "", None)]
    assert await here.rows("SELECT 1 FROM consents") == []


@pytest.mark.parametrize("kind", ["phone", "chat"])
async def test_a_no_leaves_nothing(both: World, kind: str) -> None:
    """A no leaves a keyed hash with its time: no number, no word, in no table."""
    ada = both.phone(0) if kind == "phone" else both.chatter(0)
    await ada.say("My zebra is thirsty")
    await hears(ada, ("JOIN", CONSENT), ("2", "we will not write again"))
    assert await ada.say("A zebra again") == []
    await hears(ada, ("ASK about the zebra", "keeps nothing of your number"))
    assert await both.everywhere(ada.number.lstrip("+")) == []
    assert await both.everywhere("zebra") == []
    hashed = barred.keyed(both.alliance.hash_key, ada.channel, ada.number)
    assert await both.rows("SELECT hash, reason, at > 0 FROM barred") == [(hashed, "no", 1)]
    assert await both.rows("SELECT state FROM members") == [("erased",)]
    await hears(ada, ("JOIN", CONSENT), ("1", TYPE))
    assert await both.rows("SELECT hash FROM barred") == []


async def test_nothing_reaches_who_said_no(here: World) -> None:
    """Whoever said no is in no audience."""
    ada = here.phone(0)
    await ada.say("JOIN")
    await ada.say("2")
    await here.poll()
    assert await ada.hear() == []


async def test_a_name_for_a_place(here: World) -> None:
    """JOIN with a platform's code skips that question, in any case; an unknown code is told."""
    for code, name in (("a", "Alpha"), ("b", "Beta"), ("c", "Gamma")):
        await here.platform(code, name)
    await hears(here.phone(0), ("join B", CONSENT), ("1", TYPE))
    ben = here.phone(1)
    said = await ben.say("JOIN nowhere")
    assert ["We know no place nowhere." in said[0], CONSENT in said[1]] == [True, True]
    await hears(ben, ("1", PLACE), ("3", TYPE))
    assert [row[2] for row in await people(here)] == ["b", "c"]


async def test_the_start_link_of_a_chat(both: World) -> None:
    """/start begins the sign-up; its payload is a platform's code, or nothing."""
    for code, name in (("a", "Alpha"), ("b", "Beta")):
        await both.platform(code, name)
    ada, ben = both.chatter(0), both.chatter(1)
    assert CONSENT in (await ada.say("b", kind="start"))[0]
    assert TYPE in (await ada.say("1"))[0]
    assert [CONSENT in text for text in await ben.say("zzz", kind="start")] == [True]
    assert [row[2] for row in await people(both)] == ["b", None]
    # A member who opens the chat again is no stranger.
    for typed in ("1", "0", "0"):
        await ada.say(typed)
    assert MEMBER in (await ada.say("", kind="start"))[0]


async def test_one_platform_is_not_asked_for(here: World) -> None:
    """Where there is one platform everyone is on it; where there is none nobody is asked."""
    await here.platform("only", "Only")
    await hears(here.phone(0), ("JOIN", CONSENT), ("1", TYPE))
    assert (await people(here))[0][2] == "only"


async def test_many_platforms_are_shown_in_pages(here: World) -> None:
    """More than eight platforms come seven at a time, and More goes round."""
    for number in range(1, 17):
        await here.platform(f"p{number}", f"Place {number}")
    ada = here.phone(0)
    await hears(
        ada, ("JOIN", CONSENT), ("1", "7 Place 7 8 More"), ("8", "7 Place 14 8 More"),
        ("8", "1 Place 15 2 Place 16 3 More"), ("9", "Send only one number from 1 to 3"),
        ("3", "7 Place 7 8 More"), ("8", "1 Place 8"), ("2", TYPE),
    )  # fmt: skip
    assert (await people(here))[0][2] == "p9"


async def test_eight_platforms_fit_one_page(here: World) -> None:
    """Eight platforms are one page, without More."""
    for number in range(1, 9):
        await here.platform(f"p{number}", f"Place {number}")
    await hears(here.phone(0), ("JOIN", CONSENT), ("1", "8 Place 8 0 Skip"), ("8", TYPE))
    assert (await people(here))[0][2] == "p8"


async def test_long_names_of_places_fit_two_segments(here: World) -> None:
    """A page of the longest names is two segments at most, or holds fewer."""
    for number in range(12):
        await here.platform(f"p{number}", f"{'W' * 18}{number:02}")
    await hears(here.phone(0), ("JOIN", CONSENT), ("1", PLACE))


async def test_a_skipped_place_is_the_root(here: World) -> None:
    """The top of the tree is no line of the menu: those who skip belong to all of it."""
    for code, name, above in (
        ("city", "City", ""),
        ("east", "East", "city"),
        ("west", "West", "city"),
    ):
        await here.platform(code, name, above)
    await hears(here.phone(0), ("JOIN", CONSENT), ("1", "1 East 2 West 0 Skip"), ("0", TYPE))


# --- organisations ---


async def organisation(here: World, name: str, sector: str = "public") -> None:
    """Add an organisation."""
    await here.database.write(
        lambda tx: organisations.add(tx, name, fold(name), "water_management", sector, here.now())
    )


async def at_organisation(here: World, last: int = 0) -> Phone:
    """Return somebody who is asked which organisation they speak for."""
    ada = here.phone(last)
    await hears(ada, ("JOIN", CONSENT), ("1", TYPE), ("1", ORGANISATION))
    return ada


@pytest.mark.parametrize("typed", ["Springfield Works", "springfield  WORKS", "SPRÍNGFIELD works"])
async def test_a_typed_organisation_is_matched(here: World, typed: str) -> None:
    """A name typed in any case is the organisation's, whose sector comes before the type's."""
    await organisation(here, "Springfield Works")
    await hears(await at_organisation(here), (typed, NAME))
    assert await people(here) == [
        ("member", "M1", None, "water_users", "public", "Springfield Works")
    ]


async def test_organisations_like_it_are_offered(here: World) -> None:
    """Up to three names that begin alike are offered by number."""
    for name in ("Springfield Works", "Springfield Farms", "Springs", "Springer", "Other"):
        await organisation(here, name)
    ada = await at_organisation(here)
    await hears(ada, ("Sprin", "Do you mean 1 Springer 2 Springfield Farms 3 Springfield Works?"))
    await hears(ada, ("2", NAME))
    assert (await people(here))[0][5] == "Springfield Farms"


async def test_the_full_name_again_is_a_ticket(here: World) -> None:
    """A name that is none of the offered becomes a ticket, and creates nothing."""
    await organisation(here, "Springfield Works")
    ada = await at_organisation(here)
    await hears(ada, ("Spring School", "Do you mean"), ("Spring School", NAME))
    assert await here.rows("SELECT kind, text FROM tickets") == [("organisation", "Spring School")]
    assert await here.scalar("SELECT COUNT(*) FROM organisations") == 1


async def test_an_unknown_organisation_is_a_ticket(here: World) -> None:
    """What matches nothing goes to a coordinator, and the sign-up goes on."""
    await hears(await at_organisation(here), ("Mothers of Hill Road", NAME), ("0", WELCOME))
    assert await here.rows("SELECT kind, text FROM tickets") == [
        ("organisation", "Mothers of Hill Road")
    ]
    assert await here.scalar("SELECT COUNT(*) FROM organisations") == 0


# --- languages ---

TWO = CONFIG.replace('languages = ["en"]', 'languages = ["en", "sw"]')


async def test_the_phone_says_in_which_language_to_begin(tmp_path: Path) -> None:
    """What the channel tells of the phone counts for the first question, until it is answered."""
    async with world(tmp_path, TWO) as here:
        await here.phone(0).say("JOIN", language="sw-KE")
        await here.phone(1).say("JOIN")
        rows = await here.rows("SELECT language FROM outbox ORDER BY id")
        assert rows == [("sw",), ("en",)]


async def test_the_language_comes_first(tmp_path: Path) -> None:
    """Where there are several the language comes first; without a catalogue it is English."""
    async with world(tmp_path, TWO) as here:
        ada = here.phone(0)
        await hears(
            ada, ("JOIN", "Which language? 1 English 2 Kiswahili"), ("0", "from 1 to 2"),
            ("2", CONSENT), ("1", TYPE), ("0", ORGANISATION), ("0", NAME), ("0", WELCOME),
        )  # fmt: skip
        assert await here.rows("SELECT language FROM members") == [("sw",)]
        assert await here.rows("SELECT language FROM consents") == [("sw",)]
        await hears(ada, ("LANG English", "From now on we write in English"))
        await hears(ada, ("LANG sw", "we write in Kiswahili"), ("LANG", "Which language?"))
        await hears(ada, ("1", "From now on we write in English"))
        assert await here.rows("SELECT language FROM members") == [("en",)]


# --- once more, and no more ---


async def test_what_is_open_is_asked_at_most_once_more(here: World) -> None:
    """Who left halfway and sends JOIN is asked what is open once; then no more."""
    await here.platform("a", "Alpha")
    await here.platform("b", "Beta")
    ada = here.phone(0)
    await hears(ada, ("JOIN", CONSENT), ("1", PLACE), ("1", TYPE))
    await hears(ada, ("JOIN", TYPE), ("0", ORGANISATION), ("0", NAME), ("Ada", WELCOME))
    await hears(ada, ("JOIN", MEMBER), ("JOIN", MEMBER))
    assert (await people(here))[0][1:4] == ("Ada", "a", "")


async def test_what_was_answered_is_not_asked_again(here: World) -> None:
    """Once more asks only what is open: not the organisation or the name that was given."""
    ada = here.phone(0)
    await hears(
        ada, ("JOIN", CONSENT), ("1", TYPE), ("0", ORGANISATION), ("Mothers", NAME),
        ("Ada", WELCOME), ("JOIN", TYPE), ("1", WELCOME), ("JOIN", MEMBER),
    )  # fmt: skip


async def test_before_the_consent_join_asks_again(here: World) -> None:
    """Somebody who has not agreed may send JOIN as often as they like; they are one person."""
    ada = here.phone(0)
    await hears(ada, ("JOIN", CONSENT), ("JOIN", CONSENT), ("JOIN", CONSENT), ("1", TYPE))
    assert await here.scalar("SELECT COUNT(*) FROM members") == 1
    assert await here.scalar("SELECT COUNT(*) FROM consents") == 1


async def test_back_never_takes_the_consent_back(here: World) -> None:
    """BACK returns to the question before, but not to what was agreed to."""
    await here.platform("a", "Alpha")
    await here.platform("b", "Beta")
    ada = here.phone(0)
    await hears(
        ada, ("JOIN", CONSENT), ("1", PLACE), ("1", TYPE), ("BACK", PLACE), ("2", TYPE),
        ("1", ORGANISATION), ("BACK", TYPE), ("BACK", PLACE), ("BACK", "no question to go back"),
    )  # fmt: skip
    assert (await people(here))[0][2] == "b"


# --- buttons pressed late or twice ---


async def test_a_consent_button_pressed_again(both: World) -> None:
    """Pressed twice the yes counts once, and an old no takes nothing back."""
    ada = both.chatter(0)
    await ada.send("JOIN")
    (message,) = await ada.messages()
    yes, no = (data for _, data in message["buttons"])
    assert TYPE in (await ada.press(yes))[0]
    assert await ada.press(yes) == []
    assert await ada.press(no) == []
    assert await both.scalar("SELECT COUNT(*) FROM consents") == 1
    assert (await people(both))[0][0] == "member"
    assert ORGANISATION in (await ada.say("1"))[0]
    assert await ada.press(no) == []
    assert (await people(both))[0][0] == "member"


async def test_a_button_of_another_page(both: World) -> None:
    """A place's button is that place, whichever page is shown by now, and pressed twice too."""
    for number in range(1, 17):
        await both.platform(f"p{number}", f"Place {number}")
    ada = both.chatter(0)
    await ada.say("JOIN")
    await ada.send("1")
    (first,) = await ada.messages()
    await ada.press(dict(first["buttons"])["8 More"])
    assert TYPE in (await ada.press(dict(first["buttons"])["3 Place 3"]))[0]
    assert (await people(both))[0][2] == "p3"
    await ada.press(dict(first["buttons"])["3 Place 3"])
    assert (await people(both))[0][2] == "p3"
    await ada.press(dict(first["buttons"])["8 More"])
    assert (await people(both))[0][2] == "p3"
    assert ORGANISATION in (await ada.say("1"))[0]


@pytest.mark.parametrize("value", ["v999", "vx", "v", "v²", "vmore", "9", "1"])
async def test_a_place_that_is_not_there(both: World, value: str) -> None:
    """A button with a place that is none sets nothing, and breaks nothing."""
    for number in range(1, 17):
        await both.platform(f"p{number}", f"Place {number}")
    ada = both.chatter(0)
    await ada.say("JOIN")
    await ada.send("1")
    (first,) = await ada.messages()
    data = first["buttons"][0][1].rpartition(":")[0]
    await ada.press(f"{data}:{value}")
    assert (await people(both))[0][2] in ((None,) if value != "1" else ("p1",))
    assert await both.rows("SELECT error FROM inbound WHERE state = 'failed'") == []


async def test_an_older_button_changes_what_it_set(both: World) -> None:
    """An older button of the sign-up changes its answer, and the open question stays."""
    ada = both.chatter(0)
    await ada.say("JOIN")
    await ada.send("1")
    (message,) = await ada.messages()
    first, second = message["buttons"][0][1], message["buttons"][1][1]
    assert ORGANISATION in (await ada.press(first))[0]
    assert "We have: 2 " in (await ada.press(second))[0]
    assert (await people(both))[0][3] == both.alliance.types[1].code
    assert NAME in (await ada.say("0"))[0]
