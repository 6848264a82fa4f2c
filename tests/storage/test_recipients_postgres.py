"""Whom a broadcast reaches, asked of a PostgreSQL that knows nothing yet of who was imported."""

from __future__ import annotations

import json

import asyncpg

from storage.audience import All
from storage.postgres.statements import numbered
from storage.postgres.units import _READ
from storage.recipients import _REACH, _filled

PEOPLE = 1_000
PEOPLE_OF_NOW = (
    "INSERT INTO members (id, state, created_at)"
    " SELECT n, 'member', 1 FROM generate_series(1, {0}) n;"
    "INSERT INTO addresses (id, channel, value, created_at)"
    " SELECT n, 'sms', CAST(n AS TEXT), 1 FROM generate_series(1, {0}) n;"
    "INSERT INTO member_addresses (member_id, address_id, linked_at)"
    " SELECT n, n, 1 FROM generate_series(1, {0}) n"
)


async def test_a_preview_right_after_an_import(migrated_postgres):
    """Each member's address is looked up by key, statistics or none: some pages a member."""
    connection = await asyncpg.connect(migrated_postgres)
    try:
        await connection.execute(PEOPLE_OF_NOW.format(PEOPLE))
        statement, values = _filled(_REACH, "postgresql", All())
        form = numbered(statement)
        await connection.execute(_READ)
        plan = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {form.text}", *form.values(values)
        )
        await connection.execute("ROLLBACK")
    finally:
        await connection.close()
    (found,) = json.loads(plan)
    assert found["Plan"]["Shared Hit Blocks"] < 20 * PEOPLE
