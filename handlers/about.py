"""ABOUT: what the alliance is, and how to take part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.turn import command

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

ABOUT = msg(
    "{alliance} is a learning alliance: people and organisations who learn together. It tells"
    " its members news and asks what they think, by phone. Numbers are never shared.",
    alliance=ALLIANCE,
)


@command("ABOUT", "anyone")
async def about(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Say what the alliance is."""
    turn.say(ABOUT, alliance=turn.alliance.name)
