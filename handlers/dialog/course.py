"""A member's way through a form: what an answer is kept beside, and which question it brings."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handlers.dialog import forms
from handlers.dialog.forms import Skipped
from storage import answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.dialog.asking import Asked
    from handlers.dialog.forms import Form
    from handlers.dialog.turn import Turn

# In a dialog's scratch: an earlier answer was changed, so what is answered is passed over.
MENDING = json.dumps({"mending": True})


@dataclass(frozen=True, slots=True)
class Course:
    """What somebody answered of a form, by position; `before` is that before the last change.

    Of a form without conditions nothing is known, nor needed: all of it applies to everybody.
    """

    form: Form
    given: Mapping[int, str] = field(default_factory=dict)
    before: Mapping[int, str] = field(default_factory=dict)

    def after(self, position: int, *, mending: bool = False) -> int | None:
        """Return the question to ask after one; when mending the first that has no answer."""
        following = forms.next_question(self.form, position, self.given)
        while mending and following is not None and following in self.given:
            following = forms.next_question(self.form, following, self.given)
        return following

    def applies(self, position: int) -> bool:
        """Tell whether a question is one for this person."""
        return forms.applies(self.form, position, self.given)

    def opened(self, position: int, stands_at: int | None) -> int | None:
        """Return the question to go to, since an earlier answer was changed; None to stay.

        `stands_at` is the open question, None where the form was through.
        """
        new = (
            at
            for at in range(position + 1, len(self.form.questions))
            if self.applies(at) and not forms.applies(self.form, at, self.before)
        )
        first = next(new, None)
        if stands_at is None or (self.applies(stands_at) and first is None):
            return first
        stays = stands_at if self.applies(stands_at) else self.after(stands_at)
        return min((at for at in (first, stays) if at is not None), default=None)


async def of(turn: Turn, asked: Asked) -> Course:
    """Return how far the sender has come; nothing is looked up for a form without conditions."""
    if not asked.form.branches:
        return Course(asked.form)
    given = await answers.of(turn.tx, asked.round_id, turn.sender.member_id)
    return Course(asked.form, given, given)


async def keep(turn: Turn, asked: Asked, position: int, value: str | Skipped) -> Course | None:
    """Keep an answer, or take it back for a skip, and with it what no longer applies.

    None, and nothing is kept, where the question isn't one for somebody who answered so before.
    """
    tx, round_id, member_id = turn.tx, asked.round_id, turn.sender.member_id
    course = await of(turn, asked)
    if not course.applies(position):
        return None
    if isinstance(value, Skipped):
        await answers.withdraw_one(tx, round_id, member_id, position)
    else:
        await answers.put(tx, round_id, member_id, position, value, turn.now)
    if not asked.form.branches:
        return course
    changed = {at: one for at, one in course.before.items() if at != position}
    if not isinstance(value, Skipped):
        changed[position] = value
    given = forms.applying(asked.form, changed)
    for gone in changed.keys() - given.keys():
        await answers.withdraw_one(tx, round_id, member_id, gone)
    return Course(asked.form, given, course.before)
