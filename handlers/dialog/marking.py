"""The message whose button was pressed, changed to show the answer that is kept now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from handlers.dialog import asking, forms
from handlers.dialog.kinds.several import BETWEEN, PRESSED
from handlers.dialog.turn import Reply

if TYPE_CHECKING:
    from handlers.dialog.asking import Asked
    from handlers.dialog.forms import Option, Question
    from handlers.dialog.turn import Turn

MARK = "\u2713"
Buttons = tuple[tuple[str, str], ...]


async def show(turn: Turn, asked: Asked, position: int, value: str, since: int) -> None:
    """Let the last of the replies `since` take the place of the question that was answered.

    Where that one asks what follows, or there is none, the answered question is shown once more,
    with its answer; it can be changed by the same buttons.
    """
    question, said = asked.form.questions[position], turn.replies[since:]
    if not said or turn.forgotten or not (question.sets or said[-1].round_id):
        return  # nothing was kept
    options = await asking.options_of(turn, question)
    buttons = forms.buttons(asked.form, position, options, turn.language, asked.round_id)
    marked = () if question.sets == "consent" else _marked(question, options, buttons, value)
    if not question.sets and said[-1].question is None:
        turn.replies[-1] = replace(said[-1], choices=marked, edits=turn.message)
        return
    text = asking.text_of(turn, asked, position, options)
    if value:
        shown = forms.kind(question.kind).shown(question, options, value, turn.language)
        text = f"{text}\n{MARK} {shown}"
    turn.replies.append(Reply(text, marked, asked.round_id, edits=turn.message))


def gathered(turn: Turn, asked: Asked, position: int, chosen: str) -> None:
    """Let what was said of several choices so far take the place of the question."""
    question, last = asked.form.questions[position], turn.replies[-1]
    marked = _marked(question, question.options, last.choices, chosen)
    turn.replies[-1] = replace(last, choices=marked, edits=turn.message)


def _marked(
    question: Question, options: tuple[Option, ...], buttons: Buttons, value: str
) -> Buttons:
    """Return the buttons, those that stand for the answer with a mark."""
    kind, kept = forms.kind(question.kind), value.split(BETWEEN)

    def label(text: str, data: str) -> str:
        typed = data.split(":", 3)[3].removeprefix(PRESSED)
        meant = forms.carried(question, typed) or kind.read(question, options, typed)
        return f"{MARK} {text}" if meant in kept else text

    return tuple((label(text, data), data) for text, data in buttons)
