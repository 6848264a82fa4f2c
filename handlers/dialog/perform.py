"""Tell or ask an audience: the one way anything reaches many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from handlers.dialog import audience as expressions
from handlers.dialog.messages import ALLIANCE, msg
from storage import audience as trees
from storage import audit, batches, organisations, platforms, recipients
from storage.audience import All, And, Audience, Platform
from storage.database import OUTBOX
from storage.errors import BadAudience
from storage.roles import Role

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.batches import Batch, Kind
    from storage.database import Tx

# So many members are looked at in one unit, so that replies pass between chunks.
CHUNK = 2_000

# Before the first message to somebody who was signed up by others.
INTRODUCTION = msg("This is {alliance}. STOP ends it.", alliance=ALLIANCE)


@dataclass(frozen=True, slots=True)
class Telling:
    """One message to an audience: text by language, and when. Instants in ms."""

    kind: Kind
    audience: Audience
    texts: dict[str, str]
    due_at: int
    expires_at: int
    round_id: int | None = None
    platform_id: int | None = None
    solicited: bool = False


def introduced(alliance: Alliance, language: str, text: str) -> str:
    """Return a text with who writes it, and how to stop that, before it, in a language.

    Which is one that may be told to many: see `drafts.spoken`.
    """
    return f"{INTRODUCTION.say(language, alliance=alliance.name)} {text}"


async def read_audience(tx: Tx, text: str, alliance: Alliance) -> Audience:
    """Read an expression whose names all exist. Raises BadAudience."""
    tree = expressions.parse(text)
    known = {
        "type": {entry.code for entry in alliance.types},
        "sector": {"public", "private", "civil"},
        "lang": set(alliance.languages),
        "role": set(get_args(Role)),
    }
    for field, value in trees.names(tree):
        if field == "platform" and await platforms.find(tx, value) is None:
            raise BadAudience(f"there is no platform {value[:24]!r}")
        if field == "org" and await organisations.by_key(tx, value) is None:
            raise BadAudience(f"there is no organisation {value[:24]!r}")
        if field in known and value not in known[field]:
            raise BadAudience(
                f"there is no {field} {value[:24]!r}; there are {', '.join(sorted(known[field]))}"
            )
    return tree


async def place(tx: Tx, audience: Audience) -> int | None:
    """Return the platform that tells or asks: the one that all of an audience are of, or none."""
    parts = audience.parts if isinstance(audience, And) else (audience,)
    named = [part for part in parts if isinstance(part, Platform)]
    found = await platforms.find(tx, named[0].code) if named else None
    return found.id if found else None


async def tell(tx: Tx, telling: Telling, by: int | None, now: int) -> int:
    """Add a batch that is queued, chunk by chunk, once it is due; return its number."""
    number = await batches.add(
        tx, kind=telling.kind, round_id=telling.round_id, platform_id=telling.platform_id,
        audience=expressions.show(telling.audience), texts=telling.texts,
        solicited=telling.solicited, due_at=telling.due_at, expires_at=telling.expires_at, by=by,
        now=now,
    )  # fmt: skip
    await audit.add(tx, telling.kind, "batch", number, now, by=by)
    await tx.notify(OUTBOX)
    return number


async def queue_next(tx: Tx, now: int) -> int | None:
    """Queue one chunk of the batch that is due; None when there is none."""
    batch = await batches.due(tx, now)
    return None if batch is None else await queue_some(tx, batch, now)


async def queue_some(tx: Tx, batch: Batch, now: int, span: int | None = None) -> int:
    """Queue those of the next `span` members whom a batch is for; return how many they are."""
    tree = expressions.parse(batch.audience) if batch.audience else All()
    count = await recipients.queue_chunk(tx, batch, tree, now, span or CHUNK)
    await tx.notify(OUTBOX)
    return count
