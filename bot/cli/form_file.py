"""A form in a file, JSON or TOML; what may stand in it `handlers.dialog.written` says."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from handlers.dialog import written
from storage.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from handlers.dialog.forms import Form
    from handlers.dialog.turn import Alliance


def read(file: Path, alliance: Alliance) -> Form:
    """Return the form that a file holds. Raises BadInput, which names file and place; OSError."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        data = tomllib.loads(text) if file.suffix.lower() == ".toml" else json.loads(text)
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"{file} can't be read: {error}") from None
    try:
        return written.read(data, alliance)
    except BadInput as error:
        raise BadInput(f"{file}: {error}") from None
