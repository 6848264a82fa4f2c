"""The SQL is written once and runs on SQLite every day: here PostgreSQL reads all of it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import defaultdict

import asyncpg
import pytest

import storage
from storage import audience, batches, recipients
from storage.audience import All, And, Not, Or, Platform, Term
from storage.database import STATEMENTS
from storage.postgres.statements import numbered
from tests.storage.dump_schema import statements

ENGINES = {"sqlite", "postgres", "migrations", "schema"}
NUMBERS = {"int2", "int4", "int8"}
INSTANTS = re.compile(r"^(now|since|before|at|\w+_at|\w+_until|\w+_us)$")
# A batch's kind is a word, an outbox row's a number; a value of a member is of its column's type.
TWO_TYPES = {"kind": {"number", "text"}, "value": {"number", "text"}}

AUDIENCES = [
    All(),
    Platform("nima"),
    *(Term(field, "x") for field in audience._FIELDS),
    Not(And((Platform("nima"), Term("type", "media")))),
    Or((Not(Term("role", "support")), And((Term("lang", "en"), Term("channel", "sms"))))),
    And(()),
    Or(()),
]


class Recorder:
    """A Tx that keeps what it is asked, so that SQL put together at a call can be read too."""

    engine = "postgresql"

    def __init__(self):
        self.said = []

    async def rows(self, statement, **values):
        self.said.append((statement, values))
        return [] if "GROUP BY" in statement or "m.id = :" in statement else [(1,)]

    async def row(self, statement, **values):
        self.said.append((statement, values))
        return (1, 1)

    async def run(self, statement, **values):
        self.said.append((statement, values))
        return 1

    async def notify(self, topic):
        pass


async def generated():
    """Return each statement that recipients and audience put together, for sample audiences."""
    tx = Recorder()
    for tree in AUDIENCES:
        for kind in ("announcement", "poll", "result"):
            batch = batches.Batch(
                1, kind, 1, None, "", {}, False, "queueing", 0, 0, 0, 0, None
            )  # fmt: skip
            await recipients.queue_chunk(tx, batch, tree, now=1, span=10)
        await recipients.capped(tx, tree, since=0, most=1)
        await recipients.stopped(tx, tree)
        await recipients.people(tx, tree, 1)
        await recipients.reach(tx, tree)
        await recipients.types(tx, tree)
        await audience.holds(tx, tree, 1)
    for statement, values in tx.said:
        assert set(numbered(statement)[1]) == set(values), statement
    return [statement for statement, _ in tx.said]


def registered():
    """Return every statement of the storage's files."""
    for module in pkgutil.walk_packages(storage.__path__, "storage."):
        if module.name.split(".")[1] not in ENGINES:
            importlib.import_module(module.name)
    return list(dict.fromkeys(STATEMENTS))


@pytest.fixture
async def tables(postgres):
    """A PostgreSQL database with every table and trigger of schema.py."""
    for statement in statements("postgresql"):
        await postgres.execute(statement)
    return postgres


@pytest.mark.parametrize(
    ("statement", "expected", "names"),
    [
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1", ["a", "b"]),
        ("SELECT ':a' || :a, ':it''s :b'", "SELECT ':a' || $1, ':it''s :b'", ["a"]),
        ('SELECT x::text, ":q" WHERE :y::int = 1', 'SELECT x::text, ":q" WHERE $1::int = 1', ["y"]),
    ],
)
def test_parameters_are_numbered(statement, expected, names):
    """One name used twice is one parameter; quotes and casts are left alone."""
    assert numbered(statement)[:2] == (expected, tuple(names))


async def test_postgresql_can_prepare_every_statement(tables):
    """Every statement is one that PostgreSQL can PREPARE, with the types it infers itself."""
    refused = {}
    found = registered() + await generated()
    assert len(found) > 150
    for statement in found:
        try:
            await tables.prepare(numbered(statement)[0])
        except asyncpg.PostgresError as error:
            refused[statement] = str(error)
    assert refused == {}


async def test_a_parameter_has_the_type_that_its_name_says(tables):
    """A number is nowhere taken for a text, and no instant for a number of 32 bits."""
    found = defaultdict(lambda: defaultdict(list))
    for statement in registered() + await generated():
        numbers, names = numbered(statement)[:2]
        prepared = await tables.prepare(numbers)
        for name, kind in zip(names, prepared.get_parameters(), strict=True):
            found[name]["number" if kind.name in NUMBERS else kind.name].append(statement)
            if INSTANTS.match(name):
                assert kind.name == "int8", (name, statement)
    assert {name: set(kinds) for name, kinds in found.items() if len(kinds) > 1} == TWO_TYPES
