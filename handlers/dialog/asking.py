"""Asking one person: opening a question of a round on the phone they write from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from handlers.dialog import forms
from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.when import say_when
from storage import dialogs
from storage import forms as stored_forms
from storage import rounds as stored_rounds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from handlers.dialog.forms import Form, Option, Question, Skipped
    from handlers.dialog.turn import Alliance, Turn
    from storage.database import Tx
    from storage.rounds import Round


class Flow(Enum):
    """What follows an answer that set something of the person."""

    GO_ON = "the next question"
    END = "nothing: the form ends here"


@dataclass(frozen=True, slots=True)
class Stay:
    """The same question again, with another text if any; `scratch` is kept until its answer."""

    text: str = ""
    scratch: str = ""


STOPPED = msg("You asked {alliance} to stop. To hear from us again send START.", alliance=ALLIANCE)

NOTHING_GIVEN: Mapping[int, str] = MappingProxyType({})

# Before the label of a button that was chosen.
CHECK = "\N{CHECK MARK} "

_KNOWN: dict[str, Callable[[Turn], Awaitable[bool]]] = {}
_SOURCES: dict[str, Callable[[Turn], Awaitable[tuple[Option, ...]]]] = {}
_SETTERS: dict[str, Callable[[Turn, str], Awaitable[Flow | Stay]]] = {}
_FINISHERS: dict[str, Callable[[Turn], Awaitable[None]]] = {}


def source(name: str) -> Callable[..., Callable[[Turn], Awaitable[tuple[Option, ...]]]]:
    """Let a question's options come from a function; none or one and it isn't asked."""

    def keep(
        run: Callable[[Turn], Awaitable[tuple[Option, ...]]],
    ) -> Callable[[Turn], Awaitable[tuple[Option, ...]]]:
        _SOURCES[name] = run
        return run

    return keep


def setter(name: str) -> Callable[..., Callable[[Turn, str], Awaitable[Flow | Stay]]]:
    """Let a function take what an answer sets of the person."""

    def keep(
        run: Callable[[Turn, str], Awaitable[Flow | Stay]],
    ) -> Callable[[Turn, str], Awaitable[Flow | Stay]]:
        _SETTERS[name] = run
        return run

    return keep


def known(name: str) -> Callable[..., Callable[[Turn], Awaitable[bool]]]:
    """Let a function tell whether what a question sets is known, so that it isn't asked."""

    def keep(run: Callable[[Turn], Awaitable[bool]]) -> Callable[[Turn], Awaitable[bool]]:
        _KNOWN[name] = run
        return run

    return keep


def finisher(form: str) -> Callable[..., Callable[[Turn], Awaitable[None]]]:
    """Let a function say the last word once a form is through."""

    def keep(run: Callable[[Turn], Awaitable[None]]) -> Callable[[Turn], Awaitable[None]]:
        _FINISHERS[form] = run
        return run

    return keep


async def options_of(turn: Turn, question: Question) -> tuple[Option, ...]:
    """Return the options of a question, as they are for this person."""
    return await _SOURCES[question.source](turn) if question.source else question.options


async def put(turn: Turn, question: Question, value: str) -> Flow | Stay:
    """Let an answer set what its question sets of the person."""
    return await _SETTERS[question.sets](turn, value)


async def finish(turn: Turn, form: Form) -> None:
    """Say the last word of a form that sets things of the person."""
    await _FINISHERS[form.name](turn)


async def standing_round(tx: Tx, code: str, form: Form, now: int) -> Round:
    """Return the round that never closes under a code, asking this version of its form."""
    body = form.model_dump_json()
    found = await _standing(tx, code, form.name, body)
    if found is None and await tx.lock("standing", code):
        found = await _standing(tx, code, form.name, body)  # two may be the first at once
    if found is not None:
        return found
    latest = await stored_forms.latest(tx, form.name)
    if latest is None or latest.body != body:
        latest = await stored_forms.add(tx, form.name, form.privacy, body, now)
    older = await stored_rounds.find(tx, code)
    if older is not None:
        await stored_rounds.put_form(tx, older.id, latest.id)
        return older
    return await stored_rounds.add(
        tx, code=code, form_id=latest.id, platform_id=None, audience="", closes_at=0,
        by=None, now=now,
    )  # fmt: skip


