"""SKIP: leaving the open question unanswered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import answering
from handlers.dialog.messages import msg
from handlers.dialog.turn import command

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

NOTHING = msg("There is no question to skip now. POLLS shows what is open.")


@command("SKIP", "anyone")
async def skip(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Skip the open question."""
    if turn.stopped or not await answering.skip(turn):
        turn.say(NOTHING)
