"""The keys of `[channels.NAME]` with `driver = "telegram"`."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from bot.channels.base import ChannelSettings

VARIABLE = "SWITCHBOARD_CHANNELS__<NAME>__"


class TelegramSettings(ChannelSettings):
    """How the bot reaches Telegram; both secrets come from the environment."""

    mode: Literal["polling", "webhook"] = "polling"
    api_url: str = "https://api.telegram.org"
    token: SecretStr = Field(default=SecretStr(""), validate_default=True)
    secret_token: SecretStr = SecretStr("")

    @field_validator("api_url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^\s/{}]+(/[^\s?#{}]*)?", url):
            raise ValueError("api_url must look like https://api.telegram.org")
        return url.rstrip("/")

    @field_validator("token")
    @classmethod
    def _is_a_token(cls, token: SecretStr) -> SecretStr:
        """Accept what can stand in a path: the token is a part of every URL."""
        if not token.get_secret_value():
            raise ValueError(f"set {VARIABLE}TOKEN to the token that @BotFather gave")
        if not re.fullmatch(r"[A-Za-z0-9:_-]+", token.get_secret_value()):
            raise ValueError(f"{VARIABLE}TOKEN is not a bot token")
        return token

    @model_validator(mode="after")
    def _has_a_secret(self) -> Self:
        """Ask for the webhook's secret. Source: core.telegram.org/bots/api#setwebhook (2026-11)."""
        secret = self.secret_token.get_secret_value()
        if self.mode == "webhook" and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
            raise ValueError(
                f"webhook mode needs {VARIABLE}SECRET_TOKEN: 1 to 256 of A-Z a-z 0-9 _ -"
            )
        return self
