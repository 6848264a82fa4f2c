"""RESULT: the figures of a round, as far as they may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import authority, charts, forms, results
from handlers.dialog.messages import CODE, NUMBER, msg
from handlers.dialog.text import plain, segments
from handlers.dialog.turn import command
from storage import answers, rounds
from storage import forms as stored_forms
from storage.instant import SECOND

if TYPE_CHECKING:
    from handlers.dialog.results import Result
    from handlers.dialog.turn import Alliance, Turn
    from storage.database import Tx
    from storage.rounds import Round

NAMES = msg("{code} by name: {names}.", code=CODE, names="N" * 280)
NAMES_AND_MORE = msg(
    "{code} by name: {names}, and {more} more.", code=CODE, names="N" * 270, more=NUMBER
)
NO_SUCH = msg("There is no poll {code}. POLLS shows what is open.", code=CODE)
WHICH = msg("Send RESULT and the code of the poll, for example: RESULT P12")


# So many names a chat shows; by SMS as many as two parts hold.
MOST_NAMES = 100
LONGEST_NAME = 30
MOST_SEGMENTS = 2

# While very many are counted nothing else is written. So a count stands for some hundred times
# as long as it took: in ms for each answer, and only where that is a second or more.
STANDS = 0.08


async def result(
    tx: Tx, alliance: Alliance, round_: Round, now: int
) -> tuple[forms.Form, list[Result]]:
    """Return a round's form and what may be shown of each question: by group once closed.

    While an anonymous round is open its totals stand still until as many more have answered
    as a group must have to be shown: else asking twice would tell what one person chose.
    """
    form = forms.load((await stored_forms.by_id(tx, round_.form_id)).body)
    shown = results.load(round_.result) if round_.result else []
    if round_.state == "closed" or (shown and now < _stands_until(round_.result, shown)):
        return form, shown
    counts = await answers.counts(tx, round_.id)
    smallest = alliance.smallest_group
    found = [
        results.result(form, position, counts.get(position, {}), None, smallest)
        for position, _ in enumerate(form.questions)
    ]
    stands = _stands(found) > 0
    if form.privacy == "anonymous":
        if found[0].counts is None:
            return form, found
        if shown and found[0].answers < shown[0].answers + smallest:
            found = shown
    if stands or (form.privacy == "anonymous" and found is not shown):
        await rounds.show(tx, round_.id, results.dump(found, now if stands else 0))
    return form, found


def _stands(found: list[Result]) -> int:
    lasts = round(STANDS * found[0].answers)
    return lasts if lasts >= SECOND else 0


def _stands_until(text: str, shown: list[Result]) -> int:
    return results.counted_at(text) + _stands(shown)


@command("RESULT")
async def result_of(turn: Turn, rest: str) -> None:
    """Say the result of a poll, or how it stands."""
    if not rest.strip():
        turn.say(WHICH)
        return
    code = rest.split(maxsplit=1)[0].upper()[:12]
    round_ = await rounds.find(turn.tx, code)
    # A round that never closes asks about the person alone: it has no result.
    if round_ is None or not round_.closes_at:
        turn.say(NO_SUCH, code=code)
        return
    form, found = await result(turn.tx, turn.alliance, round_, turn.now)
    closed = round_.state == "closed"
    turn.reply(
        results.say(
            form, round_.code, found[0], turn.language, closed=closed,
            smallest=turn.alliance.smallest_group,
        ),
        picture=charts.of(form, found[0], turn.language) if turn.pictures else "",
    )  # fmt: skip
    if form.privacy == "named" and found[0].answers and await _sees_names(turn, round_):
        await _names(turn, round_, form, found[0].answers)


async def _sees_names(turn: Turn, round_: Round) -> bool:
    """Tell whether the sender has a role on the platform that asked."""
    reach = await authority.reach(turn.tx, turn.sender.member_id, "status")
    return reach is not None and await authority.covers(turn.tx, reach, round_.platform_id)


async def _names(turn: Turn, round_: Round, form: forms.Form, answered: int) -> None:
    """Say who answered what to the first question, as many as the phone has room for."""
    question = form.questions[0]
    kind, language = forms.kind(question.kind), turn.language
    who: dict[str, list[str]] = {}
    for alias, value in await answers.named(turn.tx, round_.id, 0, MOST_NAMES):
        who.setdefault(value, []).append(alias[:LONGEST_NAME])
    if not who:
        return  # nobody of them said a name
    said = {value: kind.shown(question, question.options, value, language) for value in sorted(who)}
    shown = sum(map(len, who.values()))
    text = _listed(turn, round_.code, who, said, answered)
    while turn.one_question and segments(plain(text)) > MOST_SEGMENTS and shown > 1:
        shown -= 1
        next(names for names in reversed(who.values()) if names).pop()
        text = _listed(turn, round_.code, who, said, answered)
    turn.reply(text, (), round_.id)


def _listed(
    turn: Turn, code: str, who: dict[str, list[str]], said: dict[str, str], answered: int
) -> str:
    between = "; " if turn.one_question else "\n"
    listed = between.join(f"{said[value]}: {', '.join(who[value])}" for value in said if who[value])
    more = answered - sum(map(len, who.values()))
    if more > 0:
        return NAMES_AND_MORE.say(turn.language, code=code, names=listed, more=more)
    return NAMES.say(turn.language, code=code, names=listed)
