from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.audience import All, And, Audience, Not, Or, Platform, Term, names, where

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = """
CREATE TABLE platforms (id INTEGER PRIMARY KEY, code TEXT, parent_id INTEGER);
CREATE TABLE organisations (id INTEGER PRIMARY KEY, name_key TEXT);
CREATE TABLE members (id INTEGER PRIMARY KEY, platform_id INTEGER, type TEXT, sector TEXT,
    organisation_id INTEGER, language TEXT, state TEXT);
CREATE TABLE roles (member_id INTEGER, platform_id INTEGER, role TEXT);
CREATE TABLE addresses (id INTEGER PRIMARY KEY, channel TEXT);
CREATE TABLE member_addresses (member_id INTEGER, address_id INTEGER);
"""
# accra stands above nima and osu, and nima above nima-north; kumasi beside it.
PARENTS = {"accra": None, "nima": "accra", "osu": "accra", "nima-north": "nima", "kumasi": None}
PLATFORMS = list(PARENTS)
ORGANISATIONS = ["water aid", "o'hara; drop"]
VALUES = {
    "type": ["donor", "media"],
    "sector": ["civil", "public"],
    "org": ORGANISATIONS,
    "lang": ["en", "fr"],
    "role": ["coordinator", "support"],
    "channel": ["sms", "telegram"],
}


@dataclass(frozen=True)
class Person:
    """A member as the trees see one; each value may be unknown."""

    platform: str | None
    fields: dict[str, frozenset[str]]


def people() -> list[Person]:
    """Return members of every kind, unknown values included."""
    chance = random.Random(7)
    found = []
    for _ in range(60):
        one = {field: chance.choice([None, *values]) for field, values in VALUES.items()}
        fields = {field: frozenset([value] if value else []) for field, value in one.items()}
        fields["channel"] = frozenset(c for c in VALUES["channel"] if chance.random() < 0.5)
        fields["role"] = frozenset(r for r in VALUES["role"] if chance.random() < 0.3)
        found.append(Person(chance.choice([None, *PLATFORMS]), fields))
    return found


PEOPLE = people()


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    """Return a database that holds PEOPLE; a person's place is their id."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        ids = {code: i for i, code in enumerate(PLATFORMS, 1)}
        for code, parent in PARENTS.items():
            connection.execute(
                "INSERT INTO platforms VALUES (?, ?, ?)", (ids[code], code, ids.get(parent or ""))
            )
        for i, key in enumerate(ORGANISATIONS):
            connection.execute("INSERT INTO organisations VALUES (?, ?)", (i, key))
        for i, channel in enumerate(VALUES["channel"]):
            connection.execute("INSERT INTO addresses VALUES (?, ?)", (i, channel))
        for i, person in enumerate(PEOPLE):
            one = {field: next(iter(values), None) for field, values in person.fields.items()}
            connection.execute(
                "INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, 'member')",
                (
                    i,
                    ids.get(person.platform or ""),
                    one["type"],
                    one["sector"],
                    ORGANISATIONS.index(one["org"]) if one["org"] else None,
                    one["lang"],
                ),
            )
            for role in person.fields["role"]:
                connection.execute("INSERT INTO roles VALUES (?, 1, ?)", (i, role))
            for channel in person.fields["channel"]:
                connection.execute(
                    "INSERT INTO member_addresses VALUES (?, ?)",
                    (i, VALUES["channel"].index(channel)),
                )
        yield connection


def selected(connection: sqlite3.Connection, tree: Audience) -> set[int]:
    """Return whom the tree's SQL selects."""
    condition, values = where(tree)
    return {
        row[0]
        for row in connection.execute(f"SELECT m.id FROM members m WHERE {condition}", values)
    }


def within(platform: str | None, code: str) -> bool:
    """Whether a platform is the one of that code or below it."""
    while platform is not None and platform != code:
        platform = PARENTS[platform]
    return platform == code


def meant(tree: Audience, person: Person) -> bool:
    """Whether the tree means this person."""
    match tree:
        case All():
            return True
        case Platform(code):
            return within(person.platform, code)
        case Term(field, value):
            return value in person.fields[field]
        case And(parts):
            return all(meant(part, person) for part in parts)
        case Or(parts):
            return any(meant(part, person) for part in parts)
        case Not(part):
            return not meant(part, person)


