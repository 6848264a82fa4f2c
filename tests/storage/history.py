"""An alliance's history, at any size: years of messages to a million members, made by SQL.

Ten rows of the outbox for each person, most of them settled long ago, and what a big alliance
has of everything else: the same on both engines.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.storage.dump_schema import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.database import Engine

NOW = 1_900_000_000_000
DAY = 86_400_000
SIGN_UP = 1

_ROWS = Path(__file__).with_name("history.sql")
_WORDS = {
    "NOW": str(NOW),
    "DAY": str(DAY),
    "YEARS": str(730 * DAY),
    "SIGN_UP": str(SIGN_UP),
    # The two rounds that are open beside sign-up.
    "CHECK_IN": "({R} - 1)",
    "POLL": "{R}",
    # The batch that asked the poll, and the broadcast that is under way.
    "ASKING": "({B} - 1)",
    "SENDING": "{B}",
    "ROW": "1 + (i - 1) % {P}",
    "AGO": "{NOW} - (10 * {P} - i) * ({YEARS} / (10 * {P}))",
    "SETTLED": "CASE i % 20 WHEN 0 THEN 'failed' WHEN 1 THEN 'sent' ELSE 'delivered' END",
    "SID": "'SM' || (100000000000 + i)",
}
_SERIES = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT {low} + 1 UNION ALL SELECT i + 1 FROM n"
    " WHERE i < {high}) SELECT i FROM n) s",
    "postgresql": "generate_series(CAST({low} + 1 AS BIGINT), {high}) AS s(i)",
}
# Lets PostgreSQL number what comes later from where these rows end.
_GO_ON = (
    "SELECT setval(pg_get_serial_sequence(table_name, 'id'), {most}) FROM"
    " information_schema.columns WHERE table_schema = 'public' AND column_name = 'id'"
    " AND column_default LIKE 'nextval%'"
)


def last_round(people: int) -> int:
    """Return the id of the poll that is open; a check-in's is the one before it."""
    return 60 + people // 500


def last_batch(people: int) -> int:
    """Return the id of the broadcast that is under way."""
    return 80 + people // 500


def make(engine: Engine, people: int) -> Iterator[str]:
    """Yield what makes the schema and its rows: the indexes last, which is quicker."""
    tables, later = [], []
    for statement in statements(engine):
        (tables if statement.startswith("CREATE TABLE") else later).append(statement)
    yield from tables
    yield from _rows(engine, people)
    yield from later
    if engine == "postgresql":
        yield _GO_ON.replace("{most}", str(10 * people))
        yield "ANALYZE"


def _rows(engine: Engine, people: int) -> Iterator[str]:
    words = _WORDS | {"P": str(people), "R": str(last_round(people)), "B": str(last_batch(people))}
    text = re.sub(r"^--.*\n", "", _ROWS.read_text(), flags=re.MULTILINE)
    while (filled := re.sub(r"\{([A-Z_]+)\}", lambda word: words[word[1]], text)) != text:
        text = filled
    for statement in filter(None, map(str.strip, text.split(";"))):
        yield re.sub(
            r"\[(.+?) to (.+?)\]",
            lambda ends: _SERIES[engine].format(low=ends[1], high=ends[2]),
            statement,
        )
