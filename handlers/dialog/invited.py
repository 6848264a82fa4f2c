"""Which rounds a person may answer: the open ones whose audience they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import audience as expressions
from storage import audience as trees
from storage import platforms, rounds
from storage.audience import All

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance, Turn
    from storage.database import Tx
    from storage.rounds import Round

MOST = 20


async def to(turn: Turn) -> list[Round]:
    """Return the open rounds this person may answer, the one that closes soonest first."""
    found = await rounds.open_now(turn.tx, turn.now, MOST)
    return [round_ for round_ in found if await is_to(turn, round_)]


async def is_to(turn: Turn, round_: Round) -> bool:
    """Tell whether a round asks this person."""
    tree = expressions.parse(round_.audience) if round_.audience else All()
    return await trees.holds(turn.tx, tree, turn.sender.member_id)


async def lead(tx: Tx, alliance: Alliance, platform_id: int | None) -> str:
    """Return who asks, as the question says it: a platform, or the whole alliance."""
    listed = await platforms.listed(tx) if platform_id else []
    names = [platform.name for platform in listed if platform.id == platform_id]
    return (names or [alliance.name])[0]
