"""The settings, from config.toml and SWITCHBOARD_* variables; only `bot` reads them."""

from __future__ import annotations

from bot.config.load import load
from bot.config.settings import Settings

__all__ = ["Settings", "load"]
