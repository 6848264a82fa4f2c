"""Telegram: a bot that polls or has a webhook; `channel.py` is the way in."""

from __future__ import annotations

from bot.channels.base import Channel, ChannelSettings, Context, Driver
from bot.channels.telegram.channel import TelegramChannel
from bot.channels.telegram.settings import TelegramSettings
from storage.errors import BadConfig


def _build(name: str, settings: ChannelSettings, context: Context) -> Channel:
    """Make the channel. Raises BadConfig for a webhook that has no address."""
    if not isinstance(settings, TelegramSettings):
        raise BadConfig(f"channels.{name}: these are not the settings of a Telegram channel")
    if settings.mode == "webhook" and not context.public_url:
        raise BadConfig(f"channels.{name}: webhook mode needs web.public_url")
    return TelegramChannel(name, settings, context)


DRIVER = Driver(TelegramSettings, _build)
