"""Settings: every section of config.toml as one frozen model, variables laid over the file."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot import channels
from bot.channels.base import ChannelSettings
from bot.config import keys
from bot.config.sections import (
    DEFAULT_TYPES,
    Alliance,
    Manners,
    Privacy,
    StakeholderType,
    Storage,
    Web,
    check_types,
)
from storage.errors import BadConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo


def by_driver(value: object) -> ChannelSettings:
    """Read one `[channels.NAME]` with the model of its driver.

    Raises PydanticCustomError, whose context holds the model's own errors.
    """
    if not isinstance(value, dict):
        raise PydanticCustomError("table", "must be a table: [channels.NAME]")
    name = value.get("driver")
    if not isinstance(name, str):
        raise PydanticCustomError("driver", "names no driver: driver = ...")
    try:
        model = channels.driver(name).settings
    except BadConfig as error:
        raise ValueError(str(error)) from None
    errors = _text_for_numbers(model, value)
    try:
        settings = model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        errors = {item["loc"]: item for item in found} | errors
    if errors:
        raise PydanticCustomError("channel", "can't be used", {"errors": [*errors.values()]})
    return settings


def _text_for_numbers(
    model: type[ChannelSettings], value: dict[str, Any]
) -> dict[tuple[int | str, ...], Any]:
    """Return the errors that pydantic, not strict in channels, misses: "10" or true for 10."""
    return {
        (name,): {"loc": (name,), "type": "float_type", "msg": ""}
        for name, field in model.model_fields.items()
        if field.annotation in (int, float) and isinstance(value.get(name), str | bool)
    }


# Two underscores part a variable's name, so a channel's name can't hold them.
ChannelName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=32)
]


class Environment(PydanticBaseSettingsSource):
    """The SWITCHBOARD_* variables that stand for a setting, as a tree like the file's."""

    def __init__(
        self, settings_cls: type[BaseSettings], known: Mapping[keys.Path, keys.Key]
    ) -> None:
        super().__init__(settings_cls)
        self._known = known

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Part of the base's protocol; the whole tree is made at once instead."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the tree."""
        tree: dict[str, Any] = {}
        for key in self._known.values():
            text = os.environ.get(keys.variable(key.path))
            if text is not None:
                branch = tree
                for part in key.path[:-1]:
                    branch = branch.setdefault(part, {})
                branch[key.path[-1]] = _value(text, json_expected=key.json)
        return tree


def _value(text: str, *, json_expected: bool) -> object:
    try:
        return json.loads(text) if json_expected else text
    except ValueError:
        return text


class Settings(BaseSettings):
    """Everything a user can set; made by `bot.config.load` alone."""

    model_config = SettingsConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, case_sensitive=True
    )

    alliance: Alliance
    storage: Storage = Field(default_factory=Storage)
    web: Web = Field(default_factory=Web)
    channels: dict[ChannelName, Annotated[ChannelSettings, PlainValidator(by_driver)]] = Field(
        default_factory=dict, validate_default=True
    )
    manners: Manners = Field(default_factory=Manners)
    privacy: Privacy = Field(default_factory=Privacy)
    types: Annotated[tuple[StakeholderType, ...], AfterValidator(check_types)] = Field(
        default=DEFAULT_TYPES, strict=False
    )

    @field_validator("channels")
    @classmethod
    def _at_least_one(cls, found: dict[str, ChannelSettings]) -> dict[str, ChannelSettings]:
        if not found:
            raise ValueError("one is needed at least: [channels.NAME]")
        return found

    @model_validator(mode="after")
    def _simulator_alone(self) -> Self:
        drivers = {channel.driver for channel in self.channels.values()}
        if "simulator" in drivers and len(drivers) > 1:
            raise ValueError("a simulator channel can't stand beside one that reaches real phones")
        if "simulator" in drivers and not self.web.loopback:
            raise ValueError(
                "with a simulator channel web.listen must be a loopback address such as"
                ' "127.0.0.1:8080", since anyone who connects can speak for any number'
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Lay variables over what the file says; there are no other sources."""
        del env_settings, dotenv_settings, file_secret_settings
        return Environment(settings_cls, known(init_settings())), init_settings


def known(tree: Mapping[str, Any]) -> dict[keys.Path, keys.Key]:
    """Return every setting there is, given the channels that the file and the variables name."""
    found = list(keys.of_model(Settings))
    for name, driver in keys.drivers(tree, os.environ).items():
        found += keys.of_model(keys.model_of(driver) or ChannelSettings, ("channels", name))
    return {key.path: key for key in found}
