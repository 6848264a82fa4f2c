"""What may happen next. A new rule is a function with its weight: it says or does one thing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.channels.base import Again, Refused, Unknown
from storage.instant import DAY, HOUR, MINUTE, SECOND
from tests.chance.carriers import SMS, TELEGRAM
from tests.chance.story import PHONES, Poll

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.channels.base import Outcome
    from tests.chance.story import Story

RULES: dict[str, tuple[int, Callable[[Story], Awaitable[None]]]] = {}

STOPS = ("STOP", "stop", "Stop. Thank you", "please stop", "STOP ALL", "unsubscribe", "stop!")


def rule(
    weight: int,
) -> Callable[[Callable[[Story], Awaitable[None]]], Callable[[Story], Awaitable[None]]]:
    """Let something happen, as often as its weight is among all."""

    def keep(run: Callable[[Story], Awaitable[None]]) -> Callable[[Story], Awaitable[None]]:
        RULES[run.__name__] = (weight, run)
        return run

    return keep


# --- members ---


@rule(22)
async def answer(story: Story) -> None:
    """Somebody sends a digit, or several."""
    text = story.random.choice(("1", "2", "3", "4", "1", "2", "2.", "(1)", "٢", "0", "13", "7"))
    asked = story.random.random() < 0.7
    await story.say(story.some_asked() if asked else story.some_phone(), text)


@rule(4)
async def answer_in_words(story: Story) -> None:
    """Somebody writes what no option is, or a word that they alone write."""
    whose = story.some_phone()
    await story.say(whose, story.random.choice(("maybe", f"It is {story.word(whose)}", "yes")))


@rule(10)
async def press(story: Story) -> None:
    """Somebody presses a button, of the latest message or of an old one."""
    whose = story.some_phone(channel=TELEGRAM)
    known = story.buttons[whose]
    if known:
        recent = known[-6:] if story.random.random() < 0.7 else known
        await story.say(whose, "", data=story.random.choice(recent))


@rule(6)
async def join(story: Story) -> None:
    """Somebody wants to take part."""
    whose = story.some_phone(member=story.random.random() < 0.2)
    text = story.random.choice(("JOIN", "join nima", "JOIN", "join nowhere"))
    await story.say(whose, "/start" if whose[0] == TELEGRAM and text == "JOIN" else text)


@rule(8)
async def agree(story: Story) -> None:
    """Somebody who is signing up answers."""
    among = [
        whose for whose in PHONES
        if story.member(story.owner(whose)) and story.member(story.owner(whose))[1] == "joining"
    ]  # fmt: skip
    if among:
        whose = story.random.choice(among)
        text = story.random.choice(("1", "1", "1", "2", "0", story.word(whose)))
        await story.say(whose, text)


@rule(8)
async def look(story: Story) -> None:
    """Somebody looks at something, or goes a step back or on."""
    code = story.random.choice(story.codes())
    words = (
        "HELP",
        "ABOUT",
        "ME",
        "POLLS",
        "LANG",
        f"RESULT {code}",
        f"CHANGE {code}",
        "BACK",
        "SKIP",
        "hello",
        "RESULT",
        f"RESULT {code}",
        f"CHANGE {code}",
        "CALL",
        "STATUS",
    )
    await story.say(story.some_phone(), story.random.choice(words))


@rule(4)
async def ask(story: Story) -> None:
    """Somebody asks or tells something in words of their own."""
    whose = story.some_phone()
    word = story.word(whose)
    text = story.random.choice((f"ASK when is {word}", f"The tap {word} is broken", f"CALL {word}"))
    await story.say(whose, text)


@rule(3)
async def stop(story: Story) -> None:
    """Somebody has enough."""
    whose = story.some_phone()
    if whose[0] == SMS and story.random.random() < 0.2:
        await story.say(whose, "STOP", "stop", OptOutType="STOP")
    else:
        await story.say(whose, story.random.choice(STOPS), "stop")


@rule(4)
async def start(story: Story) -> None:
    """Somebody wants to hear from us again; mostly who has stopped."""
    stopped = [
        w for w in PHONES if story.member(story.owner(w)) and story.member(story.owner(w))[10]
    ]
    among = stopped if stopped and story.random.random() < 0.8 else PHONES
    whose = story.random.choice(among)
    if whose[0] == SMS and story.random.random() < 0.3:
        await story.say(whose, "START", "start", OptOutType="START")
    else:
        await story.say(whose, story.random.choice(("START", "start", "Start please")), "start")


@rule(1)
async def erase(story: Story) -> None:
    """Somebody wants to be forgotten."""
    await story.say(story.some_phone(), "ERASE")


@rule(12)
async def confirm(story: Story) -> None:
    """Somebody who was asked for a code sends it, another, or NO."""
    among = [whose for whose in PHONES if story.pending(whose)]
    if not among:
        return
    whose = story.random.choice(among)
    code = story.pending(whose)[3]
    wrong = "".join(str((int(digit) + 1) % 10) for digit in code)
    text = story.random.choice((code, code, code, code, wrong, wrong, "NO"))
    if whose[0] == TELEGRAM and story.random.random() < 0.5 and text != wrong:
        await story.say(whose, "", data=f"c:{'no' if text == 'NO' else text}")
    else:
        await story.say(whose, text)


# --- phones ---


@rule(2)
async def link(story: Story) -> None:
    """Somebody asks for a code that links another phone."""
    await story.say(story.some_phone(member=True), "LINK")


@rule(3)
async def link_with(story: Story) -> None:
    """Another phone sends such a code, or a wrong one."""
    codes = [
        story.pending(w)[3] for w in PHONES if story.pending(w) and story.pending(w)[2] == "link"
    ]
    if codes:
        code = story.random.choice((*codes, "000000"))
        await story.say(story.some_phone(), f"LINK {code}")


@rule(2)
async def unlink(story: Story) -> None:
    """Somebody parts a phone again."""
    whose = story.some_phone(member=True)
    phones = sorted(story.phones_of(story.owner(whose)))
    named = story.random.choice(phones)[1][-4:] if phones else "1234"
    await story.say(whose, story.random.choice(("UNLINK", f"UNLINK {named}", "UNLINK telegram")))


@rule(1)
async def share(story: Story) -> None:
    """Somebody shares a contact: their own, or another's."""
    whose = story.some_phone(channel=TELEGRAM)
    user = int(whose[1]) if story.random.random() < 0.8 else 1
    number = story.random.choice([value for channel, value in PHONES if channel == SMS])
    at, number_ = story.number, story.number
    contact = {"phone_number": number.lstrip("+"), "first_name": "A", "user_id": user}
    delivery = story.delivery(whose, "")
    town = story.town
    said = f"shares the contact {number}"
    await story.bring(
        type(delivery)(
            whose, said,
            lambda: town.telegram.brings(int(whose[1]), number_, town.at, contact=contact), at,
        )
    )  # fmt: skip


