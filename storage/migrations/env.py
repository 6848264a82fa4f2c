"""Alembic's environment: runs the migrations on the connection it was given.

Without one it writes their SQL for the engine it was told.
"""

from __future__ import annotations

from alembic import context

from storage.schema import metadata

given = context.config.attributes
if context.is_offline_mode():
    context.configure(dialect_name=given["engine"], literal_binds=True)
else:
    context.configure(
        connection=given["connection"], target_metadata=metadata, transaction_per_migration=True
    )
with context.begin_transaction():
    context.run_migrations()
