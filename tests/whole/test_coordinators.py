"""Coordinators on their phones: what they propose, confirm, end and answer; on both kinds."""

from __future__ import annotations

import re

import pytest

from storage import platforms, roles
from storage.instant import DAY, HOUR, MINUTE

BATCHES = "SELECT kind, audience, state FROM batches ORDER BY id"
ACTS = "SELECT act FROM audit WHERE by_member_id IS NOT NULL ORDER BY id"


def code_in(texts):
    """Return the four digits that a preview asks for."""
    return re.search(r"\b(\d{4})\b", texts[-1])[1]


async def give(world, phone, role, code):
    """Let the member with a phone have a role on a platform."""

    async def unit(tx):
        [[member]] = await tx.rows(
            "SELECT ma.member_id FROM member_addresses ma JOIN addresses a ON a.id = ma.address_id"
            " WHERE a.value = :value",
            value=phone.number,
        )
        place = await platforms.by_code(tx, code)
        await roles.grant(tx, member, place.id, role, None, world.now())
        return member

    return await world.database.write(unit)


async def take(world, member, role, code):
    """Take a role away again."""

    async def unit(tx):
        place = await platforms.by_code(tx, code)
        await roles.revoke(tx, member, place.id, role)

    await world.database.write(unit)


@pytest.fixture
async def alliance(both):
    """Two platforms below one, with three members each; who leads all of it is on a phone."""
    await both.platform("ghana", "Ghana")
    await both.platform("nima", "Nima", "ghana")
    await both.platform("asokwa", "Asokwa", "ghana")
    for last in range(1, 7):
        phone = await both.member(both.phone(last))
        place = "nima" if last <= 3 else "asokwa"
        await both.run(
            "UPDATE members SET platform_id = (SELECT id FROM platforms WHERE code = :place)"
            " WHERE id = (SELECT ma.member_id FROM member_addresses ma JOIN addresses a"
            " ON a.id = ma.address_id WHERE a.value = :value)",
            place=place, value=phone.number,
        )  # fmt: skip
    return both


@pytest.fixture(params=["phone", "chat"])
async def leader(request, alliance):
    """A coordinator of the whole alliance, on a basic phone or on a chat."""
    phone = alliance.phone(50) if request.param == "phone" else alliance.chatter(50)
    await alliance.member(phone)
    await give(alliance, phone, "coordinator", "ghana")
    return phone


async def confirm(phone, texts):
    """Confirm what a preview shows by the code in it."""
    return await phone.say(code_in(texts))


# --- announcing ---


async def test_an_announcement_leaves_once_it_is_confirmed(alliance, leader):
    """Nothing leaves before; then to each, and it is in the audit."""
    shown = await leader.say("ANNOUNCE Water: off on Friday / all day")
    assert "7 people" in shown[0]
    assert await alliance.rows(BATCHES) == []
    assert "Broadcast 1" in (await confirm(leader, shown))[0]
    await alliance.tick()
    assert await alliance.phone(1).hear() == ["Water: off on Friday / all day"]
    assert await alliance.rows(BATCHES) == [("announcement", "all", "queued")]
    assert await alliance.rows(ACTS) == [("announcement",)]


async def test_a_button_confirms_too(alliance):
    """On a chat; the text is shown in full before."""
    chat = await alliance.member(alliance.chatter(50))
    await give(alliance, chat, "secretariat", "ghana")
    await chat.send("ANNOUNCE TO nima: Water is off")
    [message] = await chat.messages()
    assert "nima" in message["text"]
    assert "Water is off" in message["text"]
    assert "3 people" in message["text"]
    (_, yes), _ = message["buttons"]
    assert "Broadcast 1" in (await chat.press(yes))[0]
    await alliance.tick()
    assert await alliance.phone(1).hear() == ["Water is off"]
    assert await alliance.phone(4).hear() == []


@pytest.mark.parametrize(
    ("answers", "said"),
    [(["NO"], "Nothing was done"), (["0000", "0000", "0000"], "Nothing was done"),
     (["1"], "passed your message on")],
)  # fmt: skip
async def test_what_is_not_confirmed_is_not_done(alliance, leader, answers, said):
    """NO, three wrong codes, or a bare 1, the commonest vote."""
    shown = await leader.say("ANNOUNCE Water is off")
    if code_in(shown) == "0000":
        shown = await leader.say("ANNOUNCE Water is off")
    heard = [await leader.say(answer) for answer in answers]
    assert said in heard[-1][-1]
    if answers != ["1"]:
        await confirm(leader, shown)
        assert await alliance.rows(BATCHES) == []


