"""Forms: what is asked, as data. A version never changes once it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Tx

Privacy = Literal["anonymous", "counted", "named"]


@dataclass(frozen=True, slots=True)
class StoredForm:
    """One version of a form. `body` is JSON that `handlers.dialog.forms` reads."""

    id: int
    name: str
    version: int
    privacy: Privacy
    body: str


_COLUMNS = "id, name, version, privacy, body"
_ADD = sql(
    "INSERT INTO forms (name, version, privacy, body, created_at) VALUES (:name,"
    " (SELECT COALESCE(MAX(f.version), 0) + 1 FROM forms f WHERE f.name = :name),"
    f" :privacy, :body, :now) RETURNING {_COLUMNS}"
)
_BY_ID = sql(f"SELECT {_COLUMNS} FROM forms WHERE id = :id")
_LATEST = sql(f"SELECT {_COLUMNS} FROM forms WHERE name = :name ORDER BY version DESC LIMIT 1")


async def add(tx: Tx, name: str, privacy: Privacy, body: str, now: int) -> StoredForm:
    """Add the next version of a form."""
    await tx.lock("form", name)
    [row] = await tx.rows(_ADD, name=name, privacy=privacy, body=body, now=now)
    return StoredForm(*row)


async def by_id(tx: Tx, form_id: int) -> StoredForm:
    """Return one version of a form; an id comes from a round, so it is there."""
    [row] = await tx.rows(_BY_ID, id=form_id)
    return StoredForm(*row)


async def latest(tx: Tx, name: str) -> StoredForm | None:
    """Return the latest version of a form, if there is one."""
    row = await tx.row(_LATEST, name=name)
    return StoredForm(*row) if row else None
