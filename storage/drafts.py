"""Drafts that somebody has read and accepted: languages, each with a digest of its texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import audit
from storage.database import GATE, sql

if TYPE_CHECKING:
    from storage.database import Tx

_ACCEPT = sql(
    "INSERT INTO accepted_drafts (language, digest, by_member_id, at)"
    " VALUES (:language, :digest, :by, :now) ON CONFLICT (language, digest) DO NOTHING"
)
_ACCEPTED = sql("SELECT at FROM accepted_drafts WHERE language = :language AND digest = :digest")


async def accept(tx: Tx, language: str, digest: str, by: int | None, now: int) -> bool:
    """Accept a language's texts as they are now; False when they were accepted before.

    A digest, in hexadecimal, is the number of its subject in the audit by its first half.
    """
    if not await tx.run(_ACCEPT, language=language, digest=digest, by=by, now=now):
        return False
    await audit.add(tx, "accept", f"draft {language}", int(digest[:8], 16), now, by=by)
    await tx.notify(GATE)  # what a batch says before its text may be said otherwise now
    return True


async def is_accepted(tx: Tx, language: str, digest: str) -> bool:
    """Tell whether a language's texts were accepted as they are."""
    return await tx.row(_ACCEPTED, language=language, digest=digest) is not None
