"""The text of a row: its own, or its batch's in the person's language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.channels.base import Choice, digest
from handlers.dialog import charts, drafts, forms, results
from handlers.dialog.perform import introduced
from handlers.dialog.text import basic, plain, segments
from storage import batches, rounds
from storage import forms as stored_forms
from storage.outbox import REPLY

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.batches import Batch
    from storage.claims import Claimed
    from storage.database import Tx


@dataclass(frozen=True, slots=True)
class Rendered:
    """What leaves: the text, its buttons, how many segments it takes, its digest, its picture.

    The picture is what `charts.of` says of it, "" for none.
    """

    text: str
    choices: tuple[Choice, ...]
    segments: int
    digest: str
    picture: str = ""

    @classmethod
    def of(cls, text: str, choices: tuple[Choice, ...], picture: str = "") -> Rendered:
        """Return a text with what follows from it."""
        return cls(text, choices, segments(text), digest(text), picture)


class Renderer:
    """Renders rows; what a batch says is read once and kept until `forget`.

    `basic` says that the channel counts SMS parts: what leaves then is `text.basic`. `pictures`
    says that it carries those.
    """

    def __init__(self, alliance: Alliance, *, basic: bool = True, pictures: bool = False) -> None:
        self._alliance = alliance
        self._basic = basic
        self._pictures = pictures
        self._batches: dict[int, Batch] = {}
        self._rendered: dict[tuple[int, str, bool], Rendered] = {}
        self._forgotten = 0

    def forget(self) -> None:
        """Read again what batches say: one may have been extended."""
        self._batches.clear()
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
        picture: str = "",
    ) -> Rendered:
        """Return what a row says."""
        if batch_id is None:
            buttons = tuple(Choice(*pair) for pair in json.loads(choices)) if choices else ()
            return self._leaving(text, buttons, picture)
        greets = kind != REPLY and not introduced
        found = self._rendered.get((batch_id, language, greets))
        if found is None:
            forgotten = self._forgotten
            batch = self._batches.get(batch_id) or await batches.by_id(tx, batch_id)
            found = await self._batch(tx, batch, language, round_id, question, greets=greets)
            # What was read before a change, and is kept after it, would be kept for ever.
            if forgotten == self._forgotten:
                self._batches[batch_id] = batch
                self._rendered[batch_id, language, greets] = found
        return found

    async def _batch(
        self,
        tx: Tx,
        batch: Batch,
        language: str,
        round_id: int | None,
        question: int | None,
        *,
        greets: bool,
    ) -> Rendered:
        text = forms.said(batch.texts, language)
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
        return self._leaving(text, buttons, await self._chart(tx, batch, spoken))

    async def _chart(self, tx: Tx, batch: Batch, language: str) -> str:
        """Return the picture of the result that a batch tells, "" where it tells none."""
        if not self._pictures or batch.kind != "result" or batch.round_id is None:
            return ""
        round_ = await rounds.by_id(tx, batch.round_id)
        form = forms.load((await stored_forms.by_id(tx, round_.form_id)).body)
        return charts.of(form, results.load(round_.result)[0], language)

    def _leaving(self, text: str, buttons: tuple[Choice, ...], picture: str) -> Rendered:
        shown = picture if self._pictures else ""
        return Rendered.of(basic(text) if self._basic else text, buttons, shown)
