"""Both engines, as whole-path tests have them."""

from __future__ import annotations

from tests.whole.conftest import (
    databases,
    engine,
    postgres_server,
    postgres_template,
    pytest_generate_tests,
)

__all__ = [
    "databases",
    "engine",
    "postgres_server",
    "postgres_template",
    "pytest_generate_tests",
]
