"""Logs: events with ids, as JSON, or readable on a terminal. Never a person's words."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog

from bot import faults

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def _where(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say where an exception was raised, without its own words."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["trace"] = faults.where(error)
    return event


class _Others(logging.Handler):
    """What libraries log, by its name and level alone: their words may hold a number."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().warning(
            "library", logger=record.name, level_name=record.levelname,
            trace=faults.where(error) if error else "",
        )  # fmt: skip


def configure() -> None:
    """Let structlog write to stderr, and libraries' warnings pass through it."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _where,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # It warns of every tick that a locked database delays; the jobs themselves say so.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    root = logging.getLogger()
    root.handlers = [_Others(level=logging.WARNING)]
    root.setLevel(logging.WARNING)
