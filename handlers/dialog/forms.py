"""Forms as data: what is asked, how an answer is read, and which question comes next. Pure."""

from __future__ import annotations

import importlib
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator

from handlers.dialog.catalogues import between, name_in
from handlers.dialog.messages import CODE, WHEN, msg
from storage.forms import Privacy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

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


class When(Model):
    """What somebody must have answered to be asked a question.

    `question` is the position of an earlier question, from 0. Its answer is one of `among`, as
    they are kept; of several chosen one is enough. A number may have bounds instead.
    """

    question: Annotated[int, Field(ge=0)]
    among: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None

    @property
    def bounds(self) -> bool:
        """Whether it is about how much a number is."""
        return self.least is not None or self.most is not None


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
    when: When | None = None
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

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        """Refuse a condition that no answer could ever meet."""
        for position, question in enumerate(self.questions):
            wrong = question.when and self._wrong(question.when, position)
            if wrong:
                raise ValueError(f"questions[{position}].when: {wrong}")
        return self

    def _wrong(self, when: When, position: int) -> str:
        """Return what is wrong with the condition of the question at a position, "" for nothing."""
        if when.question >= position:
            return f"questions[{when.question}] is not an earlier question"
        earlier = self.questions[when.question]
        values = () if earlier.sets else kind(earlier.kind).values(earlier)
        if values == ():
            return f"no condition can be made of the answer to questions[{when.question}]"
        if bool(when.among) == when.bounds:
            return "it takes either values, in among, or bounds, in least and most"
        if values is None:
            return "" if when.bounds else "of a number it takes least or most"
        if when.bounds:
            return "only a number has least and most"
        missing = [value for value in when.among if value not in values]
        return f"{missing[0]!r} is none of {', '.join(values)}" if missing else ""

    @property
    def branches(self) -> bool:
        """Whether what is asked depends on what was answered."""
        return any(question.when is not None for question in self.questions)


class Skipped:
    """What `Kind.read` returns for an answer that skips the question."""


SKIPPED = Skipped()


class Kind(Protocol):
    """A kind of question: one module of `handlers.dialog.kinds`.

    `BY_NUMBER` says that one number answers it, `BETWEEN` what stands between the values of one
    answer as it is kept, "" where it has one value. What a kind may have besides: `like(text)`,
    whether a text that is no number looks like an answer to it, and to nothing else; and
    `gather(options, value, pressed)`, the answer so far where each button is only a part of it,
    with `DONE`, what the button that ends it types. For forms that people write: `OFFERS`, how
    many options it may have where it has any; and `wrong(question)`, what is wrong with its
    bounds and its unit where it has such.
    """

    BY_NUMBER: bool
    BETWEEN: str

    def values(self, question: Question) -> tuple[str, ...] | None:
        """Return the values that may be kept, where they are few; None where any number may."""

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


def applies(form: Form, position: int, given: Mapping[int, str]) -> bool:
    """Tell whether a question is one for somebody who gave these answers, by position."""
    when = form.questions[position].when
    if when is None:
        return True
    value = given.get(when.question)
    if value is None:
        return False
    if when.bounds:
        low, high = when.least, when.most
        return (low is None or int(value) >= low) and (high is None or int(value) <= high)
    between = kind(form.questions[when.question].kind).BETWEEN
    return any(one in when.among for one in (value.split(between) if between else [value]))


def applying(form: Form, given: Mapping[int, str]) -> dict[int, str]:
    """Return those of the answers whose questions apply, each in the light of those before it."""
    found: dict[int, str] = {}
    for position in sorted(given):
        if applies(form, position, found):
            found[position] = given[position]
    return found


def next_question(form: Form, position: int, given: Mapping[int, str]) -> int | None:
    """Return the position of the question after one (-1: the first), None at the end.

    What doesn't apply to somebody who gave these answers is passed over.
    """
    following = range(position + 1, len(form.questions))
    return next((at for at in following if applies(form, at, given)), None)


def is_like(question: Question, text: str) -> bool:
    """Tell whether a text that is no number looks like an answer to a question, and only that."""
    look = getattr(kind(question.kind), "like", None)
    return bool(look and look(text))


def labels(question: Question, language: str) -> dict[str, str]:
    """Return what each value that may be chosen is called, without its number."""
    if question.options:
        return {option.value: said(option.text, language) for option in question.options}
    found = kind(question.kind)
    shown = {v: found.shown(question, (), v, language) for v in found.values(question) or ()}
    return {value: text.partition(" ")[2] or text for value, text in shown.items()}


def in_words(question: Question) -> bool:
    """Tell whether answers are people's own, so that there is nothing to count."""
    return bool(kind(question.kind).values(question) == ())


def tallied(question: Question, counts: Mapping[str, int]) -> dict[str, int]:
    """Return how many chose each value, where an answer may hold several."""
    between = kind(question.kind).BETWEEN
    found: dict[str, int] = {}
    for answer, count in counts.items():
        for value in answer.split(between) if between else [answer]:
            found[value] = found.get(value, 0) + count
    return found


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
        text = text.format(**{name: name_in(language, value) for name, value in values.items()})
    if question.bare:
        return text
    text = f"{name_in(language, lead)}: {text}" if lead else text
    tail = kind(question.kind).tail(question, options, language)
    parts = [f"{text}{between(language)}{tail}"]
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
