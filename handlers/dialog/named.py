"""The poll or broadcast that somebody with a role means, by its code or number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import authority
from handlers.dialog.messages import CODE, msg
from handlers.dialog.text import ascii_digits, unmarked
from storage import batches, rounds
from storage.errors import NotFound

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn
    from storage.batches import Batch
    from storage.rounds import Round

WHICH_CODE = msg("Send the word and the code of the poll, for example: CLOSE P12")
IS_CLOSED = msg("{code} is closed already. RESULT {code} shows its result.", code=CODE)


def _first(rest: str) -> str:
    """Return the code or number that stands first, as a keypad of any script has it."""
    words = ascii_digits(unmarked(rest)).split(maxsplit=1)
    return words[0].strip(".,:;!?()")[:19] if words else ""


async def poll(turn: Turn, rest: str) -> Round | None:
    """Return the open poll whose code a text begins with; None, and told so, where they can't.

    Raises NotFound.
    """
    found = await authority.required(turn, "poll")
    if found is None:
        return None
    code = _first(rest)
    if not code:
        turn.say(WHICH_CODE)
        return None
    round_ = await rounds.by_code(turn.tx, code)
    if not round_.closes_at:  # sign-up and the like, which never close
        raise NotFound(f"there is no poll {code.upper()!r}")
    if not await authority.is_theirs(turn, found, round_.platform_id, round_.created_by):
        return None
    if round_.state == "closed" or not await rounds.hold(turn.tx, round_.id, alone=True):
        turn.say(IS_CLOSED, code=round_.code)
        return None
    return round_


async def broadcast(turn: Turn, rest: str, act: authority.Act | None = None) -> Batch | None:
    """Return the broadcast with a number, or that asked the poll with a code; None, and told.

    Without an act it is for whoever may begin such a one. Raises NotFound.
    """
    batch = await batches.named(turn.tx, _first(rest))
    begins: authority.Act = "poll" if batch.round_id else "announce"
    found = await authority.required(turn, act or begins)
    if found is None:
        return None
    theirs = await authority.is_theirs(turn, found, batch.platform_id, batch.created_by)
    return batch if theirs else None
