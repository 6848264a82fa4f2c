"""Announcements: one message to an audience."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.perform import Telling, tell
from handlers.dialog.text import clean, plain, segments
from storage.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.dialog.turn import Alliance
    from storage.audience import Audience
    from storage.database import Tx

MOST_SEGMENTS = 10


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
    if any(segments(text) > MOST_SEGMENTS for text in ready.values()):
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
    )
    return await tell(tx, telling, by, now)
