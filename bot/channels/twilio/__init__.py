"""SMS through Twilio, with its official library over one connection pool of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.channels.base import Driver
from bot.channels.twilio.channel import TwilioChannel
from bot.channels.twilio.settings import TwilioSettings
from storage.errors import BadConfig

if TYPE_CHECKING:
    from bot.channels.base import ChannelSettings, Context


def _build(name: str, settings: ChannelSettings, ctx: Context) -> TwilioChannel:
    """Make the channel; its secret is asked for by the variable that sets it."""
    if not isinstance(settings, TwilioSettings):
        raise BadConfig(f"[channels.{name}] does not hold the settings of the twilio driver")
    if not settings.auth_token.get_secret_value():
        variable = f"SWITCHBOARD_CHANNELS__{name.upper()}__AUTH_TOKEN"
        raise BadConfig(f"[channels.{name}] needs the account's auth token in {variable}")
    return TwilioChannel(name, settings, ctx)


DRIVER = Driver(settings=TwilioSettings, build=_build)
