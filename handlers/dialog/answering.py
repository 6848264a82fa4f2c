"""Taking an answer to the open question: reading it, keeping it, echoing it, going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from handlers.dialog import asking, course, forms, gathering, late
from handlers.dialog.asking import Asked, Flow, Stay
from handlers.dialog.forms import SKIPPED, Skipped
from handlers.dialog.messages import CODE, OPTION, QUESTION, WHEN, msg
from handlers.dialog.text import read_digits
from storage import addresses, dialogs, inbound, outbox, rounds, tickets
from storage.instant import DAY, MINUTE

if TYPE_CHECKING:
    from handlers.dialog.forms import Option, Question
    from handlers.dialog.turn import Turn
    from storage.dialogs import State

MOST_TRIES = 3
OUTDATED = MINUTE

ECHO_DIGIT = msg(
    "Thank you. {question} We have: {answer}. To change, send another number before {when}.",
    question=QUESTION, answer=f"4 {OPTION}", when=WHEN,
)  # fmt: skip
ECHO = msg(
    "Thank you. {question} We have: {answer}. To change, send CHANGE {code} before {when}.",
    question=QUESTION, answer=f"4 {OPTION}", code=CODE, when=WHEN,
)  # fmt: skip
ECHO_SKIP = msg(
    "You skipped: {question} To answer, send CHANGE {code}.", question=QUESTION, code=CODE
)
NOT_ASKED = msg(
    "That question is not for you, after what you answered before it. To change that, send"
    " CHANGE {code}.",
    code=CODE,
)
NOTED = msg("Thank you. We have: {answer}.", answer=f"4 {OPTION}")

SIMPLER = msg("Send only one number. Like this: 2")

# Longest part of an answer in words that an echo repeats.
ECHOED = 40


async def take(turn: Turn) -> bool:
    """Deal with a message as an answer; False when no question of theirs can be meant."""
    if turn.sender.coming:
        if await _on_its_way(turn):
            return True
        if late.is_value(turn.text):  # what was coming is settled by now
            await _stands_now(turn, 0)
    return await _take(turn) or await _on_its_way(turn) or await late.take(turn)


async def _take(turn: Turn) -> bool:
    sender = turn.sender
    if not sender.form:
        return False
    asked = Asked(sender.round_id, forms.load(sender.form), sender.closes_at, sender.lead)
    if turn.replayed and turn.now + OUTDATED < max(sender.opened_at, sender.answered_at):
        # Meant for what was asked before: it changes no later answer. (The machine's clock may
        # have been set back since the question was asked: that makes no answer an old one.)
        return late.is_answer(turn, asked.form)
    if _over(turn):
        if not late.is_answer(turn, asked.form):
            return False
        await late.refuse(turn)
        return True
    match sender.dialog:
        case "open":
            await _answer(turn, asked, sender.question, turn.text)
            return True
        case "asked":
            return await _not_seen_yet(turn, asked)
        case _:
            return await _afterwards(turn, asked)


def _over(turn: Turn) -> bool:
    return 0 < turn.sender.closes_at <= turn.now


async def press(turn: Turn, round_id: int, position: int, typed: str) -> None:
    """Deal with a pressed button, which carries its round: the sender stands in that round.

    Whoever presses has seen the question, whatever is known yet of its message.
    """
    if not turn.sender.form:
        for row in await outbox.unseen(turn.tx, turn.sender.member_id):
            if row[0] == round_id and await _stands_at(turn, row[0], row[3]):
                break
        else:  # what had not left, as far as was known then, may be settled by now
            await _stands_now(turn, round_id)
    sender = turn.sender
    if not sender.form or _over(turn):
        await late.refuse(turn)
        return
    asked = Asked(sender.round_id, forms.load(sender.form), sender.closes_at, sender.lead)
    if position >= len(asked.form.questions):
        return
    question = asked.form.questions[position]
    chosen = forms.carried(question, typed)
    if gathering.gathers(question.kind):
        chosen = await gathering.press(turn, asked, position, typed)
        if chosen is None:
            return
    if question.sets and (sender.question != position or sender.dialog == "done"):
        await _set_again(turn, question, typed, chosen)
    else:
        await _answer(turn, asked, position, typed, chosen)


async def _set_again(turn: Turn, question: Question, typed: str, chosen: str | None) -> None:
    """Let an older button change what was set of the person, and go on from where they are."""
    options = await asking.options_of(turn, question)
    value = chosen or forms.kind(question.kind).read(question, options, typed)
    # What has been agreed to is taken back by STOP alone, and a button is often pressed twice.
    if question.sets == "consent" or value is None or isinstance(value, Skipped):
        return
    known = any(option.value == value for option in options)
    if await asking.put(turn, question, value) is Flow.GO_ON and known:
        shown = forms.kind(question.kind).shown(question, options, value, turn.language)
        turn.say(NOTED, answer=shown[:ECHOED])


async def skip(turn: Turn) -> bool:
    """Skip the open question; False when there is none, or it can't be skipped."""
    sender = turn.sender
    if not sender.form or sender.dialog != "open" or _over(turn):
        return False
    asked = Asked(sender.round_id, forms.load(sender.form), sender.closes_at, sender.lead)
    question = asked.form.questions[sender.question]
    if not question.skippable:
        return False
    await _keep(turn, asked, sender.question, question, SKIPPED, ())
    return True


