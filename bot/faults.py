"""Tracebacks fit for a log: an exception's own words may hold what a person wrote."""

from __future__ import annotations

import traceback

_DEPTH = 5


def where(error: BaseException) -> str:
    """Return where an exception and its causes were raised, each by its type alone."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < _DEPTH:
        parts.append("".join(traceback.format_tb(cause.__traceback__)) + type(cause).__name__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\nfrom\n".join(parts)
