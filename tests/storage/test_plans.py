"""What each statement costs SQLite over a long history: no more than over a short one."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3

import pytest

from storage.schema import metadata
from tests.storage.history import make
from tests.storage.realistic import EMPTY, WHOLE, named, put_together, values

# `make plans` has a million.
PEOPLE = int(os.environ.get("PLANS_PEOPLE", "50000"))
FEWER = PEOPLE // 10
# A statement reads a hundred rows at the most, and the busiest has some hundred steps for each.
MOST_STEPS = 40_000
EXACTLY = 10
SMALL = {"platforms", "organisations", "forms", "rounds", "batches", "pace", "spending", "pending"}
PARTIAL = {
    index.name
    for table in metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}


@contextlib.contextmanager
def history(folder, people):
    """Make a database of a history that nobody has analysed."""
    path = folder / f"{people}.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -200000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        for statement in make("sqlite", people):
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
        yield connection
    path.unlink()


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A long history."""
    with history(tmp_path_factory.mktemp("long"), PEOPLE) as connection:
        yield connection


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A tenth of it."""
    with history(tmp_path_factory.mktemp("short"), FEWER) as connection:
        yield connection


async def daily(people):
    """Return every statement of the daily work, with its values."""
    return {
        name: (text, values(name, text, people))
        for name, text in named("sqlite").items()
        if name not in WHOLE
    } | await put_together("sqlite", people)


def cost(connection, text, given):
    """Return how many steps a statement takes, and how many rows it finds; undo what it did."""
    steps = 0

    def step():
        nonlocal steps
        steps += EXACTLY
        return steps > 10 * MOST_STEPS

    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN")
    connection.set_progress_handler(step, EXACTLY)
    try:
        cursor = connection.execute(text, given)
        return steps, len(cursor.fetchall()) if cursor.description else cursor.rowcount
    except sqlite3.OperationalError as error:
        return steps, str(error)
    finally:
        connection.set_progress_handler(None, 0)
        if connection.in_transaction:  # breaking a statement off may have ended it
            connection.execute("ROLLBACK")


def scans(connection, text, given):
    """Return the lines of a plan that read a growing table from end to end."""
    aliases = {
        alias or table: table
        for table, alias in re.findall(
            r"(?:FROM|JOIN|UPDATE|INTO) (\w+)(?: (?!SET|ON|WHERE|JOIN|LEFT|ORDER|GROUP)(\w+))?",
            text,
        )
    }
    found = []
    connection.execute("PRAGMA foreign_keys = OFF")
    for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", given):
        scan = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", row[3])
        table = scan and aliases.get(scan[1], scan[1])
        if table in {*metadata.tables} - SMALL and scan[2] not in PARTIAL:
            found.append(row[3])
    return found


async def test_no_statement_costs_more_over_a_long_history(long, short):
    """What is done for one person, one row or one chunk takes so many steps, and no more."""
    found, before = await daily(PEOPLE), await daily(FEWER)
    assert {"claims._CLAIM", "claims._FACTS", "settling._RECEIPT", "addresses._SENDER"} <= {*found}
    costs = {name: cost(long, *statement) for name, statement in found.items()}
    costs_before = {name: cost(short, *before[name]) for name in found}
    assert {
        name: (costs_before[name], cost)
        for name, cost in costs.items()
        if cost[0] > min(MOST_STEPS, 1.3 * costs_before[name][0] + 200)
    } == {}
    assert {name for name, (_, rows) in costs.items() if not rows} == {*EMPTY}


async def test_no_statement_reads_a_growing_table_whole(long):
    """Rows are found by an index, or by one that has only what still waits."""
    read_whole = {name: scans(long, *it) for name, it in (await daily(PEOPLE)).items()}
    assert {name: plan for name, plan in read_whole.items() if plan} == {}


def test_what_grows_is_seen(long, short):
    """The check itself can tell."""
    scanning = ("UPDATE barred SET at = 2 WHERE reason = :reason", {"reason": "no"})
    assert scans(long, *scanning) == ["SCAN barred"]
    assert cost(long, *scanning)[0] > 9 * cost(short, *scanning)[0]
    assert cost(long, "SELECT 1 FROM outbox WHERE id = :id", {"id": 7}) == (0, 1)
