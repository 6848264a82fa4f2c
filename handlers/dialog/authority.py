"""Who may do what for others, and where: a role holds on its platform and all below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from handlers.dialog import audience as expressions
from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.perform import read_audience
from storage import audience as trees
from storage import platforms, roles
from storage.audience import All, And, Audience, Or
from storage.audience import Platform as Place
from storage.errors import BadAudience

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn
    from storage.database import Tx
    from storage.platforms import Platform
    from storage.roles import Role

Act = Literal["announce", "poll", "status", "reply"]

# Closing, extending and halting is for whoever may begin such a thing.
_MAY: dict[Act, frozenset[Role]] = {
    "announce": frozenset({"coordinator", "secretariat"}),
    "poll": frozenset({"coordinator", "secretariat", "facilitator"}),
    "status": frozenset({"coordinator", "secretariat", "facilitator", "documenter", "support"}),
    "reply": frozenset({"coordinator", "secretariat", "support"}),
}

NOT_YOURS = msg("That is for coordinators of {alliance}, and you are none.", alliance=ALLIANCE)
NOT_THERE = msg("That is not on a platform that you act for.")


@dataclass(frozen=True, slots=True)
class Reach:
    """What somebody's roles cover: everything, or platforms and what lies below them."""

    whole: bool
    platforms: tuple[Platform, ...] = ()

    def within(self, audience: Audience) -> Audience:
        """Return those of an audience who are covered."""
        if self.whole:
            return audience
        places = tuple(Place(platform.code) for platform in self.platforms)
        covered = places[0] if len(places) == 1 else Or(places)
        return covered if audience == All() else And((covered, audience))


async def reach(tx: Tx, member_id: int, act: Act) -> Reach | None:
    """Return what a member's roles cover for an act, None where they have none for it."""
    held = {place for place, role in await roles.of(tx, member_id) if role in _MAY[act]}
    if not held:
        return None
    tops = await platforms.tops(tx)
    if len(tops) == 1 and tops[0].id in held:
        return Reach(whole=True)
    found = [await platforms.by_id(tx, place) for place in sorted(held)]
    return Reach(whole=False, platforms=tuple(found))


async def covers(tx: Tx, found: Reach, platform_id: int | None) -> bool:
    """Tell whether a platform is covered; None is what concerns everybody."""
    if found.whole or platform_id is None:
        return found.whole
    above = await platforms.above(tx, platform_id)
    return any(platform.id in above for platform in found.platforms)


async def required(turn: Turn, act: Act) -> Reach | None:
    """Return what the sender's roles cover for an act; None, and told so, where nothing."""
    found = await reach(turn.tx, turn.sender.member_id, act)
    if found is None:
        turn.say(NOT_YOURS, alliance=turn.alliance.name)
    return found


async def is_theirs(
    turn: Turn, found: Reach, platform_id: int | None, created_by: int | None
) -> bool:
    """Tell whether a round or a broadcast is the sender's own, or on a platform covered.

    They are told where it is neither.
    """
    own = created_by is not None and created_by == turn.sender.member_id
    if own or await covers(turn.tx, found, platform_id):
        return True
    turn.say(NOT_THERE)
    return False


async def audience(turn: Turn, found: Reach, expression: str) -> Audience:
    """Return the covered people of an expression. Raises BadAudience.

    A platform that is named must be covered itself: nobody thinks to have written to a place
    of which in truth nobody is reached.
    """
    tree = await read_audience(turn.tx, expression, turn.alliance)
    for field, value in trees.names(tree):
        if field == "platform":
            place = await platforms.by_code(turn.tx, value)
            if not await covers(turn.tx, found, place.id):
                raise BadAudience(f"you have no role on {value}")
    # What is kept as text must be readable again, with what the role adds to it.
    return expressions.parse(expressions.show(found.within(tree)))
