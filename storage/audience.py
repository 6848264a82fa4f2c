"""The audience tree, and its SQL: which members a message or a question is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.database import Tx, Value

Field = Literal["type", "sector", "org", "lang", "role", "channel"]


@dataclass(frozen=True, slots=True)
class All:
    """Every member."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The members of a platform and of all below it."""

    code: str


@dataclass(frozen=True, slots=True)
class Term:
    """The members of whom a field has a value; an organisation's is the key of its name."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class And:
    """Those in every part."""

    parts: tuple[Audience, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Those in any part."""

    parts: tuple[Audience, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Those not in it."""

    part: Audience


Audience: TypeAlias = All | Platform | Term | And | Or | Not

# Leaves over alias m of the table members; each can be NULL but the two EXISTS.
_PLATFORM = """m.platform_id IN (WITH RECURSIVE below(id) AS (
    SELECT id FROM platforms WHERE code = :name
    UNION SELECT p.id FROM platforms p JOIN below ON p.parent_id = below.id
) SELECT id FROM below)"""
_FIELDS: dict[Field, str] = {
    "type": "m.type = :name",
    "sector": "m.sector = :name",
    "lang": "m.language = :name",
    "org": "m.organisation_id IN (SELECT id FROM organisations WHERE name_key = :name)",
    "role": "EXISTS (SELECT 1 FROM roles r WHERE r.member_id = m.id AND r.role = :name)",
    "channel": """EXISTS (SELECT 1 FROM member_addresses ma JOIN addresses x ON x.id = ma.address_id
    WHERE ma.member_id = m.id AND x.channel = :name)""",
}


def names(tree: Audience) -> Iterator[tuple[str, str]]:
    """Yield each (field, value) of the tree, a platform's code as ("platform", code).

    For callers who refuse a name that does not exist.
    """
    match tree:
        case All():
            return
        case Platform(code):
            yield "platform", code
        case Term(field, value):
            yield field, value
        case And(parts) | Or(parts):
            for part in parts:
                yield from names(part)
        case Not(part):
            yield from names(part)
        case never:
            assert_never(never)


def where(tree: Audience) -> tuple[str, dict[str, Value]]:
    """Return a condition for WHERE over `members m`, and its values `a0`, `a1`, ...

    It runs on both engines. Add to it with AND or OR only: to leave people out is `Not`'s
    part, which knows that whoever has no value in a field is not in a part that names one.
    """
    values: dict[str, Value] = {}
    condition = _condition(tree, values, wanted=True)
    return f"({condition.sql})", values


@dataclass(frozen=True, slots=True)
class _Condition:
    """SQL without brackets around it, with an OR standing open in it if `either`.

    `depth` is how many symbols its nesting keeps waiting while it is parsed.
    """

    sql: str
    either: bool = False
    depth: int = 0


def _condition(tree: Audience, values: dict[str, Value], *, wanted: bool) -> _Condition:
    """Return the condition of the tree, or of its opposite: NOT stands before leaves alone."""
    match tree:
        case All():
            return _Condition("1 = 1" if wanted else "1 = 0")
        case Platform(code):
            return _leaf(_PLATFORM, code, values, wanted=wanted)
        case Term(field, value):
            return _leaf(_FIELDS[field], value, values, wanted=wanted)
        case Not(part):
            return _condition(part, values, wanted=not wanted)
        case And(parts) | Or(parts):
            found = [_condition(part, values, wanted=wanted) for part in parts]
            return _every(found) if isinstance(tree, And) == wanted else _any(found)
        case never:
            assert_never(never)


def _leaf(sql: str, value: str, values: dict[str, Value], *, wanted: bool) -> _Condition:
    name = f"a{len(values)}"
    values[name] = value
    sql = sql.replace(":name", f":{name}")
    if wanted:
        return _Condition(sql)  # plain, so that an index can serve it: NULL selects nobody
    return _Condition(f"NOT {sql}" if sql.startswith("EXISTS") else f"NOT COALESCE({sql}, FALSE)")


def _every(parts: list[_Condition]) -> _Condition:
    bracketed = [_Condition(f"({p.sql})", depth=p.depth + 1) if p.either else p for p in parts]
    sql, depth = _joined(bracketed, " AND ", "1 = 1")
    return _Condition(sql, depth=depth)


def _any(parts: list[_Condition]) -> _Condition:
    sql, depth = _joined(parts, " OR ", "1 = 0")
    return _Condition(sql, either=True, depth=depth)


def _joined(parts: list[_Condition], word: str, neutral: str) -> tuple[str, int]:
    """Join the parts, the deepest first: SQLite before 3.46 parses at most 100 symbols deep.

    A part that comes later waits behind two symbols more, what stands left of it and the word.
    """
    deepest_first = sorted(parts, key=lambda part: -part.depth)
    depth = max((part.depth + 2 * (i > 0) for i, part in enumerate(deepest_first)), default=0)
    return word.join(part.sql for part in deepest_first) or neutral, depth


async def holds(tx: Tx, tree: Audience, member_id: int) -> bool:
    """Tell whether an audience has this member in it."""
    condition, values = where(tree)
    found = await tx.rows(
        f"SELECT m.id FROM members m WHERE m.id = :member_id AND ({condition})",
        member_id=member_id,
        **values,
    )
    return bool(found)
