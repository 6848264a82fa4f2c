"""STOPs that a copy does not know of, carried over from the file whose place it takes."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from storage.errors import Corrupt
from storage.sqlite.errors import ours

if TYPE_CHECKING:
    from pathlib import Path

_SAME = "main.addresses o WHERE o.channel = addresses.channel AND o.value = addresses.value"
_STOP = (
    f"UPDATE copy.addresses SET stopped_at = (SELECT o.stopped_at FROM {_SAME})"
    f" WHERE stopped_at = 0 AND EXISTS (SELECT 1 FROM {_SAME} AND o.stopped_at > 0)"
)
_STOP_CARRIER = (
    "UPDATE copy.addresses SET state = 'carrier' WHERE state <> 'carrier'"
    f" AND EXISTS (SELECT 1 FROM {_SAME} AND o.state = 'carrier')"
)
_STOP_PEOPLE = (
    "UPDATE copy.members SET stopped_at = s.stopped_at FROM (SELECT ma.member_id,"
    " MAX(om.stopped_at) AS stopped_at FROM copy.member_addresses ma"
    " JOIN copy.addresses a ON a.id = ma.address_id"
    " JOIN main.addresses o ON o.channel = a.channel AND o.value = a.value"
    " JOIN main.member_addresses oma ON oma.address_id = o.id"
    " JOIN main.members om ON om.id = oma.member_id AND om.stopped_at > 0"
    " GROUP BY ma.member_id) s WHERE s.member_id = members.id AND members.stopped_at = 0"
)
_BARRED = "INSERT OR IGNORE INTO copy.barred SELECT hash, reason, at FROM main.barred"


def carry(held: sqlite3.Connection, copy: Path) -> int | None:
    """Let phones, and their people, that have stopped since be stopped in the copy too.

    Returns how many phones of the copy that are, None where the file can't be read any more.
    A START since is not carried over: whoever gave it can give it again.
    """
    try:
        held.execute("ATTACH DATABASE ? AS copy", [str(copy)])
    except sqlite3.Error as error:
        raise ours(error) from error
    try:
        held.execute("BEGIN")
        try:
            phones = held.execute(_STOP).rowcount + held.execute(_STOP_CARRIER).rowcount
            held.execute(_STOP_PEOPLE)
            held.execute(_BARRED)
            held.execute("COMMIT")
        except sqlite3.Error as error:
            held.execute("ROLLBACK")
            if isinstance(ours(error), Corrupt) or "no such" in str(error):
                return None
            raise ours(error) from error
    finally:
        with contextlib.suppress(sqlite3.Error):
            held.execute("DETACH DATABASE copy")
    return phones
