"""Which rounds a person may answer: the open ones whose audience they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import audience as expressions
from storage import audience as trees
from storage import platforms, rounds
from storage.audience import All

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn
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


async def lead(turn: Turn, round_: Round) -> str:
    """Return who asks, as the question says it."""
    if round_.platform_id:
        for platform in await platforms.listed(turn.tx):
            if platform.id == round_.platform_id:
                return platform.name[:20]
    return turn.alliance.name[:20]
