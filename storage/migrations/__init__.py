"""Migrations, run by Alembic. `HEAD` lets a start see without Alembic that none is due."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import WrongSchema

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0001"


def is_due(found: str | None) -> bool:
    """Tell whether a database of that version must be migrated. Raises WrongSchema."""
    if found is not None and found > HEAD:
        raise WrongSchema(
            f"the database has schema {found} and this program knows {HEAD}: install a newer one"
        )
    return found != HEAD


def script() -> Config:
    """Return Alembic's configuration for this folder."""
    from alembic.config import Config  # noqa: PLC0415  only when there is something to migrate

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