LEAVES: st.SearchStrategy[Audience] = st.one_of(
    st.just(All()),
    st.sampled_from([Platform(code) for code in [*PLATFORMS, "nowhere"]]),
    st.sampled_from([Term(field, v) for field, values in VALUES.items() for v in [*values, "x"]]),  # type: ignore[arg-type]
)


def branches(children: st.SearchStrategy[Audience]) -> st.SearchStrategy[Audience]:
    """Return trees of these trees, parts of none and one included."""
    parts = st.lists(children, max_size=4).map(tuple)
    return st.builds(Not, children) | st.builds(And, parts) | st.builds(Or, parts)


@given(st.recursive(LEAVES, branches, max_leaves=20))
@settings(max_examples=200)
def test_sql_selects_whom_the_tree_means(database: sqlite3.Connection, tree: Audience) -> None:
    """The condition selects whom the tree means, and its opposite everybody else."""
    chosen = {i for i, person in enumerate(PEOPLE) if meant(tree, person)}
    assert selected(database, tree) == chosen
    assert selected(database, Not(tree)) == set(range(len(PEOPLE))) - chosen


def test_the_unknown_are_in_no_part_that_names_a_value(database: sqlite3.Connection) -> None:
    """Whoever has no type is not of type donor, and so is among those who are not."""
    unknown = {i for i, person in enumerate(PEOPLE) if not person.fields["type"]}
    assert unknown
    assert not unknown & selected(database, Term("type", "donor"))
    assert unknown <= selected(database, Not(Term("type", "donor")))


def test_values_never_stand_in_the_sql() -> None:
    """Whatever a value holds reaches the database as a parameter alone."""
    nasty = "x' OR 1=1; --"
    condition, values = where(And((Platform(nasty), Not(Term("org", nasty)), Term("role", nasty))))
    assert nasty not in condition
    assert values == {"a0": nasty, "a1": nasty, "a2": nasty}


def test_the_condition_can_be_added_to(database: sqlite3.Connection) -> None:
    """An open OR is bracketed, so that an AND behind it is one of the whole."""
    condition, values = where(Or((All(), Platform("nima"))))
    found = database.execute(f"SELECT 1 FROM members m WHERE {condition} AND m.id < 0", values)
    assert found.fetchall() == []


def deepest(part: Audience, depth: int) -> Audience:
    """Nest as deep as an expression may, an `or` in an `and` in a `not` each time."""
    for level in range(depth):
        leaf = Term("type", f"t{level}")
        part = (And((leaf, part)), Or((leaf, part)), Not(part))[level % 3]
    return part


@pytest.mark.parametrize("depth", [10, 50])
def test_deep_trees_can_be_run(database: sqlite3.Connection, depth: int) -> None:
    """Nesting as deep as an expression may be stays within SQLite's parser."""
    part = Platform("nima")
    for wide in (deepest(part, depth), And((deepest(part, depth), deepest(part, depth)))):
        chosen = {i for i, person in enumerate(PEOPLE) if meant(wide, person)}
        assert selected(database, wide) == chosen


def alternating(depth: int) -> Audience:
    """Nest `or` in `and`, which a NOT pushed down can't flatten."""
    part: Audience = Not(Platform("nima"))
    for level in range(depth):
        leaf = Term("lang", f"l{level}")
        part = And((leaf, part)) if level % 2 else Or((leaf, part))
    return part


def test_alternating_trees_can_be_run(database: sqlite3.Connection) -> None:
    """Fifty times `or` in `and`, the deepest bracket last, is still within it."""
    tree = And((alternating(50), alternating(50)))
    assert selected(database, tree) == {i for i, p in enumerate(PEOPLE) if meant(tree, p)}


def test_wide_trees_can_be_run(database: sqlite3.Connection) -> None:
    """As many terms as an expression may have are within SQLite's limits."""
    tree = Or(tuple(Not(Term("org", f"o{i}")) for i in range(200)))
    assert selected(database, tree) == set(range(len(PEOPLE)))


def test_names() -> None:
    """Every code and value is named with its field, in the order written."""
    tree = And((Platform("nima"), Or((Term("type", "donor"), All())), Not(Term("lang", "fr"))))
    assert list(names(tree)) == [("platform", "nima"), ("type", "donor"), ("lang", "fr")]


def test_what_is_no_tree_is_refused() -> None:
    """A kind of tree that is not known is a fault, never an empty audience."""
    with pytest.raises(AssertionError):
        where("nima")  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        list(names("nima"))  # type: ignore[arg-type]