# --- helpers ---


@rule(3)
async def announce(story: Story) -> None:
    """Somebody wants to tell an audience something."""
    to = story.random.choice(
        ("", "", "TO nima: ", "TO osu: ", "TO type:donor: ", "TO channel:sms: ")
    )
    await story.say(story.some_helper(), f"ANNOUNCE {to}Water is off, {story.word()}")


@rule(4)
async def poll(story: Story) -> None:
    """Somebody wants to ask an audience something."""
    word, named = story.word(), story.random.random() < 0.4
    words = tuple(story.word() for _ in range(story.random.randrange(2, 4)))
    story.polls.append(Poll(word, words, anonymous=not named))
    to = story.random.choice(("", "", "", "", "", "TO nima: ", "TO type:donor: "))
    until = story.random.choice(("", "", " / by 2h", " / by 5d"))
    options = " / ".join(words)
    text = f"POLL {to}{word}? / {options}{until}{' / named' if named else ''}"
    await story.say(story.some_helper(), text)


@rule(3)
async def steer(story: Story) -> None:
    """Somebody ends, puts off or stops what was begun."""
    code = story.random.choice(story.codes())
    batches = [str(key[0]) for key in sorted(story.after.tables["batches"])[-4:]] or ["1"]
    batch = story.random.choice(batches)
    text = story.random.choice(
        (f"CLOSE {code}", f"CLOSE {code}", f"EXTEND {code} 3d", f"HALT {batch}", f"STATUS {code}",
         f"EXTEND {code} 1h", "STATUS")
    )  # fmt: skip
    await story.say(story.some_helper(), text)


@rule(2)
async def reply(story: Story) -> None:
    """Somebody answers a question that waits."""
    rows = await story.town.rows("SELECT id FROM tickets ORDER BY id DESC LIMIT 8")
    if rows:
        ticket = story.random.choice(rows)[0]
        await story.say(story.some_helper(), f"REPLY {ticket} tomorrow")


@rule(1)
async def enrol(story: Story) -> None:
    """Somebody signs another up."""
    whose = story.some_helper()
    if story.roles(story.owner(whose)):  # of anybody else it is a message like any other
        number = story.random.choice([value for channel, value in PHONES if channel == SMS])
        await story.say(whose, f"ENROL {number} {story.word((SMS, number))}")


@rule(1)
async def grant(story: Story) -> None:
    """The operator gives a member a role, on the command line."""
    member_id = story.owner(story.some_phone(member=True))
    if member_id and story.member(member_id)[1] == "member":
        role = story.random.choice(("coordinator", "facilitator", "support", "documenter"))
        place = story.random.choice(("accra", "nima", "osu"))
        await story.town.give(member_id, role, place)
        story.log(f"member {member_id} is {role} of {place}")


# --- what goes wrong on the way ---


