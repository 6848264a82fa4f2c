"""The keys of a `[channels.NAME]` with `driver = "twilio"`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from bot.channels.base import ChannelSettings

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class TwilioSettings(ChannelSettings):
    """What names an account and a sender at Twilio, and what its messages cost.

    `rate` counts segments a second; `price` is that of one segment. Empty `countries`
    means the alliance's. The token comes from the environment alone.
    """

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    sender: str = ""
    messaging_service_sid: str = Field(default="", pattern=r"^(MG[0-9a-fA-F]{32})?$")
    auth_token: SecretStr = SecretStr("")
    countries: tuple[Country, ...] = ()
    rate: float = Field(default=10, gt=0, le=10_000)
    price: float = Field(default=0.0, ge=0)
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    api_url: str = Field(default="https://api.twilio.com", pattern=r"^https?://[^\s/?#]+$")

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        """Refuse none and both: Twilio would pick, or refuse each message."""
        if bool(self.sender) == bool(self.messaging_service_sid):
            raise ValueError("set exactly one of sender and messaging_service_sid")
        return self
