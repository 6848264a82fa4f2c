"""Forms as data: what is asked, how an answer is read, and which question comes next. Pure."""

from __future__ import annotations

import importlib
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from handlers.dialog.messages import CODE, WHEN, msg
from storage.forms import Privacy

if TYPE_CHECKING:
    from collections.abc import Mapping

Texts = dict[str, str]

LONGEST_QUESTION = 80
LONGEST_OPTION = 18


class Model(BaseModel):
    """What all parts of a form share."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Option(Model):
    """One thing to choose; `value` is what is kept of it."""

    value: str
    text: Texts


class Question(Model):
    """One item of a form. `text` is by language; `{alliance}` and the like are filled in.

    `sets` names what the answer changes of the person, instead of being kept as an answer;
    `source` names where the options come from, for those that the form can't hold. A bare
    question is asked as it stands, without options and instructions added to it.
    """

    kind: str
    text: Texts
    options: tuple[Option, ...] = ()
    source: str = ""
    sets: str = ""
    skippable: bool = True
    bare: bool = False
    least: int | None = None
    most: int | None = None
    unit: str = ""


class Form(Model):
    """One version of what is asked together."""

    name: str
    privacy: Privacy
    questions: Annotated[tuple[Question, ...], Field(min_length=1, max_length=12)]


class Skipped:
    """What `Kind.read` returns for an answer that skips the question."""


SKIPPED = Skipped()


class Kind(Protocol):
    """A kind of question: one module of `handlers.dialog.kinds`.

    `BY_NUMBER` says that one number answers it.
    """

    BY_NUMBER: bool

    def read(
        self, question: Question, options: tuple[Option, ...], text: str
    ) -> str | Skipped | None:
        """Return the value an answer stands for, SKIPPED, or None where it can't be read."""

    def tail(self, question: Question, options: tuple[Option, ...], language: str) -> str:
        """Return what follows the question's text: its options and how to answer."""

    def shown(
        self, question: Question, options: tuple[Option, ...], value: str, language: str
    ) -> str:
        """Return a value as the person would recognise it."""

    def choices(
        self, question: Question, options: tuple[Option, ...], language: str
    ) -> list[tuple[str, str]]:
        """Return the buttons a phone may show: (label, what pressing it types)."""

    def retry(self, question: Question, options: tuple[Option, ...], language: str) -> str:
        """Return what to say to an answer that can't be read."""


@cache
def kind(name: str) -> Any:  # noqa: ANN401  a module that is a Kind
    """Return the kind of question with a name; there is one for each module of `kinds`."""
    return importlib.import_module(f"handlers.dialog.kinds.{name}")


@lru_cache(maxsize=256)
def load(body: str) -> Form:
    """Return the form that a stored body holds."""
    return Form.model_validate_json(body)


def said(texts: Mapping[str, str], language: str) -> str:
    """Return a text in a language, else in the first it was written in."""
    return texts.get(language) or next(iter(texts.values()))


def next_question(form: Form, position: int) -> int | None:
    """Return the position of the question after one (-1: the first), None at the end."""
    following = position + 1
    return following if following < len(form.questions) else None


BY_WHEN = msg("Send by {when}.", when=WHEN)
NO_NAMES = msg("No names shown.")
COUNTED = msg("Only totals are shown.")
NAMED = msg("With your name.")
CHANGE = msg("To change, send CHANGE {code}.", code=CODE)


def ask(
    form: Form,
    position: int,
    options: tuple[Option, ...],
    language: str,
    *,
    by_when: str = "",
    lead: str = "",
    values: Mapping[str, str] | None = None,
) -> str:
    """Return the text that asks one question of a form.

    `lead` is who asks, `by_when` until when; `values` fill the fields of the text.
    """
    question = form.questions[position]
    text = said(question.text, language)
    if values is not None:
        text = text.format(**values)
    if question.bare:
        return text
    parts = [f"{lead}: {text}" if lead else text]
    parts.append(kind(question.kind).tail(question, options, language))
    if by_when:
        parts.append(BY_WHEN.say(language, when=by_when))
    if not question.sets:
        tails = {"anonymous": NO_NAMES, "counted": COUNTED, "named": NAMED}
        parts.append(tails[form.privacy].say(language))
    return " ".join(part for part in parts if part)


def buttons(
    form: Form, position: int, options: tuple[Option, ...], language: str, round_id: int
) -> tuple[tuple[str, str], ...]:
    """Return the buttons of a question, which carry its round: (label, data).

    Where the options come from elsewhere a button carries its own, since the list may be
    another one by the time it is pressed.
    """
    question = form.questions[position]
    found = kind(question.kind).choices(question, options, language)
    return tuple(
        (label, f"a:{round_id}:{position}:{_carrying(question, options, typed)}")
        for label, typed in found
    )


_OWN = "v"  # before an option's own value; what a person types there is a number


def _carrying(question: Question, options: tuple[Option, ...], typed: str) -> str:
    return typed if not question.source or typed == "0" else _OWN + options[int(typed) - 1].value


def carried(question: Question, pressed: str) -> str | None:
    """Return the option's value that a pressed button carries itself, if it does."""
    own = question.source and pressed.startswith(_OWN)
    return pressed.removeprefix(_OWN) if own else None
