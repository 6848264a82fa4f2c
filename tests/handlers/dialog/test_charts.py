from __future__ import annotations

import pytest

from handlers.dialog import charts
from handlers.dialog.charts import MOST_BARS, Chart
from handlers.dialog.forms import Form, Option, Question
from handlers.dialog.results import Result


def form(kind="choice", **more):
    """Return a form with one question in two languages."""
    options = tuple(
        Option(value=str(n), text={"en": en, "es": es})
        for n, (en, es) in enumerate((("Taps", "Grifos"), ("Price", "Precio")), 1)
    )
    text = {"en": "Which first?", "es": "¿Cuál primero?"}
    asked = Question(kind=kind, text=text, options=more.pop("options", options), **more)
    return Form(name="f", privacy="named", questions=(asked,))


@pytest.mark.parametrize(
    ("language", "chart"),
    [
        ("en", Chart("Which first?", (("Taps", 3), ("Price", 0)))),
        ("es", Chart("¿Cuál primero?", (("Grifos", 3), ("Precio", 0)))),
        ("fr", Chart("Which first?", (("Taps", 3), ("Price", 0)))),
    ],
)
def test_a_chart_has_what_the_words_have(language, chart):
    """The question, and each option's count, in the person's language."""
    said = charts.of(form(), Result(3, {"1": 3, "2": 0}), language)
    assert charts.load(said) == chart
    assert charts.dump(chart) == said


def test_of_several_answers_each_is_counted():
    """An answer that chose two is in both bars, as in the words."""
    said = charts.of(form("several"), Result(3, {"1,2": 2, "1": 1}), "en")
    assert charts.load(said).bars == (("Taps", 3), ("Price", 2))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (form(), Result(4, None)),
        (form("text", options=()), Result(4, {})),
        (
            form("number", options=(), least=0, most=99),
            Result(99, {str(n): 1 for n in range(MOST_BARS + 1)}),
        ),
    ],
    ids=["hidden", "in words", "too many"],
)
def test_what_has_no_chart(asked, found):
    """What is hidden, what is in people's own words, and more figures than bars can show."""
    assert charts.of(asked, found, "en") == ""