async def test_a_code_is_good_for_a_quarter_of_an_hour(alliance, leader):
    """And for the last preview alone."""
    first = await leader.say("ANNOUNCE One")
    second = await leader.say("ANNOUNCE Two")
    if code_in(first) != code_in(second):
        await confirm(leader, first)
        assert await alliance.rows(BATCHES) == []
    await alliance.pass_time(16 * MINUTE)
    await confirm(leader, second)
    assert await alliance.rows(BATCHES) == []


async def test_a_role_that_was_taken_away_confirms_nothing(alliance, leader):
    """It is looked at again."""
    member = await give(alliance, leader, "coordinator", "ghana")
    shown = await leader.say("ANNOUNCE Water is off")
    await take(alliance, member, "coordinator", "ghana")
    assert "you are none" in (await confirm(leader, shown))[0]
    assert await alliance.rows(BATCHES) == []


async def test_a_role_elsewhere_by_now_confirms_nothing(alliance, leader):
    """The audience would be another."""
    member = await give(alliance, leader, "coordinator", "nima")
    shown = await leader.say("ANNOUNCE Water is off")
    await take(alliance, member, "coordinator", "ghana")
    assert "has changed" in (await confirm(leader, shown))[0]
    assert await alliance.rows(BATCHES) == []


async def test_many_more_people_are_shown_first(alliance, leader):
    """An audience that has grown is previewed again, and then confirmed."""
    shown = await leader.say("ANNOUNCE Water is off")
    await alliance.member(alliance.phone(9))
    again = await confirm(leader, shown)
    assert "8 people" in again[0]
    assert await alliance.rows(BATCHES) == []
    await confirm(leader, again)
    assert len(await alliance.rows(BATCHES)) == 1


async def test_two_announce_at_once(alliance, leader):
    """Each confirms their own."""
    other = await alliance.member(alliance.phone(51))
    await give(alliance, other, "coordinator", "nima")
    first = await leader.say("ANNOUNCE One")
    second = await other.say("ANNOUNCE Two")
    assert "3 people" in second[0]
    await confirm(leader, first)
    await confirm(other, second)
    assert [row[1] for row in await alliance.rows(BATCHES)] == ["all", "nima"]


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("ANNOUNCE", "Send ANNOUNCE and the text"),
        ("ANNOUNCE TO kumasi: Hello", "no platform"),
        ("ANNOUNCE TO nima Hello", "colon"),
        ("ANNOUNCE TO ((: Hello", "can't read the audience"),
        ("ANNOUNCE TO type:media: Hello", "nobody in that audience"),
        ("ANNOUNCE TO type:'; DROP TABLE members: Hello", "can't read"),
        ("ANNOUNCE TO " + " or ".join("a" * 300) + ": Hello", "too many parts"),
        ("ANNOUNCE TO " + " or ".join(["nima"] * 5000) + ": Hello", "colon"),
        ("POLL Which?", "Send POLL"),
        ("POLL Which? / One", "2 to 4 options"),
        ("POLL Which? / Stop / Go", "send for something else"),
        ("POLL Which? / Taps / Price / by bus", "as a time"),
        ("CLOSE", "code of the poll"),
        ("CLOSE P77", "no poll"),
        ("EXTEND P77 2h", "no poll"),
        ("HALT", "Send HALT"),
        ("HALT 77", "no broadcast"),
        ("HALT 99999999999999999999", "no broadcast"),
        ("STATUS P77", "no poll"),
        ("REPLY", "Send REPLY"),
        ("REPLY 77 Hello", "no question 77"),
    ],
)
async def test_what_cant_be_done_is_said(alliance, leader, said, heard):
    """One clear answer, and nothing done."""
    texts = await leader.say(said)
    assert len(texts) == 1
    assert heard.casefold() in texts[0].casefold()
    assert await alliance.rows("SELECT * FROM batches") == []
    assert await alliance.rows("SELECT * FROM pending") == []


@pytest.mark.parametrize("said", ["Close the tap", "Reply to me please", "Poll", "Announce it"])
async def test_to_a_member_these_are_words_like_any_other(alliance, said):
    """They pass them on."""
    phone = await alliance.member(alliance.phone(60))
    texts = await phone.say(said)
    assert "passed your message on" in texts[0] or "POLLS" in texts[0]


