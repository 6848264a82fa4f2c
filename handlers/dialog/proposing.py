"""An act that reaches many, proposed: its sender hears what it would do, and confirms that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from handlers.dialog import audience as expressions
from handlers.dialog import authority, confirming, preview_words
from handlers.dialog.messages import msg
from handlers.dialog.preview import preview
from handlers.dialog.text import fold
from storage import recipients
from storage.errors import BadAudience

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.dialog.authority import Act
    from handlers.dialog.turn import Turn
    from storage.audience import Audience

# So many more people than were shown, and it is shown once more: one in twenty.
GROWTH = 20

NOBODY = msg("There is nobody in that audience now, so nothing was sent.")
CHANGED = msg("What you may do has changed since, so nothing was done.")


def addressed(rest: str) -> tuple[str, str]:
    """Part `TO audience: text`; without TO all of it is text, and the audience is empty.

    Raises BadAudience where TO has no colon behind its audience.
    """
    first, *behind = rest.split(maxsplit=1) or [""]
    if fold(first).rstrip(":") != "to":
        return "", rest.strip()
    return expressions.split("".join(behind))


async def begun(turn: Turn, act: Act, rest: str) -> tuple[str, Audience, str] | None:
    """Return the audience as it was typed and as it is covered, and what stands behind it.

    None, and told so, for whoever may not. Raises BadAudience.
    """
    found = await authority.required(turn, act)
    if found is None:
        return None
    to, text = addressed(rest)
    return to, await authority.audience(turn, found, to), text


async def propose(
    turn: Turn, act: Act, audience: Audience, texts: Mapping[str, str], body: dict[str, Any]
) -> None:
    """Show what telling an audience would do, and let it wait to be confirmed.

    `body` is what the act keeps until then, with the audience as it was typed under `to`.
    """
    shown = await preview(turn.tx, turn.alliance, audience, texts, turn.tariffs, turn.now)
    if not shown.people:
        turn.say(NOBODY)
        return
    expression = expressions.show(audience)
    kept = body | {"audience": expression, "people": shown.people}
    code, buttons = await confirming.ask(turn, act, json.dumps(kept, ensure_ascii=False))
    text = next(iter(texts.values()))
    turn.reply(
        preview_words.short(turn, shown, code)
        if turn.one_question
        else preview_words.full(turn, shown, code, expression, text),
        buttons,
    )


async def confirmed(
    turn: Turn, act: Act, texts: Mapping[str, str], body: dict[str, Any]
) -> Audience | None:
    """Return the audience that was shown, where the act may still reach it as it was shown.

    None where it may not, or is shown once more since many more are in it; which is said.
    """
    found = await authority.required(turn, act)
    if found is None:
        return None
    try:
        audience = await authority.audience(turn, found, body["to"])
    except BadAudience:
        turn.say(CHANGED)
        return None
    if expressions.show(audience) != body["audience"]:
        turn.say(CHANGED)
        return None
    most = body["people"] + body["people"] // GROWTH
    if await recipients.people(turn.tx, audience, most + 1) > most:
        await propose(turn, act, audience, texts, body)
        return None
    return audience