async def _standing(tx: Tx, code: str, name: str, body: str) -> Round | None:
    """Return a standing round, if there is one and it asks this version of its form."""
    latest = await stored_forms.latest(tx, name)
    found = await stored_rounds.find(tx, code)
    if latest is None or found is None:
        return None
    return found if latest.body == body and found.form_id == latest.id else None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, where: a round's form, when it closes, and who leads it."""

    round_id: int
    form: Form
    closes_at: int
    lead: str


def values(alliance: Alliance) -> dict[str, str]:
    """Return what fills the fields of a question about the person."""
    return {
        "alliance": alliance.name,
        "age": str(alliance.adult_age),
        "per_week": str(alliance.manners.per_week),
    }


def by_when(alliance: Alliance, closes_at: int, now: int, language: str) -> str:
    """Return until when a round takes answers, in words; "" where it never closes."""
    return say_when(closes_at, now, alliance.zone, language) if closes_at else ""


async def ask_from(
    turn: Turn,
    asked: Asked,
    position: int,
    given: Mapping[int, str] = NOTHING_GIVEN,
    kept: str = "",
) -> bool:
    """Ask the first question at or after a position that is one for this person.

    What is known is passed over, and the only option there is is taken as chosen. `given` are
    their answers so far, `kept` stays in the scratch until the next. Returns False when the form
    is through.
    """
    following: int | None = position
    while following is not None:
        question = asked.form.questions[following]
        if not await _is_known(turn, question):
            options = await options_of(turn, question)
            if not question.source or len(options) > 1:
                await ask_one(turn, asked, following, options, Stay(scratch=kept))
                return True
            if options:
                await put(turn, question, options[0].value)
        following = forms.next_question(asked.form, following, given)
    return False


async def _is_known(turn: Turn, question: Question) -> bool:
    told = _KNOWN.get(question.sets)
    return told is not None and await told(turn)


def scratch(turn: Turn) -> dict[str, Any]:
    """Return what is kept of the question at which the sender stands, until its answer."""
    return dict(json.loads(turn.sender.scratch or "{}"))


def declined(turn: Turn) -> bool:
    """Tell whether this person asked us to stop, and say how to hear from us again."""
    if turn.stopped:
        turn.say(STOPPED, (("START", "w:START"),), alliance=turn.alliance.name)
    return turn.stopped


async def ask_one(
    turn: Turn, asked: Asked, position: int, options: tuple[Option, ...], stay: Stay | None = None
) -> None:
    """Ask one question: its message opens it once it has been sent."""
    form = asked.form
    question = form.questions[position]
    text = stay.text if stay and stay.text else forms.ask(
        form, position, options, turn.language,
        by_when=by_when(turn.alliance, asked.closes_at, turn.now, turn.language), lead=asked.lead,
        values=values(turn.alliance) if question.sets else None,
    )  # fmt: skip
    buttons = forms.buttons(form, position, options, turn.language, asked.round_id)
    await dialogs.put(
        turn.tx, turn.sender.member_id, asked.round_id, address_id=turn.sender.address_id,
        question=position, state="asked", tries=0, opened_at=turn.now,
        scratch=stay.scratch if stay else "",
    )  # fmt: skip
    turn.reply(text, buttons, asked.round_id, position)


def checked(
    asked: Asked, position: int, options: tuple[Option, ...], value: str | Skipped, language: str
) -> tuple[tuple[str, str], ...]:
    """Return a question's buttons, with a check mark on those that stand for its answer."""
    question = asked.form.questions[position]
    kind = forms.kind(question.kind)
    gather = getattr(kind, "gather", None)
    several = kind.BETWEEN and isinstance(value, str)
    answers = value.split(kind.BETWEEN) if several else [value]  # type: ignore[union-attr]

    def label_of(label: str, data: str) -> str:
        typed = data.split(":", 3)[3]
        one = (gather and gather(options, "", typed)) or kind.read(question, options, typed)
        return f"{CHECK}{label}" if one in answers else label

    found = forms.buttons(asked.form, position, options, language, asked.round_id)
    return tuple((label_of(label, data), data) for label, data in found)


async def ask_round(turn: Turn, round_: Round, lead: str, position: int = 0) -> bool:
    """Ask a person a round's question again, or for the first time; see `ask_from`."""
    stored = await stored_forms.by_id(turn.tx, round_.form_id)
    asked = Asked(round_.id, forms.load(stored.body), round_.closes_at, lead)
    return await ask_from(turn, asked, position)
