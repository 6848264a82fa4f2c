"""A result as a picture: what is drawn, as it is kept with a message. Pure: it draws nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.dialog import forms

if TYPE_CHECKING:
    from handlers.dialog.forms import Form
    from handlers.dialog.results import Result

# More bars than these can't be told apart on a phone: what is counted in figures is left in words.
MOST_BARS = 12


@dataclass(frozen=True, slots=True)
class Chart:
    """A question, and how many chose each of its options, in one language."""

    title: str
    bars: tuple[tuple[str, int], ...]


def of(form: Form, found: Result, language: str) -> str:
    """Return what the picture of a round's first question says, "" where there is none.

    It has the figures that the words beside it have: those that are hidden are in neither.
    """
    question = form.questions[0]
    counts = forms.tallied(question, found.counts or {})
    if not counts or len(counts) > MOST_BARS:
        return ""
    labels = forms.labels(question, language)
    bars = tuple((labels.get(value, value), count) for value, count in counts.items())
    return dump(Chart(forms.said(question.text, language), bars))


def dump(chart: Chart) -> str:
    """Return a chart as it is kept: the same one always as the same text."""
    return json.dumps({"title": chart.title, "bars": chart.bars}, ensure_ascii=False)


def load(text: str) -> Chart:
    """Return the chart that was kept as a text."""
    kept = json.loads(text)
    return Chart(kept["title"], tuple((label, count) for label, count in kept["bars"]))
