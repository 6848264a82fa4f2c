"""The first tables, as the SQL beside this file has them for each engine."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table, index and trigger."""
    engine = op.get_context().dialect.name
    script = Path(__file__).with_name(f"0001_first.{engine}.sql").read_text(encoding="utf-8")
    for statement in script.rstrip(";\n").split(";\n\n"):
        op.execute(statement)
