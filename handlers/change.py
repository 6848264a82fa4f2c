"""CHANGE: answering a poll again while it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import asking, invited
from handlers.dialog.messages import CODE, msg
from handlers.dialog.turn import command
from storage import rounds

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

WHICH = msg("Send CHANGE and the code of the poll, for example: CHANGE P12")
NOT_OPEN = msg("There is no open poll {code} for you. POLLS shows what is open.", code=CODE)


@command("CHANGE")
async def change(turn: Turn, rest: str) -> None:
    """Ask a round's question again."""
    if asking.declined(turn):
        return
    if not rest.strip():
        turn.say(WHICH)
        return
    code = rest.split(maxsplit=1)[0].upper()[:12]
    round_ = await rounds.find(turn.tx, code)
    open_ = round_ is not None and round_.state == "open" and round_.closes_at > turn.now
    if round_ is None or not open_ or not await invited.is_to(turn, round_):
        turn.say(NOT_OPEN, code=code)
        return
    lead = await invited.lead(turn.tx, turn.alliance, round_.platform_id)
    await asking.ask_round(turn, round_, lead)