@rule(4)
async def edit(story: Story) -> None:
    """Somebody edits what they wrote on Telegram."""
    past = [d for d in story.past[-60:] if d.whose[0] == TELEGRAM]
    if past:
        earlier = story.random.choice(past)
        text = story.random.choice(("1", "2", "3", "STOP", "POLLS", story.word(earlier.whose)))
        await story.say(
            earlier.whose, text, "stop" if text == "STOP" else "",
            message=earlier.number, edit_date=story.town.at // 1_000,
        )  # fmt: skip


@rule(3)
async def twice(story: Story) -> None:
    """A message comes once more."""
    if story.past:
        await story.bring(replace(story.random.choice(story.past[-40:]), sense=""))


@rule(4)
async def late(story: Story) -> None:
    """A message comes at last, after others."""
    if story.late:
        at = story.random.randrange(len(story.late))
        await story.bring(story.late.pop(at))


@rule(7)
async def receipts(story: Story) -> None:
    """The carrier says what became of some messages, in any order, some of it twice."""
    letters = [letter for letter in story.town.ledger.letters[-60:] if letter.channel == SMS]
    for letter in story.random.choices(letters, k=min(len(letters), 4)):
        status, error = story.random.choice(
            (("delivered", ""), ("delivered", ""), ("delivered", ""), ("sent", ""),
             ("undelivered", "30003"), ("failed", "30005"), ("failed", "21610"),
             ("undelivered", "30036"), ("queued", ""))
        )  # fmt: skip
        # One end a message: a carrier says no two things.
        said = story.kept.setdefault(f"end of {letter.id}", (status, error))
        status, error = said if status != "sent" else (status, error)
        more = {"ErrorCode": error} if error else {}
        story.log(f"receipt of row {letter.row} attempt {letter.attempt}: {status} {error}")
        if status in ("failed", "undelivered"):
            story.kept.setdefault("failed", set()).add((letter.row, letter.attempt))
        await story.town.accept(
            story.town.sms.tells(
                letter.row, letter.attempt, letter.id, MessageStatus=status, **more
            )
        )
    await story.quiet()


@rule(1)
async def block(story: Story) -> None:
    """Somebody blocks the bot, or lets it in again."""
    whose = story.some_phone(channel=TELEGRAM)
    reachable = story.random.random() < 0.6
    story.log(f"{whose[1]} {'lets the bot in' if reachable else 'blocks the bot'}")
    await story.town.accept(
        story.town.telegram.blocks(int(whose[1]), story.town.at, reachable=reachable)
    )
    await story.quiet()


@rule(2)
async def mood(story: Story) -> None:
    """The carriers answer otherwise for a while."""
    bad = story.random.random() < 0.7
    random, left = story.random, [story.random.randrange(1, 8)]

    def answers(channel: str) -> Outcome | None:
        if not bad or left[0] <= 0:
            return None
        left[0] -= 1
        return random.choice((
            None, Again("busy", seconds=random.choice((1.0, 60.0))), Unknown("taken"),
            Unknown("lost"), Refused("refused"),
        ))  # fmt: skip

    story.log(f"the carriers are {'bad' if bad else 'well'}")
    story.town.ledger.mood = answers


@rule(2)
async def hold(story: Story) -> None:
    """What is sent stays inside the carriers for a while, or goes on."""
    way = story.town.ledger.way
    if way.is_set() and story.random.random() < 0.6:
        way.clear()
        story.log("the carriers hold what they get")
    else:
        way.set()
        story.log("the carriers go on")
    await story.quiet()


@rule(9)
async def clock(story: Story) -> None:
    """Time passes, and what is due happens."""
    # Who holds a message keeps its lease as long as the process lives.
    story.town.ledger.way.set()
    await story.town.settled()
    span = story.random.choice(
        (SECOND, MINUTE, 10 * MINUTE, HOUR, HOUR, 6 * HOUR, DAY, DAY, 3 * DAY)
    )
    span += story.random.randrange(HOUR)
    # Not at once: what happens at a time happens soon after it.
    while span > 0:
        part = min(span, 2 * HOUR)
        span -= part
        story.town.at += part
        await story.town.tick()
    story.log(f"it is {story.town.at}")


@rule(6)
async def soon(story: Story) -> None:
    """Some seconds pass, and what is due happens."""
    story.town.ledger.way.set()
    story.town.at += story.random.randrange(40) * SECOND
    await story.town.tick()
    story.log(f"it is {story.town.at}")


@rule(1)
async def restart(story: Story) -> None:
    """The program ends and begins anew, told so or killed."""
    killed = story.random.random() < 0.5
    story.log("killed" if killed else "restarted")
    if not killed:
        story.town.ledger.way.set()
        await story.town.settled()
    await story.town.again(killed=killed)
    story.town.ledger.way.set()
    story.town.at += 40 * SECOND
    await story.town.tick()