async def _on_its_way(turn: Turn) -> bool:
    """Open a question whose message has left but is not settled yet, and take its answer."""
    sender = turn.sender
    if not sender.member_id or not late.is_value(turn.text):
        return False
    for round_id, _, status, row in await outbox.unseen(turn.tx, sender.member_id):
        if status in ("sending", "unknown") and await _stands_at(turn, round_id, row):
            return await _take(turn)
    return False


async def _stands_at(turn: Turn, round_id: int, row: int) -> bool:
    """Open the question that an outbox row carries; False where its round is not open."""
    if not await rounds.hold(turn.tx, round_id):
        return False
    await dialogs.opened(turn.tx, [row], turn.now)
    return await _stands_now(turn, round_id)


async def _stands_now(turn: Turn, round_id: int) -> bool:
    """Read again where the sender stands, in one round or any; False where it is in none."""
    found = await addresses.sender(turn.tx, turn.sender.channel, turn.sender.value, round_id)
    if found is None or not found.form or not await rounds.hold(turn.tx, found.round_id):
        return False
    turn.sender = found
    await inbound.belongs(turn.tx, found.channel, turn.key, found.round_id)
    return True


async def _not_seen_yet(turn: Turn, asked: Asked) -> bool:
    """Take the answer to a question that has left; one still queued can't be meant."""
    sender = turn.sender
    waiting = {(row[0], row[1]): row[2] for row in await outbox.unseen(turn.tx, sender.member_id)}
    if waiting.get((sender.round_id, sender.question)) in ("queued", "held"):
        # A digit sent twice in haste: the question it seems to answer is still to come.
        return late.is_answer(turn, asked.form)
    await _answer(turn, asked, sender.question, turn.text)
    return True


async def _afterwards(turn: Turn, asked: Asked) -> bool:
    """Let a digit, or a day, change the answer just echoed, or mend one that rested."""
    sender = turn.sender
    since = sender.answered_at or sender.opened_at
    question = asked.form.questions[sender.question]
    if question.sets or turn.now - since > DAY or not late.is_answer(turn, asked.form):
        return False
    options, kind = await asking.options_of(turn, question), forms.kind(question.kind)
    is_value = read_digits(turn.text) is not None or forms.is_like(question, turn.text)
    if is_value and kind.read(question, options, turn.text) is not None:
        await _answer(turn, asked, sender.question, turn.text)
    elif sender.dialog == "done":
        # What somebody would rather have chosen is nobody's to read: no ticket.
        turn.reply(kind.retry(question, options, turn.language))
    return True


async def _answer(
    turn: Turn, asked: Asked, position: int, typed: str, chosen: str | None = None
) -> None:
    question = asked.form.questions[position]
    options = await asking.options_of(turn, question)
    value = chosen or forms.kind(question.kind).read(question, options, typed)
    if value is None:
        await _unread(turn, position, question, options)
    else:
        await _keep(turn, asked, position, question, value, options)


