"""Organisations: the member bodies that representatives speak for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Tx


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation, with its stakeholder type and sector ("" where not known)."""

    id: int
    name: str
    name_key: str
    type: str
    sector: str


_COLUMNS = "id, name, name_key, type, sector"
_ADD = sql(
    "INSERT INTO organisations (name, name_key, type, sector, created_at)"
    " VALUES (:name, :name_key, :type, :sector, :now)"
    f" ON CONFLICT (name_key) DO UPDATE SET name = organisations.name RETURNING {_COLUMNS}"
)
_BY_KEY = sql(f"SELECT {_COLUMNS} FROM organisations WHERE name_key = :name_key")
_BY_ID = sql(f"SELECT {_COLUMNS} FROM organisations WHERE id = :id")
_LIKE = sql(
    f"SELECT {_COLUMNS} FROM organisations"
    " WHERE name_key >= :low AND name_key < :high ORDER BY name_key LIMIT :most"
)


async def add(tx: Tx, name: str, name_key: str, type_: str, sector: str, now: int) -> Organisation:
    """Add an organisation, or return the one that has this name already."""
    [row] = await tx.rows(_ADD, name=name, name_key=name_key, type=type_, sector=sector, now=now)
    return Organisation(*row)


async def by_key(tx: Tx, name_key: str) -> Organisation | None:
    """Return the organisation with a folded name, if there is one."""
    row = await tx.row(_BY_KEY, name_key=name_key)
    return Organisation(*row) if row else None


async def by_id(tx: Tx, organisation_id: int) -> Organisation | None:
    """Return one organisation, if there is one."""
    row = await tx.row(_BY_ID, id=organisation_id)
    return Organisation(*row) if row else None


async def beginning(tx: Tx, name_key: str, most: int) -> list[Organisation]:
    """Return organisations whose folded name begins so, in order of name."""
    high = name_key + "\U0010ffff"
    return [Organisation(*row) for row in await tx.rows(_LIKE, low=name_key, high=high, most=most)]