# --- where a role holds ---


async def test_a_role_holds_on_its_platform_and_below(alliance):
    """Nowhere else: neither by its name, nor by what has no name."""
    phone = await alliance.member(alliance.phone(50))
    await give(alliance, phone, "coordinator", "nima")
    assert "3 people" in (await phone.say("ANNOUNCE Hello"))[0]
    assert "no role on asokwa" in (await phone.say("ANNOUNCE TO asokwa: Hello"))[0]
    assert "no role on ghana" in (await phone.say("ANNOUNCE TO ghana: Hello"))[0]
    shown = await phone.say("ANNOUNCE TO not type:media: Hello")
    assert "3 people" in shown[0]
    await confirm(phone, shown)
    await alliance.tick()
    assert await alliance.phone(1).hear() == ["Hello"]
    assert await alliance.phone(4).hear() == []


async def test_what_others_began_elsewhere_is_not_theirs(alliance, leader):
    """To end it, and to see how it stands."""
    nima = await alliance.member(alliance.phone(51))
    await give(alliance, nima, "coordinator", "nima")
    await confirm(leader, await leader.say("ANNOUNCE TO asokwa: Hello"))
    await confirm(leader, await leader.say("POLL TO asokwa: Which? / Taps / Price / named"))
    await alliance.tick()
    for said in ("HALT 1", "STATUS 1", "STATUS P1", "CLOSE P1", "EXTEND P1 2h"):
        code = await alliance.scalar("SELECT code FROM rounds WHERE closes_at > 0")
        [text] = await nima.say(said.replace("P1", code))
        assert "not on a platform" in text, said


# --- polls ---


async def test_a_poll_from_its_question_to_its_result(alliance, leader):
    """Asked, answered, extended, closed: the result reaches each who answered once."""
    first = alliance.phone(1)
    shown = await leader.say("POLL Taps 24/7 or at night? / 24/7 / Night / by 20h / named")
    assert "7 people" in shown[0]
    asked = await confirm(leader, shown)
    code = re.search(r"P\d+", asked[0])[0]
    await alliance.tick()
    [question] = await first.hear()
    assert "Taps 24/7 or at night?" in question
    assert "With your name" in question
    await first.say("1")
    await alliance.phone(4).say("2")
    assert "now closes" in (await leader.say(f"EXTEND {code} 2d"))[-1]
    assert "2 answered" in (await leader.say(f"RESULT {code}"))[-1]
    close = await leader.say(f"CLOSE {code}")
    assert "2 have answered" in close[-1]
    assert "takes no more answers" in (await confirm(leader, close))[-1]
    await alliance.tick()
    await alliance.tick()
    assert len([t for t in await first.hear() if "Result" in t]) == 1
    assert await alliance.phone(2).hear() != []
    assert "closed already" in (await leader.say(f"CLOSE {code}"))[-1]
    assert "closed already" in (await leader.say(f"EXTEND {code} 2h"))[-1]
    acts = [row[0] for row in await alliance.rows(ACTS)]
    assert acts == ["poll", "extend", "close"]


async def test_a_poll_by_lines(alliance, leader):
    """Options in lines of their own; anonymous by default, for 72 hours."""
    asked = await confirm(leader, await leader.say("POLL Which first?\nTaps\nPrice"))
    assert "is on its way" in asked[0]
    await alliance.tick()
    assert "No names shown" in (await alliance.phone(1).hear())[0]
    [[opened, closes]] = await alliance.rows(
        "SELECT opened_at, closes_at FROM rounds WHERE closes_at > 0"
    )
    assert closes - opened == pytest.approx(72 * HOUR, abs=MINUTE)


async def test_too_few_to_hide_among(alliance):
    """An anonymous poll of three says so before anything else."""
    phone = await alliance.member(alliance.phone(50))
    await give(alliance, phone, "coordinator", "nima")
    assert "needs an audience of 5" in (await phone.say("POLL Which? / Taps / Price"))[0]


# --- ending, and how it stands ---


async def test_halt_needs_no_code(alliance, leader):
    """What is being sent can't wait for one."""
    await confirm(leader, await leader.say("ANNOUNCE Water is off"))
    assert "Broadcast 1 is stopped" in (await leader.say("HALT 1"))[-1]
    assert await alliance.scalar("SELECT state FROM batches") == "halted"
    assert (await alliance.rows(ACTS))[-1] == ("halt",)


