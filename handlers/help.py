"""HELP: what a person can send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.turn import command

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

HELP = msg(
    "{alliance}. Send POLLS for open questions, RESULT and a code for a result, ME for what we"
    " know of you, ASK and your question, CALL to be called, LANG, ABOUT, or STOP to end it.",
    alliance=ALLIANCE,
)
HELP_STRANGER = msg(
    "{alliance}. Send JOIN to take part, ABOUT to know more, ASK and your question, CALL to be"
    " called, or STOP to hear no more.",
    alliance=ALLIANCE,
)
CALL_ME = msg("Please call me")


@command("HELP", "anyone")
async def help_(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Say what one can send; silent where the carrier has answered already."""
    if not turn.opt_out:
        said = HELP if turn.is_member else HELP_STRANGER
        button = (CALL_ME.say(turn.language), "w:CALL")
        turn.say(said, (button,), alliance=turn.alliance.name)
