"""Forms as people write them in a file: read, and held to what two segments and a keypad bear."""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from handlers.dialog import forms, kinds
from handlers.dialog.forms import LONGEST_OPTION, LONGEST_QUESTION, Form
from handlers.dialog.messages import MOST_SEGMENTS, PLATFORM, WHEN
from handlers.dialog.stop import stop_word
from handlers.dialog.text import basic, clean, fold, plain, read_digits, segments
from handlers.dialog.turn import words
from storage.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.dialog.forms import Question
    from handlers.dialog.turn import Alliance

MOST_QUESTIONS = 5
LONGEST_NAME = 40
# What sets something of a person, or comes from elsewhere, is not for a file.
OURS = ("source", "sets", "bare")


def read(data: object, alliance: Alliance) -> Form:
    """Return the form that a file's content is. Raises BadInput, which names the place.

    A text may be in the alliance's first language alone, or by language. Options without a
    value get their numbers. Positions are counted from 0.
    """
    if not isinstance(data, dict):
        raise BadInput("a form has a name, a privacy and questions")
    language = alliance.languages[0]
    questions = data.get("questions")
    if isinstance(questions, list):
        for position, one in enumerate(questions):
            _known_kind(one, position)
        data = data | {"questions": [_question(one, language) for one in questions]}
    try:
        form = Form.model_validate(data)
    except ValidationError as error:
        raise BadInput(_first(error)) from None
    _check(form, alliance)
    return form


def _known_kind(data: object, position: int) -> None:
    """Raise BadInput for what is no question of a kind there is."""
    names = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind not in names:
        raise BadInput(
            f"questions[{position}]: there is no kind {str(kind)[:24]!r}; there are"
            f" {', '.join(names)}"
        )


def _question(data: dict[str, Any], language: str) -> dict[str, Any]:
    """Return a question with its texts by language, and a value for each option."""
    found = data | {"text": _texts(data.get("text"), language)}
    options = data.get("options")
    if isinstance(options, list):
        first = 0 if data.get("kind") == "ladder" else 1  # as its rungs are kept
        found["options"] = [_option(at, one, language) for at, one in enumerate(options, first)]
    return found


def _option(number: int, data: object, language: str) -> object:
    if isinstance(data, dict) and "text" in data:
        return {"value": str(number)} | data | {"text": _texts(data["text"], language)}
    return {"value": str(number), "text": _texts(data, language)}


def _texts(data: object, language: str) -> object:
    """Return a text by language, in one line and without signs that only cost."""
    if isinstance(data, str):
        data = {language: data}
    if not isinstance(data, dict):
        return data
    return {
        code: plain(" ".join(clean(text).split())) if isinstance(text, str) else text
        for code, text in data.items()
    }


def _first(error: ValidationError) -> str:
    """Return the first thing that is wrong, and where."""
    found = error.errors(include_url=False, include_input=False)[0]
    where = "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in found["loc"])
    what = found["msg"].removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        what = "there is no such thing in a form"
    return f"{where.removeprefix('.')}: {what}" if where else what


def _check(form: Form, alliance: Alliance) -> None:
    """Raise BadInput for what a phone, or a person on it, couldn't bear."""
    if not 0 < len(form.name.strip()) <= LONGEST_NAME:
        raise BadInput(f"name: it has 1 to {LONGEST_NAME} characters")
    if len(form.questions) > MOST_QUESTIONS:
        raise BadInput(f"questions: there are {MOST_QUESTIONS} at most")
    for position, question in enumerate(form.questions):
        wrong = _wrong(question, alliance) or _too_long(form, position)
        if wrong:
            raise BadInput(f"questions[{position}]: {wrong}")
    if not forms.kind(form.questions[0].kind).values(form.questions[0]):
        raise BadInput(
            "questions[0]: people get the result of the first question, so it is one that offers"
            " answers"
        )


def _wrong(question: Question, alliance: Alliance) -> str:
    """Return what is wrong with a question, "" for nothing."""
    ours = [name for name in OURS if getattr(question, name)]
    if ours:
        return f"a form in a file has no {ours[0]}"
    return (
        _wrong_texts(question.text, LONGEST_QUESTION, alliance)
        or _wrong_options(question, alliance)
        or _wrong_bounds(question)
    )


def _wrong_texts(texts: Mapping[str, str], longest: int, alliance: Alliance) -> str:
    if not texts:
        return "it has no text"
    for language, text in texts.items():
        if language not in alliance.languages:
            return f"the alliance does not speak {language!r}"
        if not 0 < len(text) <= longest:
            return f"a text has 1 to {longest} characters, this {len(text)}: {text[:24]!r}"
    return ""


def _wrong_options(question: Question, alliance: Alliance) -> str:
    allowed = getattr(forms.kind(question.kind), "OFFERS", (0,))
    if len(question.options) not in allowed:
        counts = " or ".join(map(str, allowed))
        return f"{question.kind} has {counts} options, this {len(question.options)}"
    for option in question.options:
        wrong = _wrong_texts(option.text, LONGEST_OPTION, alliance)
        wrong = wrong or next(filter(None, (_taken(t, alliance) for t in option.text.values())), "")
        if wrong:
            return wrong
        if "," in option.value or not option.value:
            return f"a value has no comma: {option.value[:24]!r}"
    said = [[fold(forms.said(option.text, code)) for option in question.options]
            for code in alliance.languages]  # fmt: skip
    said.append([option.value for option in question.options])
    return "two options are the same" if any(len({*one}) < len(one) for one in said) else ""


def _taken(text: str, alliance: Alliance) -> str:
    """Return why a text can't be an option: it means something else when it is sent."""
    if read_digits(text) is not None:
        return f"{text!r} is a number, and options are answered by theirs"
    if fold(text) in words(alliance.languages) or stop_word(text, alliance.languages):
        return f"{text!r} is a word people send for something else"
    return ""


def _wrong_bounds(question: Question) -> str:
    wrong = getattr(forms.kind(question.kind), "wrong", None)
    if wrong:
        return str(wrong(question))
    has = question.least is not None or question.most is not None or question.unit
    return f"{question.kind} has no least, most and unit" if has else ""


def _too_long(form: Form, position: int) -> str:
    """Return what is wrong with how long the whole message is, in each language it was written in.

    In others it may be longer, as a poll's may, for its words are not theirs.
    """
    question = form.questions[position]
    for language in question.text:
        asked = forms.ask(form, position, question.options, language, by_when=WHEN, lead=PLATFORM)
        parts = segments(basic(asked))
        if parts > MOST_SEGMENTS:
            return f"asked in {language} it takes {parts} SMS, {MOST_SEGMENTS} at most: shorten it"
    return ""