async def test_status_says_what_is_under_way(alliance, leader):
    """The latest broadcast, open polls, and what waits for an answer."""
    assert "No broadcast yet" in (await leader.say("STATUS"))[0]
    await confirm(leader, await leader.say("POLL Which? / Taps / Price / named"))
    await alliance.tick()
    await alliance.phone(1).say("ASK When is the meeting?")
    heard = " ".join(await leader.say("STATUS"))
    assert "Broadcast 1: 7 people. sent" in heard
    assert "Open: P" in heard
    assert "Questions that wait: 1" in heard
    assert "When is the meeting?" in heard
    assert "7 people" in " ".join(await leader.say("STATUS 1"))


# --- questions and answers ---


async def test_the_asker_gets_the_answer(alliance, leader):
    """Once: who answers second is told."""
    first = alliance.phone(1)
    await first.say("ASK When is the meeting?")
    number = await alliance.scalar("SELECT id FROM tickets")
    assert "on its way" in (await leader.say(f"REPLY {number} At ten, in the hall"))[0]
    [answer] = await first.hear()
    assert answer == f"Springfield Water on your question {number}: At ten, in the hall"
    assert "answered already" in (await leader.say(f"REPLY {number} At nine"))[0]
    assert await first.hear() == []
    assert await alliance.rows(ACTS) == [("reply",)]


async def test_who_stopped_gets_no_answer(alliance, leader):
    """The coordinator is told."""
    first = alliance.phone(1)
    await first.say("ASK When is the meeting?")
    await first.say("STOP")
    assert "can't be reached" in (await leader.say("REPLY 1 At ten"))[0]
    assert await first.hear() == []


async def test_questions_from_elsewhere_are_not_theirs(alliance):
    """A coordinator of one place answers that place."""
    phone = await alliance.member(alliance.phone(50))
    await give(alliance, phone, "coordinator", "nima")
    await alliance.phone(4).say("ASK When is the meeting?")
    assert "no question 1" in (await phone.say("REPLY 1 At ten"))[0]
    assert "No question waits" in (await phone.say("STATUS"))[-1]


async def test_the_support_team_hears_of_what_waits_too_long(alliance, leader):
    """Once, after two days; and may answer."""
    first = alliance.phone(1)
    team = await alliance.member(alliance.phone(52))
    await give(alliance, team, "support", "ghana")
    await first.say("ASK When is the meeting?")
    await alliance.pass_time(DAY)
    assert await team.hear() == []
    await alliance.pass_time(DAY + HOUR)
    [text] = await team.hear()
    assert "When is the meeting?" in text
    await alliance.pass_time(DAY)
    assert await team.hear() == []
    assert "on its way" in (await team.say("REPLY 1 At ten"))[0]
    assert "At ten" in (await first.hear())[0]


# --- what changes between the preview and the yes ---


async def test_a_place_that_is_gone_meanwhile_confirms_nothing(alliance, leader):
    """Its name no longer means what was shown."""
    shown = await leader.say("ANNOUNCE TO nima: Water is off")
    await alliance.run("UPDATE platforms SET code = 'nima2' WHERE code = 'nima'")
    assert "has changed" in (await confirm(leader, shown))[0]
    assert await alliance.rows(BATCHES) == []


async def test_a_poll_whose_time_is_over_before_the_yes(alliance, leader):
    """It says so, and asks nobody."""
    shown = await leader.say("POLL Which? / Taps / Price / named / by 5m")
    await alliance.pass_time(6 * MINUTE)
    assert "can't close before it opens" in (await confirm(leader, shown))[0]
    assert await alliance.rows(BATCHES) == []


async def test_a_poll_by_somebody_whose_role_is_gone(alliance, leader):
    """Nobody is asked, nothing is closed."""
    member = await give(alliance, leader, "coordinator", "ghana")
    asked = await confirm(leader, await leader.say("POLL Which? / Taps / Price / named"))
    code = re.search(r"P\d+", asked[0])[0]
    shown = await leader.say("POLL Again? / Taps / Price / named")
    await give(alliance, leader, "documenter", "ghana")
    await take(alliance, member, "coordinator", "ghana")
    assert "you are none" in (await confirm(leader, shown))[0]
    for said in (f"CLOSE {code}", f"EXTEND {code} 2h", "HALT 1", "ANNOUNCE Hi", "POLL Which?",
                 "REPLY 1 Hi"):  # fmt: skip
        assert "you are none" in (await leader.say(said))[0], said
    assert "Broadcast 1" in (await leader.say("STATUS"))[0]


