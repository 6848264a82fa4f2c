"""The first tables."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from storage.schema import TRIGGERS, metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table and trigger."""
    bind = op.get_bind()
    metadata.create_all(bind)
    for trigger in TRIGGERS[bind.dialect.name]:
        bind.execute(text(trigger))
