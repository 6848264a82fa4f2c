"""Barred numbers: keyed hashes of those that must not be written to, and why."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Tx

Reason = Literal["stopped", "no", "erased"]

_ADD = sql(
    "INSERT INTO barred (hash, reason, at) VALUES (:hash, :reason, :now)"
    " ON CONFLICT (hash) DO UPDATE SET reason = excluded.reason, at = excluded.at"
)
_GET = sql("SELECT reason FROM barred WHERE hash = :hash")
_LIFT = sql("DELETE FROM barred WHERE hash = :hash")


def keyed(key: bytes, *parts: str) -> str:
    """Return the keyed hash of some text: the same for the same key, of no use without."""
    return hashlib.blake2b("\0".join(parts).encode(), key=key[:64], digest_size=16).hexdigest()


async def add(tx: Tx, hash_: str, reason: Reason, now: int) -> None:
    """Bar a number."""
    await tx.post(_ADD, hash=hash_, reason=reason, now=now)


async def reason(tx: Tx, hash_: str) -> Reason | None:
    """Return why a number is barred, if it is."""
    row = await tx.row(_GET, hash=hash_)
    return row[0] if row else None


async def lift(tx: Tx, hash_: str) -> None:
    """Let a number be written to again."""
    await tx.post(_LIFT, hash=hash_)