async def test_a_close_that_came_before_the_yes(alliance, leader):
    """Two close one poll."""
    asked = await confirm(leader, await leader.say("POLL Which? / Taps / Price"))
    code = re.search(r"P\d+", asked[0])[0]
    close = await leader.say(f"CLOSE {code}")
    assert "fewer than 5 have answered" in close[-1]
    await alliance.run("UPDATE rounds SET state = 'closed' WHERE code = :code", code=code)
    assert "closed already" in (await confirm(leader, close))[-1]


async def test_a_phone_that_has_become_another_s_confirms_nothing(alliance, leader):
    """The code was for whoever asked."""
    shown = await leader.say("ANNOUNCE Water is off")
    await alliance.run("UPDATE pending SET member_id = 1")
    assert "Nothing was done" in (await confirm(leader, shown))[0]
    assert await alliance.rows(BATCHES) == []


async def test_what_never_closes_is_no_poll(alliance, leader):
    """Sign-up asks about the person, for ever."""
    await alliance.phone(70).say("JOIN")
    assert "no poll" in (await leader.say("CLOSE JOIN"))[0]
    assert "Send EXTEND" in (await leader.say("EXTEND P1"))[0]


async def test_what_a_restore_holds_is_said(alliance, leader):
    """And what waits for the morning."""
    await confirm(leader, await leader.say("ANNOUNCE Water is off"))
    await alliance.tick()
    hold = "UPDATE outbox SET status = 'held', reason = :why, until_at = :at WHERE member_id = :id"
    await alliance.run(hold, why="restored", at=99, id=1)
    await alliance.run(hold, why="quiet", at=alliance.now() + HOUR, id=2)
    text = (await leader.say("STATUS 1"))[-1]
    assert "Held by a restore: 1" in text
    assert "Held until" in text


# --- names ---


async def test_names_of_a_named_round_are_for_its_roles(alliance, leader):
    """Who leads the place sees who answered what; a member sees totals alone."""
    await alliance.run("UPDATE members SET alias = 'Name' || id")
    round_ = await alliance.poll("Will you come?", ("Yes", "No"), named=True)
    await leader.hear()
    for last, answer in ((1, "1"), (2, "2"), (3, "1")):
        await alliance.phone(last).say(answer)
    said = await leader.say(f"RESULT {round_.code}")
    assert "Yes 2, No 1" in said[0]
    assert "1 Yes: Name1, Name3" in said[1]
    assert "2 No: Name2" in said[1]
    member = alliance.phone(1)
    await member.hear()
    assert len(await member.say(f"RESULT {round_.code}")) == 1


async def test_names_that_two_segments_do_not_hold(alliance):
    """By SMS as many as fit, and how many more there are."""
    phone = await alliance.member(alliance.phone(50))
    await give(alliance, phone, "support", "ghana")
    await alliance.run("UPDATE members SET alias = 'A rather long name indeed, M' || id")
    for last in range(10, 24):
        await alliance.member(alliance.phone(last))
    await alliance.run("UPDATE members SET alias = 'A rather long name, M' || id")
    round_ = await alliance.poll("Will you come?", ("Yes", "No"), named=True)
    for last in range(10, 24):
        await alliance.phone(last).say("1")
    said = await phone.say(f"RESULT {round_.code}")
    assert re.search(r"A rather long name, M\d+, and \d+ more\.$", said[-1])


async def test_nobody_is_named_of_an_anonymous_round(alliance, leader):
    """Its roles see totals too."""
    round_ = await alliance.poll("Will you come?", ("Yes", "No"), named=False)
    await alliance.phone(1).say("1")
    await leader.hear()
    assert len(await leader.say(f"RESULT {round_.code}")) == 1


async def test_a_name_that_was_told_is_erased(alliance, leader):
    """In what the coordinator was told, too."""
    await alliance.run("UPDATE members SET alias = 'Quicklime' WHERE id = 1")
    round_ = await alliance.poll("Will you come?", ("Yes", "No"), named=True)
    await leader.hear()
    phone = alliance.phone(1)
    await phone.say("1")
    assert "Quicklime" in (await leader.say(f"RESULT {round_.code}"))[1]
    await phone.say(code_in(await phone.say("ERASE")))
    assert await alliance.everywhere("Quicklime") == []
