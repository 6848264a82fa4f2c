from __future__ import annotations

from tests.storage.postgres import (  # noqa: F401  fixtures are found by name
    databases,
    migrated_postgres,
    postgres_server,
    postgres_template,
)
