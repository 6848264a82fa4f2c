"""The text of a row: its own, or its batch's in the person's language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.channels.base import Choice, digest
from handlers.dialog import drafts, forms
from handlers.dialog.perform import introduced
from handlers.dialog.text import basic, plain, segments
from storage import batches, rounds
from storage import forms as stored_forms
from storage.outbox import REPLY

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.claims import Claimed
    from storage.database import Tx


@dataclass(frozen=True, slots=True)
class Rendered:
    """What leaves: the text, its buttons, how many segments it takes, and its digest."""

    text: str
    choices: tuple[Choice, ...]
    segments: int
    digest: str

    @classmethod
    def of(cls, text: str, choices: tuple[Choice, ...]) -> Rendered:
        """Return a text with what follows from it."""
        return cls(text, choices, segments(text), digest(text))


class Renderer:
    """Renders rows; what a batch says is read once and kept until `forget`.

    `basic` says that the channel counts SMS parts: what leaves then is `text.basic`.
    """

    def __init__(self, alliance: Alliance, *, basic: bool = True) -> None:
        self._alliance = alliance
        self._basic = basic
        self._texts: dict[int, dict[str, str]] = {}
        self._rendered: dict[tuple[int, str, bool], Rendered] = {}
        self._forgotten = 0

    def forget(self) -> None:
        """Read again what batches say: one may have been extended."""
        self._texts.clear()
        self._rendered.clear()
        self._forgotten += 1

    def kept(self, row: Claimed) -> Rendered | None:
        """Return what a row of a batch says, where that is known already."""
        if row.batch_id is None:
            return None
        greets = row.kind != REPLY and not row.introduced
        return self._rendered.get((row.batch_id, row.language, greets))

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
            return self._leaving(text, buttons)
        greets = kind != REPLY and not introduced
        found = self._rendered.get((batch_id, language, greets))
        if found is None:
            forgotten = self._forgotten
            texts = self._texts.get(batch_id) or await batches.texts(tx, batch_id)
            found = await self._batch(tx, texts, language, round_id, question, greets=greets)
            # What was read before a change, and is kept after it, would be kept for ever.
            if forgotten == self._forgotten:
                self._texts[batch_id] = texts
                self._rendered[batch_id, language, greets] = found
        return found

    async def _batch(
        self,
        tx: Tx,
        texts: dict[str, str],
        language: str,
        round_id: int | None,
        question: int | None,
        *,
        greets: bool,
    ) -> Rendered:
        text = forms.said(texts, language)
        spoken = (await drafts.spoken(tx, self._alliance))[self._alliance.language(language)]
        if greets:
            text = introduced(self._alliance, spoken, text)
        text = plain(text)
        buttons: tuple[Choice, ...] = ()
        if round_id is not None and question is not None:
            round_ = await rounds.by_id(tx, round_id)
            form = forms.load((await stored_forms.by_id(tx, round_.form_id)).body)
            options = form.questions[question].options
            found = forms.buttons(form, question, options, spoken, round_id)
            buttons = tuple(Choice(*pair) for pair in found)
        return self._leaving(text, buttons)

    def _leaving(self, text: str, buttons: tuple[Choice, ...]) -> Rendered:
        return Rendered.of(basic(text) if self._basic else text, buttons)
