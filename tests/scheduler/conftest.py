"""The same post office as in the tests of sending."""

from __future__ import annotations

from tests.bot.conftest import empty, post

__all__ = ["empty", "post"]
