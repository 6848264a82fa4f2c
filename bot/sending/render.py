"""The text of a row: its own, or its batch's in the person's language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.channels.base import Choice
from handlers.dialog import forms
from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.text import plain, segments
from storage import batches, rounds
from storage import forms as stored_forms
from storage.outbox import REPLY

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Tx

# Before the first message to somebody who was signed up by others.
INTRODUCTION = msg("{alliance} writes to you. STOP ends it.", alliance=ALLIANCE)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What leaves: the text, its buttons, and how many segments it takes."""

    text: str
    choices: tuple[Choice, ...]
    segments: int


class Renderer:
    """Renders rows; what a batch says is read once and kept until `forget`."""

    def __init__(self, alliance: Alliance) -> None:
        self._alliance = alliance
        self._texts: dict[int, dict[str, str]] = {}
        self._rendered: dict[tuple[int, str, bool], Rendered] = {}

    def forget(self) -> None:
        """Read again what batches say: one may have been extended."""
        self._texts.clear()
        self._rendered.clear()

    async def render(
        self,
        tx: Tx,
        *,
        batch_id: int | None,
        kind: int,
        text: str,
        choices: str,
        language: str,
        round_id: int | None,
        question: int | None,
        introduced: bool,
    ) -> Rendered:
        """Return what a row says."""
        if batch_id is None:
            buttons = tuple(Choice(*pair) for pair in json.loads(choices)) if choices else ()
            return Rendered(text, buttons, segments(text))
        greets = kind != REPLY and not introduced
        found = self._rendered.get((batch_id, language, greets))
        if found is None:
            found = await self._batch(tx, batch_id, language, round_id, question, greets=greets)
            self._rendered[batch_id, language, greets] = found
        return found

    async def _batch(
        self,
        tx: Tx,
        batch_id: int,
        language: str,
        round_id: int | None,
        question: int | None,
        *,
        greets: bool,
    ) -> Rendered:
        if batch_id not in self._texts:
            self._texts[batch_id] = await batches.texts(tx, batch_id)
        text = forms.said(self._texts[batch_id], language)
        if greets:
            said = INTRODUCTION.say(self._alliance.language(language), alliance=self._alliance.name)
            text = f"{said} {text}"
        text = plain(text)
        buttons: tuple[Choice, ...] = ()
        if round_id is not None and question is not None:
            round_ = await rounds.by_id(tx, round_id)
            form = forms.load((await stored_forms.by_id(tx, round_.form_id)).body)
            options = form.questions[question].options
            found = forms.buttons(form, question, options, language, round_id)
            buttons = tuple(Choice(*pair) for pair in found)
        return Rendered(text, buttons, segments(text))
