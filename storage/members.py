"""Members: the consenting people of an alliance, and those who are just signing up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Row, Tx

State = Literal["joining", "member", "merged", "erased"]

# What a person may set of themselves; each names a column.
Field = Literal["language", "platform_id", "type", "sector", "organisation_id", "name", "alias"]


@dataclass(frozen=True, slots=True)
class Member:
    """One person. Instants in ms; `stopped_at` is 0 unless they sent STOP."""

    id: int
    state: State
    alias: str
    name: str
    platform_id: int | None
    type: str
    sector: str
    organisation_id: int | None
    language: str
    joined_at: int
    stopped_at: int


_COLUMNS = (
    "id, state, alias, name, platform_id, type, sector, organisation_id, language,"
    " joined_at, stopped_at"
)
_ADD = sql(
    "INSERT INTO members (state, language, created_at) VALUES ('joining', :language, :now)"
    f" RETURNING {_COLUMNS}"
)
_ADD_WHOLE = sql(
    "INSERT INTO members (state, alias, name, platform_id, type, sector, organisation_id,"
    " language, created_at, joined_at) VALUES ('member', :alias, :name, :platform_id, :type,"
    " :sector, :organisation_id, :language, :now, :now) RETURNING id"
)
_BY_ID = sql(f"SELECT {_COLUMNS} FROM members WHERE id = :id")
_JOIN = sql(
    "UPDATE members SET state = 'member', joined_at = :now, introduced = TRUE WHERE id = :id"
)
_STOP = sql("UPDATE members SET stopped_at = :now WHERE id = :id AND stopped_at = 0")
_START = sql("UPDATE members SET stopped_at = 0 WHERE id = :id")
_ASK_AGAIN = sql("UPDATE members SET asked_again = TRUE WHERE id = :id AND asked_again = FALSE")
_BLANKED = (
    "UPDATE members SET state = 'erased', alias = '', name = '', type = '', sector = '',"
    " organisation_id = NULL, platform_id = NULL, language = '' WHERE {which}"
)
_BLANK = sql(_BLANKED.format(which="id = :id"))
_BLANK_SELVES = sql(
    _BLANKED.format(
        which="id IN (SELECT ma.came_from FROM member_addresses ma WHERE ma.member_id = :id)"
    )
)
_UNLINK = sql("DELETE FROM member_addresses WHERE member_id = :id")
_LIST = sql(
    "SELECT m.id, m.alias, COALESCE(p.code, '') AS platform, m.type, m.language, m.state,"
    " m.stopped_at, COALESCE(o.name, '') AS organisation"
    " FROM members m LEFT JOIN platforms p ON p.id = m.platform_id"
    " LEFT JOIN organisations o ON o.id = m.organisation_id"
    " WHERE m.id > :after AND m.state IN ('joining', 'member') ORDER BY m.id LIMIT :most"
)
_SETS = {
    field: sql(f"UPDATE members SET {field} = :value WHERE id = :id")
    for field in ("language", "platform_id", "type", "sector", "organisation_id", "name", "alias")
}


def _member(row: Row) -> Member:
    return Member(*row)


async def add(tx: Tx, language: str, now: int) -> Member:
    """Add a person who has begun to sign up and agreed to nothing yet."""
    return _member(await tx.row(_ADD, language=language, now=now))


async def add_whole(
    tx: Tx,
    *,
    alias: str,
    name: str,
    platform_id: int | None,
    type_: str,
    sector: str,
    organisation_id: int | None,
    language: str,
    now: int,
) -> int:
    """Add a member whose consent was given elsewhere, and return the id."""
    row = await tx.row(
        _ADD_WHOLE, alias=alias, name=name, platform_id=platform_id, type=type_, sector=sector,
        organisation_id=organisation_id, language=language, now=now,
    )  # fmt: skip
    return int(row[0])  # type: ignore[index]


async def by_id(tx: Tx, member_id: int) -> Member | None:
    """Return one person, if there."""
    row = await tx.row(_BY_ID, id=member_id)
    return _member(row) if row else None


async def join(tx: Tx, member_id: int, now: int) -> None:
    """Make a person a member, who has just been told who we are."""
    await tx.post(_JOIN, id=member_id, now=now)


async def put(tx: Tx, member_id: int, field: Field, value: str | int | None) -> None:
    """Set one thing a person may say of themselves."""
    await tx.post(_SETS[field], id=member_id, value=value)


async def stop(tx: Tx, member_id: int, now: int) -> None:
    """Keep that a person asked us to stop."""
    await tx.post(_STOP, id=member_id, now=now)


async def start(tx: Tx, member_id: int) -> None:
    """Lift a person's STOP."""
    await tx.post(_START, id=member_id)


async def ask_again(tx: Tx, member_id: int) -> bool:
    """Tell whether a person may be asked once more what they left open; True only once."""
    return bool(await tx.run(_ASK_AGAIN, id=member_id))


async def blank(tx: Tx, member_id: int) -> None:
    """Leave only the ids of a person and their earlier selves, parted from every address."""
    await tx.run(_BLANK_SELVES, id=member_id)
    await tx.run(_BLANK, id=member_id)
    await tx.run(_UNLINK, id=member_id)


async def listed(tx: Tx, after: int, most: int) -> list[Row]:
    """Return a page by id; a row has its columns' names, codes and names "" where none."""
    return await tx.rows(_LIST, after=after, most=most)
