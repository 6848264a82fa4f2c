"""Announcements: one message to an audience; ANNOUNCE from a coordinator's phone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from handlers.dialog import confirming, proposing
from handlers.dialog.messages import NUMBER, msg
from handlers.dialog.perform import Telling, place, tell
from handlers.dialog.text import basic, clean, plain, segments
from handlers.dialog.turn import command
from storage.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.dialog.turn import Alliance, Turn
    from storage.audience import Audience
    from storage.database import Tx

MOST_SEGMENTS = 10

HOW = msg(
    "Send ANNOUNCE and the text. To some alone: ANNOUNCE TO type:media: and the text. You hear"
    " whom it would reach before it leaves."
)
ANNOUNCED = msg(
    "Broadcast {number} is on its way to {people} person. STATUS {number} shows how it goes,"
    " HALT {number} stops it.",
    plural="Broadcast {number} is on its way to {people} people. STATUS {number} shows how it"
    " goes, HALT {number} stops it.",
    by="people", number=NUMBER, people=NUMBER,
)  # fmt: skip


def check(alliance: Alliance, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts as they will be sent, the default language's first. Raises BadInput."""
    unknown = [language for language in texts if language not in alliance.languages]
    if unknown:
        raise BadInput(
            f"the alliance does not speak {', '.join(unknown)}: its languages are"
            f" {', '.join(alliance.languages)}"
        )
    ready: dict[str, str] = {}
    for language in alliance.languages:
        if language in texts:
            ready[language] = plain(clean(texts[language]).strip())
    if alliance.languages[0] not in ready or not all(ready.values()):
        raise BadInput("an announcement needs a text")
    if any(segments(basic(text)) > MOST_SEGMENTS for text in ready.values()):
        raise BadInput(f"the text is longer than {MOST_SEGMENTS} SMS: shorten it")
    return ready


async def announce(
    tx: Tx,
    alliance: Alliance,
    audience: Audience,
    texts: Mapping[str, str],
    *,
    at: int,
    by: int | None,
    now: int,
) -> int:
    """Tell an audience something at an instant (ms), and return the broadcast's number.

    Raises BadInput for an empty or overlong text, or a language we don't speak.
    """
    telling = Telling(
        kind="announcement",
        audience=audience,
        texts=check(alliance, texts),
        due_at=at,
        expires_at=max(at, now) + alliance.manners.ttl_ms,
        platform_id=await place(tx, audience),
    )
    return await tell(tx, telling, by, now)


@command("ANNOUNCE", "role")
async def announcing(turn: Turn, rest: str) -> None:
    """Show what an announcement would do, and let it wait to be confirmed."""
    begun = await proposing.begun(turn, "announce", rest)
    if begun is None:
        return
    to, audience, text = begun
    if not text:
        turn.say(HOW)
        return
    texts = check(turn.alliance, {turn.alliance.languages[0]: text})
    await proposing.propose(turn, "announce", audience, texts, {"to": to, "texts": texts})


@confirming.act("announce")
async def announced(turn: Turn, body: str) -> None:
    """Send the announcement that was shown."""
    kept = json.loads(body)
    audience = await proposing.confirmed(turn, "announce", kept["texts"], kept)
    if audience is None:
        return
    number = await announce(
        turn.tx, turn.alliance, audience, kept["texts"], at=turn.now,
        by=turn.sender.member_id, now=turn.now,
    )  # fmt: skip
    turn.say(ANNOUNCED, number=number, people=kept["people"])
