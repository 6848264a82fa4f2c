"""How SQLite finds rows: a table that grows with the alliance is never read from end to end."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import re
import sqlite3

import pytest

import storage
from storage import batches
from storage.audience import All, Platform, where
from storage.database import STATEMENTS
from storage.schema import metadata
from tests.storage.dump_schema import statements
from tests.storage.test_postgres_statements import ENGINES

PEOPLE = 2_000
GROWING = {
    "outbox", "attempts", "inbound", "members", "addresses", "member_addresses", "answers",
    "respondents", "dialogs", "consents", "tickets", "audit", "roles", "barred", "pending",
}  # fmt: skip
PARTIAL = {
    index.name
    for table in metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}

# Read from end to end on purpose, with the reason.
WHOLE = {
    "pending._EXPIRE": "what waits for a confirmation now, and nothing older",
}

FILL = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PEOPLE})
INSERT INTO %s SELECT %s FROM n
"""
ROWS = {
    "platforms (id, code, name, created_at)": "i, 'p' || i, 'P', 1",
    "forms (id, name, version, privacy, body, created_at)": "i, 'f', i, 'named', '', 1",
    "rounds (id, code, form_id, opened_at)": "i, 'P' || i, i, 1",
    "members (id, state, platform_id, created_at)": "i, 'member', i % 20 + 1, 1",
    "addresses (id, channel, value, created_at)": "i, 'sms', '+' || i, 1",
    "member_addresses (member_id, address_id, linked_at)": "i, i, 1",
    "batches (id, kind, texts, state, due_at, expires_at, created_at)":
        "i, 'announcement', '{}', 'queued', 1, 9, 1",
    "dialogs (member_id, round_id, address_id, question, opened_at)": "i, i % 20 + 1, i, 0, 1",
    "answers (round_id, member_id, question, value, at)": "i % 20 + 1, i, 0, '1', 1",
    "inbound (channel, key, address_id, member_id, kind, text, at)":
        "'sms', i, i, i, 'text', 'x', 1",
    "outbox (batch_id, kind, member_id, address_id, channel, status, provider_id, question,"
    " round_id, until_at, sent_at, queued_at, expires_at)":
        "i % 5 + 1, i % 3, i, i, 'sms', CASE i % 4 WHEN 0 THEN 'queued' WHEN 1 THEN 'held'"
        " WHEN 2 THEN 'sent' ELSE 'delivered' END, i, 0, i % 20 + 1, i, i, i, 9",
    "tickets (member_id, address_id, kind, text, state, created_at)":
        "i, i, 'question', 'x', 'answered', 1",
}  # fmt: skip


@pytest.fixture(scope="module")
def filled():
    """A database of some thousand rows that nobody has analysed."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements("sqlite"):
            connection.execute(statement)
        for table, values in ROWS.items():
            connection.execute(FILL % (table, values))
        yield connection


def named():
    """Return every statement that SQLite runs, by the name of its constant."""
    found = {}
    for info in pkgutil.iter_modules(storage.__path__, "storage."):
        room = info.name.removeprefix("storage.")
        if room in ENGINES:
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            if isinstance(value, str) and value in STATEMENTS:
                found[f"{room}.{name}"] = value
            elif isinstance(value, dict):
                texts = {"": value["sqlite"]} if "sqlite" in value else value
                found |= {
                    f"{room}.{name}{key and f'[{key}]'}": text
                    for key, text in texts.items()
                    if isinstance(text, str) and (text in STATEMENTS or not key)
                }
    return found


def scans(connection, statement):
    """Return the growing tables that a statement reads whole."""
    aliases = {
        alias or table: table
        for table, alias in re.findall(
            r"(?:FROM|JOIN|UPDATE|INTO) (\w+)(?: (?!SET|ON|WHERE|JOIN|LEFT|ORDER|GROUP)(\w+))?",
            statement,
        )
    }
    values = dict.fromkeys(re.findall(r"(?<!:):([A-Za-z_]\w*)", statement))
    found = []
    for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values):
        scan = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", row[3])
        if scan and aliases.get(scan[1], scan[1]) in GROWING and scan[2] not in PARTIAL:
            found.append(row[3])
    return found


def test_no_statement_reads_a_growing_table_whole(filled):
    """Whatever is done for one person, one row or one round is found by an index."""
    found = named()
    assert {"claims._CLAIM", "claims._FACTS", "settling._RECEIPT", "addresses._SENDER"} <= {*found}
    read_whole = {name: scans(filled, text) for name, text in found.items()}
    assert {name: plan for name, plan in read_whole.items() if plan and name not in WHOLE} == {}


def test_what_may_be_read_whole_is_there(filled):
    """The list of exceptions names nothing that is gone or has become better."""
    found = named()
    assert [name for name in WHOLE if not scans(filled, found.get(name, "SELECT 1"))] == []


def test_a_scan_is_seen(filled):
    """The check itself can tell."""
    assert scans(filled, "SELECT 1 FROM outbox o WHERE o.text = :text") == ["SCAN o"]
    assert scans(filled, "UPDATE outbox SET text = '' WHERE text = :text") == ["SCAN outbox"]
    assert scans(filled, "SELECT 1 FROM outbox WHERE id = :id") == []


HOT = {
    "claims._CLAIM": ["ix_outbox_queued"],
    "claims._LAPSED": ["ix_outbox_sending"],
    "claims._DOUBTFUL": ["ix_outbox_unknown"],
    "outbox._RELEASE": ["ix_outbox_held"],
    "outbox._EXPIRE": ["ix_outbox_held (until_at<?)"],
    "outbox._OVERDUE": ["ix_outbox_queued"],
    "tickets._OPEN_OF": ["ix_tickets_address_id"],
    "outbox._BY_STATUS": ["ix_outbox_batch"],
    "settling._ROW_OF": ["ix_outbox_provider"],
    "inbound._PRUNE": ["ix_inbound_text"],
}


@pytest.mark.parametrize(("name", "indexes"), HOT.items())
def test_what_runs_all_day_uses_its_index(filled, name, indexes):
    """Each index that was made for a statement serves it."""
    text = named()[name]
    values = dict.fromkeys(re.findall(r"(?<!:):([A-Za-z_]\w*)", text))
    plan = " ".join(row[3] for row in filled.execute(f"EXPLAIN QUERY PLAN {text}", values))
    assert [index for index in indexes if index not in plan] == []


@pytest.mark.parametrize("tree", [All(), Platform("p1")])
def test_a_chunk_of_a_batch_goes_on_where_the_last_ended(filled, tree):
    """Members are walked by their ids, so that the last chunk costs no more than the first."""
    condition, values = where(tree)
    members = batches._MEMBERS.replace("{where}", condition)
    for template in (batches._CHUNK, batches._QUEUE):
        text = template.replace("{members}", members)
        named_values = dict.fromkeys(re.findall(r"(?<!:):([A-Za-z_]\w*)", text)) | values
        plan = [row[3] for row in filled.execute(f"EXPLAIN QUERY PLAN {text}", named_values)]
        assert any(line.startswith("SEARCH m ") for line in plan), plan
        assert not any(re.match(r"SCAN (m|a|ma|x)$", line) for line in plan), plan