async def _unread(
    turn: Turn, position: int, question: Question, options: tuple[Option, ...]
) -> None:
    """Say how to answer, twice; then let the question rest and the coordinator see it."""
    sender = turn.sender
    tries = sender.tries + 1
    rests = tries >= MOST_TRIES
    await dialogs.put(
        turn.tx, sender.member_id, sender.round_id, address_id=sender.address_id,
        question=position, state="rested" if rests else "open", tries=tries,
        opened_at=sender.opened_at, answered_at=sender.answered_at, scratch=sender.scratch,
    )  # fmt: skip
    if not rests:
        kind = forms.kind(question.kind)
        if tries > 1 and kind.BY_NUMBER and (options or kind.values(question)):
            turn.say(SIMPLER)
        else:
            turn.reply(kind.retry(question, options, turn.language))
        return
    # The text is left out: it may say what the person would have answered.
    await tickets.add(
        turn.tx, member_id=sender.member_id, address_id=sender.address_id, kind="unread",
        text=sender.round_code, now=turn.now,
    )  # fmt: skip
    await _free(turn)


async def _keep(
    turn: Turn,
    asked: Asked,
    position: int,
    question: Question,
    value: str | Skipped,
    options: tuple[Option, ...],
) -> None:
    """Keep an answer and go on: the next question, or the echo."""
    if question.sets:
        await _set(turn, asked, position, question, value)
        return
    sender = turn.sender
    kept = await course.keep(turn, asked, position, value)
    if kept is None:
        turn.say(NOT_ASKED, code=sender.round_code)
        return
    through = sender.dialog == "done"
    goes_on = position >= sender.question and not through
    mending = "mending" in asking.scratch(turn)
    following = (
        kept.after(position, mending=mending)
        if goes_on
        else kept.opened(position, None if through else sender.question)
    )
    if following is not None:
        mends = mending or not goes_on
        await asking.ask_from(turn, asked, following, kept.given, course.MENDING if mends else "")
        return
    last = goes_on or kept.after(position) is None or not kept.applies(sender.question)
    await dialogs.put(
        turn.tx, sender.member_id, asked.round_id, address_id=sender.address_id,
        question=position if last else sender.question,
        state="done" if last else cast("State", sender.dialog),
        tries=0, opened_at=sender.opened_at or turn.now, answered_at=turn.now,
        scratch=course.MENDING if mending and not last else "",
    )  # fmt: skip
    _echo(turn, asked, position, value, options, by_digit=last and not sender.later)
    await _free(turn)


async def _set(
    turn: Turn,
    asked: Asked,
    position: int,
    question: Question,
    value: str | Skipped,
) -> None:
    """Let an answer set something of the person, and go on."""
    flow: Flow | Stay = Flow.GO_ON
    if not isinstance(value, Skipped):
        flow = await asking.put(turn, question, value)
    if isinstance(flow, Stay):
        turn.sender = turn.sender._replace(scratch=flow.scratch)
        await asking.ask_one(turn, asked, position, await asking.options_of(turn, question), flow)
        return
    if flow is Flow.END:
        return
    turn.sender = turn.sender._replace(scratch="")
    following = forms.next_question(asked.form, position, {})
    if following is not None and await asking.ask_from(turn, asked, following):
        return
    await dialogs.put(
        turn.tx, turn.sender.member_id, asked.round_id, address_id=turn.sender.address_id,
        question=position, state="done", tries=0, opened_at=turn.sender.opened_at or turn.now,
        answered_at=turn.now,
    )  # fmt: skip
    await asking.finish(turn, asked.form)
    await _free(turn)


def _echo(
    turn: Turn,
    asked: Asked,
    position: int,
    value: str | Skipped,
    options: tuple[Option, ...],
    *,
    by_digit: bool,
) -> None:
    """Say what was kept, as part of the round, so that its close blanks it.

    To a pressed button the question's own message says it, with its buttons still there.
    """
    language, sender = turn.language, turn.sender
    question = asked.form.questions[position]
    asks = forms.said(question.text, language)
    if isinstance(value, Skipped):
        text = ECHO_SKIP.say(language, not turn.one_question, question=asks, code=sender.round_code)
    else:
        kind = forms.kind(question.kind)
        answer = kind.shown(question, options, value, language)[:ECHOED]
        when = asking.by_when(turn.alliance, asked.closes_at, turn.now, language)
        message = ECHO_DIGIT if by_digit and kind.BY_NUMBER else ECHO
        text = message.say(
            language, not turn.one_question, question=asks, answer=answer, when=when,
            code=sender.round_code,
        )  # fmt: skip
    buttons = asking.checked(asked, position, options, value, language) if turn.message else ()
    turn.reply(text, buttons, asked.round_id, edits=turn.message)


async def _free(turn: Turn) -> None:
    """Let the question that waited for this person's phone leave."""
    if turn.sender.waits:
        await outbox.release_turn(turn.tx, turn.sender.member_id)
