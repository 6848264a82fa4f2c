"""Platforms: the nodes of an alliance's tree, each with a code that people can type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.database import sql
from storage.errors import Conflict, NotFound

if TYPE_CHECKING:
    from storage.database import Row, Tx


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform. `timezone` is an IANA name, or "" for the alliance's."""

    id: int
    code: str
    name: str
    level: str
    parent_id: int | None
    timezone: str


_COLUMNS = "id, code, name, level, parent_id, timezone"
_ADD = sql(
    "INSERT INTO platforms (code, name, level, parent_id, timezone, created_at)"
    " VALUES (:code, :name, :level, :parent_id, :timezone, :now)"
    f" ON CONFLICT (code) DO NOTHING RETURNING {_COLUMNS}"
)
_BY_CODE = sql(f"SELECT {_COLUMNS} FROM platforms WHERE code = :code")
_ALL = sql(f"SELECT {_COLUMNS} FROM platforms ORDER BY id LIMIT :most")
_ROOT = sql(f"SELECT {_COLUMNS} FROM platforms WHERE parent_id IS NULL ORDER BY id LIMIT 1")
_TOPS = sql(f"SELECT {_COLUMNS} FROM platforms WHERE parent_id IS NULL ORDER BY id LIMIT 2")
_BY_ID = sql(f"SELECT {_COLUMNS} FROM platforms WHERE id = :id")
_ABOVE = sql(
    "WITH RECURSIVE up(id, parent_id) AS ("
    "SELECT id, parent_id FROM platforms WHERE id = :id"
    " UNION SELECT p.id, p.parent_id FROM platforms p JOIN up ON p.id = up.parent_id)"
    " SELECT id FROM up"
)
_MOVE = sql("UPDATE platforms SET parent_id = :parent_id WHERE code = :code")


def _platform(row: Row) -> Platform:
    return Platform(*row)


async def add(
    tx: Tx, code: str, name: str, level: str, parent: Platform | None, timezone: str, now: int
) -> Platform:
    """Add a platform. Raises Conflict when the code is taken."""
    parent_id = parent.id if parent else None
    zone = timezone or (parent.timezone if parent else "")
    row = await tx.row(
        _ADD, code=code, name=name, level=level, parent_id=parent_id, timezone=zone, now=now
    )
    if row is None:
        raise Conflict(f"there is a platform {code} already")
    return _platform(row)


async def by_code(tx: Tx, code: str) -> Platform:
    """Return the platform with a code, case aside. Raises NotFound."""
    row = await tx.row(_BY_CODE, code=code.lower())
    if row is None:
        raise NotFound(f"there is no platform {code!r}")
    return _platform(row)


async def find(tx: Tx, code: str) -> Platform | None:
    """Return the platform with a code, case aside, if there is one."""
    row = await tx.row(_BY_CODE, code=code.lower())
    return _platform(row) if row else None


async def listed(tx: Tx, most: int = 1_000) -> list[Platform]:
    """Return the platforms in the order they were added."""
    return [_platform(row) for row in await tx.rows(_ALL, most=most)]


async def root(tx: Tx) -> Platform | None:
    """Return the platform that stands for the whole alliance, if any was added."""
    row = await tx.row(_ROOT)
    return _platform(row) if row else None


async def tops(tx: Tx) -> list[Platform]:
    """Return the platforms that hang below no other, two at most: one alone is the root."""
    return [_platform(row) for row in await tx.rows(_TOPS)]


async def by_id(tx: Tx, platform_id: int) -> Platform:
    """Return a platform; the id comes from a row that refers to it, so it is there."""
    return _platform(await tx.row(_BY_ID, id=platform_id))


async def above(tx: Tx, platform_id: int) -> set[int]:
    """Return the ids of a platform and of all above it."""
    return {int(row[0]) for row in await tx.rows(_ABOVE, id=platform_id)}


async def move(tx: Tx, code: str, parent: Platform) -> None:
    """Hang a platform below another. Raises Conflict when that would make a cycle."""
    if not await tx.run(_MOVE, code=code, parent_id=parent.id):
        raise NotFound(f"there is no platform {code!r}")
