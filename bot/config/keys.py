"""Which settings there are, by dotted key, and the environment variable of each."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, SecretStr

from bot import channels
from storage.errors import BadConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.channels.base import ChannelSettings

PREFIX = "SWITCHBOARD_"
SECRET_NAMES = {"auth_token", "token", "secret_token", "hash_key"}

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: where it stands, and what type its value has."""

    path: Path
    annotation: object

    @property
    def secret(self) -> bool:
        """It must come from the environment."""
        typed = self.annotation is SecretStr or SecretStr in get_args(self.annotation)
        return typed or self.path[-1] in SECRET_NAMES

    @property
    def json(self) -> bool:
        """Its variable holds JSON (a number, true, a list), not plain text."""
        return _json(self.annotation)


def _json(annotation: object) -> bool:
    if annotation in (int, float, bool) or get_origin(annotation) in (tuple, list, dict):
        return True
    return any(_json(part) for part in get_args(annotation))


def dotted(path: Iterable[str]) -> str:
    """Return the key as people write it: `channels.sms.rate`."""
    return ".".join(path)


def variable(path: Iterable[str]) -> str:
    """Return the name of a setting's environment variable."""
    return PREFIX + "__".join(path).upper()


def path_of(name: str) -> Path:
    """Return the key that a variable's name stands for, whether there is one or not."""
    return tuple(name.removeprefix(PREFIX).lower().split("__"))


def table(tree: object, name: str) -> Mapping[str, Any]:
    """Return a table of a tree that may hold anything."""
    found = tree.get(name) if isinstance(tree, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def of_model(model: type[BaseModel], prefix: Path = ()) -> Iterator[Key]:
    """Yield the settings of a model, those of the models in it too; channels have their own."""
    for name, field in model.model_fields.items():
        path = (*prefix, name)
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from of_model(inner, path)
        elif path != ("channels",):
            yield Key(path, inner)


def drivers(tree: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the driver of each channel that the file or a variable names one for."""
    channel_tables = table(tree, "channels")
    found = {name: table(channel_tables, name).get("driver") for name in channel_tables}
    for name, value in environ.items():
        match path_of(name) if name.startswith(PREFIX) else ():
            case ("channels", channel, "driver"):
                found[channel] = value
    return {name: driver for name, driver in found.items() if isinstance(driver, str)}


def model_of(driver: str) -> type[ChannelSettings] | None:
    """Return the settings model of a driver, None where there is no such driver."""
    try:
        return channels.driver(driver).settings
    except BadConfig:
        return None


def nearest(path: Path, known: Iterable[Path]) -> Path:
    """Return the known key most like an unknown one, by the whole and by its last word."""

    def likeness(other: Path) -> float:
        whole = difflib.SequenceMatcher(None, dotted(path), dotted(other)).ratio()
        return whole + difflib.SequenceMatcher(None, path[-1], other[-1]).ratio()

    return max(known, key=likeness)
