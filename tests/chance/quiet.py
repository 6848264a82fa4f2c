"""Nothing of what the program logs is shown while chance is at work: what matters is counted."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Let nothing be logged within the block."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
