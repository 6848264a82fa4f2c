"""Results of a round: totals, and figures by group as far as nobody can be recognised. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handlers.dialog import forms
from handlers.dialog.messages import CODE, NUMBER, OPTION, QUESTION, msg

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from handlers.dialog.forms import Form

Counts = dict[str, int]

RESULT = msg(
    "Result {code}: {question} {counts}. {answers} answered. Thank you.",
    by="answers", code=CODE, question=QUESTION, counts=", ".join([f"{OPTION} {NUMBER}"] * 4),
    answers=NUMBER,
)  # fmt: skip
RESULT_SO_FAR = msg(
    "So far {code}: {question} {counts}. {answers} answered.",
    by="answers", code=CODE, question=QUESTION, counts=", ".join([f"{OPTION} {NUMBER}"] * 4),
    answers=NUMBER,
)  # fmt: skip
RESULT_HIDDEN = msg(
    "{code}: {question} Fewer than {least} answered, so that no figures are shown.",
    code=CODE, question=QUESTION, least="10",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """How many of one group gave each value; None where it must not be shown."""

    name: str
    counts: Counts | None


@dataclass(frozen=True, slots=True)
class Result:
    """What is shown of one question. `counts` is None while it must be hidden."""

    answers: int
    counts: Counts | None
    groups: tuple[Group, ...] = ()


def shows(counts: Counts, smallest: int) -> bool:
    """Tell whether a group may be shown: enough answered, and not all alike."""
    return sum(counts.values()) >= smallest and sum(1 for n in counts.values() if n) > 1


def suppress(groups: Mapping[str, Counts], smallest: int) -> tuple[Group, ...]:
    """Hide the groups that say too much, and others until their sum says no more either.

    Totals are shown beside, so what is hidden can be added up by subtraction: taken together
    it must be a group that could be shown itself, also for whoever takes the answers of one
    small group away because they are their own; and two in it chose each option that two chose
    at all, or it would be known of them, or of all but oneself, that they did not. Groups of whom
    nobody answered are left out.
    """
    answered = {name: counts for name, counts in groups.items() if any(counts.values())}
    hidden = {name for name, counts in answered.items() if not shows(counts, smallest)}
    for name in sorted(answered, key=lambda name: (sum(answered[name].values()), name)):
        if not hidden or _says_no_more(answered, hidden, smallest):
            break
        hidden.add(name)
    return tuple(
        Group(name, None if name in hidden else dict(answered[name])) for name in sorted(answered)
    )


def _says_no_more(groups: Mapping[str, Counts], hidden: set[str], smallest: int) -> bool:
    small = [name for name in hidden if sum(groups[name].values()) < smallest]
    left_over = [hidden, *(hidden - {name} for name in small)]
    chosen = together(groups[name] for name in hidden)
    totals = together(groups.values())
    return all(chosen.get(value, 0) >= min(2, count) for value, count in totals.items()) and all(
        shows(together(groups[name] for name in names), smallest) for names in left_over
    )


def together(groups: Iterable[Counts]) -> Counts:
    """Return how many gave each value in all groups together."""
    found: Counts = {}
    for group in groups:
        for value, count in group.items():
            found[value] = found.get(value, 0) + count
    return found


def result(
    form: Form,
    question: int,
    counts: Counts,
    groups: Mapping[str, Counts] | None,
    smallest: int,
) -> Result:
    """Return what may be shown of one question; by group only once the round is closed."""
    answers = sum(counts.values())
    if form.privacy == "anonymous" and answers < smallest:
        return Result(answers, None)
    if forms.in_words(form.questions[question]):
        return Result(answers, {})  # words are kept with who wrote them, never with a result
    known = {
        option.value: counts.get(option.value, 0) for option in form.questions[question].options
    }
    whole = known | {value: n for value, n in counts.items() if value not in known}
    return Result(answers, whole, suppress(groups, smallest) if groups else ())


def dump(results: Sequence[Result], counted_at: int = 0) -> str:
    """Return results as they are kept with a round; with when they were counted (ms), if given."""
    kept: list[dict[str, Any]] = [
        {
            "answers": r.answers,
            "counts": r.counts,
            "groups": {group.name: group.counts for group in r.groups},
        }
        for r in results
    ]
    if counted_at:
        kept[0]["counted_at"] = counted_at
    return json.dumps(kept, ensure_ascii=False)


def load(text: str) -> list[Result]:
    """Return the results kept with a round."""
    return [
        Result(
            entry["answers"],
            entry["counts"],
            tuple(Group(name, counts) for name, counts in entry["groups"].items()),
        )
        for entry in json.loads(text)
    ]


def counted_at(text: str) -> int:
    """Return when the results kept with a round were counted (ms), 0 where that isn't kept."""
    return int(json.loads(text)[0].get("counted_at", 0))


def say(form: Form, code: str, found: Result, language: str, *, closed: bool, smallest: int) -> str:
    """Return the result of a round's first question as a text message."""
    question = form.questions[0]
    asked = forms.said(question.text, language)
    if found.counts is None:
        return RESULT_HIDDEN.say(language, code=code, question=asked, least=smallest)
    texts = forms.labels(question, language)
    counts = forms.tallied(question, found.counts)
    listed = ", ".join(f"{texts.get(value, value)} {n}" for value, n in counts.items())
    message = RESULT if closed else RESULT_SO_FAR
    return message.say(language, code=code, question=asked, counts=listed, answers=found.answers)
