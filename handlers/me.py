"""ME: what is kept of the person who asks, and how it is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import known
from handlers.dialog.messages import msg
from handlers.dialog.text import basic, segments
from handlers.dialog.turn import command

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

MOST_SEGMENTS = 2

ME = msg("We know: {facts}. LANG, LINK and ASK change it, ERASE forgets it.", facts="F" * 230)
ME_AND_MORE = msg(
    "We know: {facts}. Send CALL to hear the rest. LANG, LINK and ASK change it, ERASE forgets it.",
    facts="F" * 200,
)
ALL_OF_IT = msg("We know: {facts}.", facts="F" * 290)
HOW_TO_CHANGE = msg(
    "To change it: JOIN and the code of a place, LANG, LINK and UNLINK for phones, CHANGE and the"
    " code of a poll, ASK and what is wrong for all else. STOP ends messages, START begins them"
    " again, ERASE forgets it all."
)


@command("ME")
async def me(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Say what is kept of this person: all of it in a chat, the most important by SMS."""
    facts = await known.facts(turn)
    if turn.one_question:
        turn.reply(_short(turn.language, facts))
        return
    whole = ALL_OF_IT.say(turn.language, facts=";\n".join(facts))
    turn.reply(f"{whole}\n\n{HOW_TO_CHANGE.say(turn.language)}")


def _short(language: str, facts: list[str]) -> str:
    """Return as many of the facts, from the first, as two segments hold."""
    whole = ME.say(language, facts="; ".join(facts))
    most = len(facts)
    while segments(basic(whole)) > MOST_SEGMENTS and most > 1:
        most -= 1
        whole = ME_AND_MORE.say(language, facts="; ".join(facts[:most]))
    return whole
