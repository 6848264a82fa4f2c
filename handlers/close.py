"""Closing a round: one transaction that counts, and forgets who said what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import audience as expressions
from handlers.dialog import confirming, drafts, forms, named, results
from handlers.dialog.messages import CODE, NUMBER, msg
from handlers.dialog.perform import Telling, tell
from handlers.dialog.turn import command
from storage import answers, audit, batches, dialogs, inbound, outbox, rounds
from storage import forms as stored_forms
from storage.audience import All
from storage.database import GATE
from storage.errors import Conflict, NotFound

if TYPE_CHECKING:
    from handlers.dialog.results import Counts
    from handlers.dialog.turn import Alliance, Turn
    from storage.database import Tx
    from storage.rounds import Round


ASK_CLOSE = msg(
    "{code}: {answers} has answered. To close it for good, and send them the result, reply {key},"
    " else NO.",
    plural="{code}: {answers} have answered. To close it for good, and send them the result, reply"
    " {key}, else NO.",
    by="answers", code=CODE, answers=NUMBER, key="0000",
)  # fmt: skip
ASK_CLOSE_FEW = msg(
    "{code}: fewer than {least} have answered, so no result will be shown. To close it for good"
    " reply {key}, else NO.",
    code=CODE, least="10", key="0000",
)  # fmt: skip
CLOSES = msg("{code} takes no more answers. RESULT {code} shows its result shortly.", code=CODE)

# So much of a close is done in one unit, before it and after, so that replies pass between.
EASED = 2_000


async def ease(tx: Tx, round_: Round) -> bool:
    """Blank some of what the close of an anonymous round blanks, before it; False when all is.

    It changes no answer, and makes the close itself short: that is one unit, however many
    have answered.
    """
    form = forms.load((await stored_forms.by_id(tx, round_.form_id)).body)
    if form.privacy != "anonymous" or round_.state != "open":
        return False
    arrived = await inbound.blank_some(tx, round_.id, EASED)
    left = await outbox.blank_some(tx, round_.id, EASED)
    return EASED in (arrived, left)


async def sweep(tx: Tx, round_id: int) -> bool:
    """Forget where some stood in a round that has closed; False when all is forgotten."""
    return await dialogs.end_some(tx, round_id, EASED) == EASED


async def close(tx: Tx, alliance: Alliance, round_: Round, by: int | None, now: int) -> None:
    """Close a round for good and send each respondent the result once.

    Of very many `sweep` has to forget after it where they stood, which tells no choice.
    Raises Conflict when it is closed already, NotFound for a round that never closes.
    """
    if not round_.closes_at:  # sign-up and the like ask about the person, for ever
        raise NotFound(f"there is no poll {round_.code!r}")
    await tx.lock("round", round_.id)
    form = forms.load((await stored_forms.by_id(tx, round_.form_id)).body)
    found = await _count(tx, alliance, round_, form)
    if not await rounds.close(tx, round_.id, results.dump(found), now):
        raise Conflict(f"{round_.code} is closed already")
    await answers.keep_who(tx, round_.id)
    await outbox.release_round(tx, round_.id)
    await dialogs.end_some(tx, round_.id, EASED)
    if form.privacy == "anonymous":
        await answers.forget(tx, round_.id)
        await inbound.blank_round(tx, round_.id)
        await outbox.blank_round(tx, round_.id)
        await tx.scrub()
    await audit.add(tx, "close", "round", round_.id, now, by=by, count=found[0].answers)
    await tx.notify(GATE)
    if any(question.answers for question in found):
        await _send_result(tx, alliance, round_, form, found[0], now)


async def _count(
    tx: Tx, alliance: Alliance, round_: Round, form: forms.Form
) -> list[results.Result]:
    """Count each question once, by group: the totals are the groups' sums."""
    by_group = await answers.by_group(tx, round_.id, round_.breakdown)
    found = []
    for position, _ in enumerate(form.questions):
        groups: dict[str, Counts] = {
            group or "not said": by_question[position]
            for group, by_question in sorted(by_group.items())
            if position in by_question
        }
        totals = results.together(groups.values())
        found.append(results.result(form, position, totals, groups, alliance.smallest_group))
    return found


async def _send_result(
    tx: Tx, alliance: Alliance, round_: Round, form: forms.Form, found: results.Result, now: int
) -> None:
    asked = await batches.of_round(tx, round_.id)

    def said(language: str) -> str:
        return results.say(
            form, round_.code, found, language, closed=True, smallest=alliance.smallest_group
        )

    telling = Telling(
        kind="result",
        audience=expressions.parse(round_.audience) if round_.audience else All(),
        texts=await drafts.texts(tx, alliance, said),
        due_at=now,
        expires_at=now + alliance.manners.ttl_ms,
        round_id=round_.id,
        platform_id=asked.platform_id if asked else None,
        solicited=True,
    )
    await tell(tx, telling, None, now)


@command("CLOSE", "role")
async def closing(turn: Turn, rest: str) -> None:
    """Say what closing a poll would do, and let it wait to be confirmed."""
    round_ = await named.poll(turn, rest)
    if round_ is not None:
        form = forms.load((await stored_forms.by_id(turn.tx, round_.form_id)).body)
        answered, least = await answers.people(turn.tx, round_.id), turn.alliance.smallest_group
        key, buttons = await confirming.ask(turn, "close", round_.code)
        if form.privacy == "anonymous" and answered < least:
            turn.say(ASK_CLOSE_FEW, buttons, code=round_.code, least=least, key=key)
        else:
            turn.say(ASK_CLOSE, buttons, code=round_.code, answers=answered, key=key)


@confirming.act("close")
async def closed(turn: Turn, body: str) -> None:
    """Let the poll's time be over, unless it has closed or is not theirs to close any more.

    The clock closes it within seconds: little by little, for others wait behind this message.
    """
    round_ = await named.poll(turn, body)
    if round_ is None:
        return
    await rounds.extend(turn.tx, round_.id, turn.now)
    await audit.add(turn.tx, "close", "round", round_.id, turn.now, by=turn.sender.member_id)
    await turn.tx.notify(GATE)
    turn.say(CLOSES, code=round_.code)
