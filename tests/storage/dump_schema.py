"""Freezes storage/schema.py into the first migration: `python -m tests.storage.dump_schema`.

For as long as nothing has been released: after that a change of the schema is a migration of
its own, and what this wrote stays as it is.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from storage import migrations
from storage.schema import TRIGGERS, metadata

if TYPE_CHECKING:
    from sqlalchemy import Dialect

VERSIONS = Path(migrations.__file__).parent / "versions"
DIALECTS: dict[str, Dialect] = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}


def statements(engine: str) -> list[str]:
    """Return what makes every table, index and trigger of schema.py, in an order that works."""
    made: list[CreateTable | CreateIndex] = []
    for table in metadata.sorted_tables:
        made.append(CreateTable(table))
        made += [CreateIndex(index) for index in sorted(table.indexes, key=lambda i: str(i.name))]
    found = [str(one.compile(dialect=DIALECTS[engine])) for one in made]
    return [_tidy(statement) for statement in (*found, *TRIGGERS[engine])]


def _tidy(statement: str) -> str:
    first, *rest = (line.rstrip() for line in statement.strip().expandtabs(4).splitlines())
    return "\n".join([first, *textwrap.dedent("\n".join(rest)).splitlines()])


def main() -> None:
    """Write the SQL files of the first migration."""
    for engine in DIALECTS:
        text = "".join(f"{statement};\n\n" for statement in statements(engine))
        (VERSIONS / f"0001_first.{engine}.sql").write_text(text.rstrip("\n") + "\n")


if __name__ == "__main__":
    main()
