"""Several rows in one statement: what is written is what as many statements would have written."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import addresses, answers, dialogs, inbound, outbox
from storage.gathering import together
from storage.inserts import parted
from storage.sqlite import wide

PUT = (
    "INSERT INTO note (id, body, at) VALUES (:id, ')' || :body, (SELECT 1 + :id))"
    " ON CONFLICT (id) DO UPDATE SET body = excluded.body"
)


@pytest.fixture
def connection():
    """A table in memory."""
    found = sqlite3.connect(":memory:", isolation_level=None)
    found.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT NOT NULL, at INTEGER)")
    yield found
    found.close()


def test_an_insert_is_taken_apart_at_the_end_of_its_row():
    """A bracket within quotes ends nothing, and a parameter that is used twice is named twice."""
    found = parted(PUT)
    assert found is not None
    assert (found.table, found.head) == ("note", "INSERT INTO note (id, body, at)")
    assert found.row == ":id, ')' || :body, (SELECT 1 + :id)"
    assert found.tail == " ON CONFLICT (id) DO UPDATE SET body = excluded.body"
    assert found.names == ("id", "body", "id")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE note SET body = :body WHERE id = :id",
        "INSERT INTO note (id, body) SELECT :id, :body",
        "INSERT INTO note (id, body) VALUES (?, ?)",
        "INSERT INTO note (id, body) VALUES (:id, :body) RETURNING id",
        "INSERT INTO note (id, body) VALUES (:id, :body) ON CONFLICT DO UPDATE SET body = :other",
    ],
)
def test_what_is_no_insert_of_one_row_is_left_whole(statement):
    """Nor is one that returns something, or has parameters elsewhere than in its row."""
    assert parted(statement) is None


@pytest.mark.parametrize(
    "statement",
    [inbound._POST, answers._PUT, dialogs._PUT, addresses._HEARD, outbox._REPLY],
)
def test_what_a_poll_answer_writes_can_go_together(statement):
    """Each of its statements is one for all the messages of a round."""
    assert wide.widened(statement) is not None


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 33, 70])
def test_any_number_of_rows_is_written(connection, count):
    """Whatever sizes are prepared, each row is there once, as it would be by itself."""
    rows = [{"id": number, "body": f"b{number}"} for number in range(count)]
    assert wide.run(connection, PUT, rows) == count
    found = connection.execute("SELECT id, body, at FROM note ORDER BY id").fetchall()
    assert found == [(number, f")b{number}", number + 1) for number in range(count)]


def test_of_rows_with_one_key_the_last_stays(connection):
    """As if they had been written one after the other."""
    wide.run(connection, PUT, [{"id": 1, "body": body} for body in "abc"])
    assert connection.execute("SELECT body FROM note").fetchall() == [(")c",)]


def test_a_row_that_can_not_be_written_leaves_none_of_its_statement(connection):
    """What raises undoes its own statement; the caller undoes the transaction."""
    with pytest.raises(sqlite3.IntegrityError):
        wide.run(connection, PUT, [{"id": 1, "body": "a"}, {"id": 2, "body": None}])
    assert connection.execute("SELECT COUNT(*) FROM note").fetchone() == (0,)


@pytest.mark.parametrize("ids", [(1, 2, 3), (1, 2, 1)])
def test_an_update_changes_each_row_as_often_as_it_is_asked(connection, ids):
    """Different rows by one statement; several changes of one row follow one another."""
    wide.run(connection, PUT, [{"id": number, "body": ""} for number in (1, 2, 3)])
    change = "UPDATE note SET body = body || ':more' || :more WHERE id = :id"
    sets = [{"id": number, "more": f"m{nth}"} for nth, number in enumerate(ids)]
    assert wide.run(connection, change, sets) == 3
    expected = dict.fromkeys((1, 2, 3), ")")
    for nth, number in enumerate(ids):
        expected[number] += f":morem{nth}"
    assert dict(connection.execute("SELECT id, body FROM note")) == expected


def test_an_update_goes_by_its_ids(connection):
    """However many rows there are, only those are looked at that are changed."""
    change = wide._text("UPDATE note SET body = :body WHERE id = :id", 4)
    plan = connection.execute(f"EXPLAIN QUERY PLAN {change}", [None] * 8).fetchall()
    assert any("SEARCH note USING INTEGER PRIMARY KEY" in row[3] for row in plan)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6), max_size=6))
def test_each_list_keeps_its_order_among_the_others(lists):
    """Whatever is put together: of each unit the statements run in the order it asked for."""
    units = [
        [(statement, {"unit": unit, "nth": nth}) for nth, statement in enumerate(one)]
        for unit, one in enumerate(lists)
    ]
    ran = [(statement, values) for statement, sets in together(units) for values in sets]
    for unit, one in enumerate(units):
        assert [pair for pair in ran if pair[1]["unit"] == unit] == one
