"""load(): config.toml and the variables become Settings, or one message with every problem."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from bot.config import keys, problems
from bot.config.settings import Settings, known
from storage.errors import BadConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def load(path: Path) -> Settings:
    """Return the settings, a SQLite path among them made absolute.

    Raises BadConfig with a line for each problem; no line carries a value of the file or
    of a variable.
    """
    tree = _read(path)
    settings_known = known(tree)
    found = [
        *problems.unknown_tables(tree, settings_known),
        *_secrets_in(tree, settings_known),
        *_unmatched(tree, settings_known),
        *_no_hash_key(tree),
    ]
    try:
        settings = Settings(**{name: tree[name] for name in Settings.model_fields if name in tree})
    except ValidationError as error:
        found += problems.lines(error, settings_known)
        settings = None
    if found or settings is None:
        raise BadConfig("\n  ".join([f"{path} can't be used:", *dict.fromkeys(found)]))
    return _beside(path, settings)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadConfig(
            f"there is no {path}: copy config.example.toml to it and change what differs"
        ) from None
    except OSError as error:
        raise BadConfig(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path} is not UTF-8 text (byte {error.start + 1})") from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise BadConfig(f"{path} is not TOML: its brackets are nested too deeply") from None


def _secrets_in(
    tree: Mapping[str, Any], settings_known: Mapping[keys.Path, keys.Key]
) -> Iterator[str]:
    for key in settings_known.values():
        branch: Mapping[str, Any] = tree
        for part in key.path[:-1]:
            branch = keys.table(branch, part)
        if key.secret and key.path[-1] in branch:
            yield (
                f"{keys.dotted(key.path)} is a secret and must not stand in the file:"
                f" remove it and set {keys.variable(key.path)}"
            )
    if _has_password(keys.table(tree, "storage").get("url")):
        yield (
            "storage.url holds a password, which must not stand in the file:"
            f" set {keys.variable(('storage', 'url'))} to the whole address"
        )


def _has_password(url: object) -> bool:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return bool(parts and (parts.password or "password=" in parts.query))
    except ValueError:
        return False


def _unmatched(
    tree: Mapping[str, Any], settings_known: Mapping[keys.Path, keys.Key]
) -> Iterator[str]:
    drivers = keys.drivers(tree, os.environ)
    # What the settings of an unknown driver are nobody knows; its name is told already.
    nameless = {name for name, driver in drivers.items() if keys.model_of(driver) is None}
    for name in sorted(name for name in os.environ if name.startswith(keys.PREFIX)):
        path = keys.path_of(name)
        if path in settings_known and keys.variable(path) == name:
            continue
        if path[0] == "channels" and path[1:2] and path[1] in nameless:
            continue
        near = keys.variable(keys.nearest(path, settings_known))
        yield f"{name} matches no setting; the nearest is {near}"


def _no_hash_key(tree: Mapping[str, Any]) -> Iterator[str]:
    path = ("privacy", "hash_key")
    drivers = set(keys.drivers(tree, os.environ).values())
    given = keys.variable(path) in os.environ or "hash_key" in keys.table(tree, "privacy")
    if drivers != {"simulator"} and not given:
        yield (
            f"{keys.dotted(path)} is missing: set {keys.variable(path)} to 16 random characters"
            " or more, keep it, and never change it"
        )


def _beside(path: Path, settings: Settings) -> Settings:
    file = settings.storage.url.removeprefix("sqlite:///")
    if file == settings.storage.url or file.startswith("/"):
        return settings
    absolute = f"sqlite:///{path.absolute().parent / file}"
    storage = settings.storage.model_copy(update={"url": absolute})
    return settings.model_copy(update={"storage": storage})
