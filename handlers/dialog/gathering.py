"""Choosing several by buttons: each press puts one on or off, until a last one ends it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from handlers.dialog import asking, forms
from handlers.dialog.catalogues import between
from handlers.dialog.messages import msg
from storage import answers, dialogs

if TYPE_CHECKING:
    from handlers.dialog.asking import Asked
    from handlers.dialog.turn import Turn
    from storage.dialogs import State

CHOSEN = msg("Chosen: {answer}. Press more, or Done.", answer="1 " + "O" * 38)
NONE_CHOSEN = msg("Nothing is chosen yet. Press what applies, then Done.")


def gathers(kind: str) -> bool:
    """Tell whether a button of such a question is only a part of the answer."""
    return hasattr(forms.kind(kind), "gather")


async def press(turn: Turn, asked: Asked, position: int, typed: str) -> str | None:
    """Put what was pressed to what is chosen, and say that; return the answer once it is whole.

    "" for a button that answers by itself, as skipping does.
    """
    question = asked.form.questions[position]
    kind, options = forms.kind(question.kind), question.options
    before = await _chosen(turn, asked, position)
    chosen = before if typed == kind.DONE else kind.gather(options, before, typed)
    if chosen is None:
        return ""
    if typed == kind.DONE and chosen:
        return chosen
    await _remember(turn, asked, position, chosen)
    shown = kind.shown(question, options, chosen, turn.language) if chosen else ""
    said = CHOSEN.say(turn.language, answer=shown) if shown else NONE_CHOSEN.say(turn.language)
    if turn.message:  # which shows what is chosen in place of the question, so it says that too
        said = f"{forms.said(question.text, turn.language)}{between(turn.language)}{said}"
        buttons = asking.checked(asked, position, options, chosen, turn.language)
    else:
        buttons = forms.buttons(asked.form, position, options, turn.language, asked.round_id)
    turn.reply(said, buttons, asked.round_id, edits=turn.message)
    return None


async def _chosen(turn: Turn, asked: Asked, position: int) -> str:
    """Return what has been pressed so far of a question, else what was answered before."""
    found = asking.scratch(turn).get("chosen", {})
    if str(position) in found:
        return str(found[str(position)])
    kept = await answers.of(turn.tx, asked.round_id, turn.sender.member_id)
    return kept.get(position, "")


async def _remember(turn: Turn, asked: Asked, position: int, chosen: str) -> None:
    """Keep what is chosen so far where the sender stands, which stays as it is."""
    sender = turn.sender
    scratch = json.dumps(asking.scratch(turn) | {"chosen": {position: chosen}})
    await dialogs.put(
        turn.tx, sender.member_id, asked.round_id, address_id=sender.address_id,
        question=sender.question, state=cast("State", sender.dialog), tries=sender.tries,
        opened_at=sender.opened_at, answered_at=sender.answered_at, scratch=scratch,
    )  # fmt: skip
