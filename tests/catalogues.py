"""Writes the catalogues of handlers/dialog/locale anew from what the program says.

    python -m tests.catalogues        what `make catalogues` runs

Keeps the translations there are, adds what is new, drops what is no longer said, compiles, and
lists what is still to be translated.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

import bot
import handlers
import scheduler
from bot.config.sections import DEFAULT_TYPES
from handlers.dialog.catalogues import COMMAND, DOMAIN, LOCALE, SHORT, TYPE
from handlers.dialog.messages import MESSAGES, Message
from handlers.dialog.turn import commands

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "# How to change it: handlers/dialog/locale/README.md"
STATUS = re.compile(r'^"X-Status: (\w+)', re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """One text to translate: its context, if any, and that of more than one, if it has a count."""

    context: str | None
    text: str
    many: str = ""

    @property
    def id(self) -> str | tuple[str, str]:
        """Return what gettext files it under."""
        return (self.text, self.many) if self.many else self.text


class Written(Catalog):
    """A catalogue with a header that says only what does not change by itself."""

    status = "draft"
    complete = 0

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """Return the header."""
        return [
            ("Project-Id-Version", "Switchboard"),
            ("Language", str(self.locale)),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("X-Status", self.status),
            ("X-Complete", str(self.complete)),
        ]


def said() -> list[Message]:
    """Return every message of the program, once each."""
    for package in (handlers, bot, scheduler):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    return list({message.text: message for message in MESSAGES}.values())


def entries() -> list[Entry]:
    """Return what a complete catalogue translates; a short form is for each language to need."""
    messages = sorted(said(), key=lambda message: message.text)
    return [
        *(Entry(COMMAND, word) for word in sorted(commands())),
        *(Entry(TYPE, entry.line) for entry in DEFAULT_TYPES if entry.line),
        *(Entry(None, message.text, message.many) for message in messages),
    ]


def languages() -> list[str]:
    """Return the languages that have a catalogue."""
    return sorted(path.name for path in LOCALE.iterdir() if path.is_dir())


def source(language: str, kind: str = "po") -> Path:
    """Return the path of a catalogue's source, or of what is compiled from it."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.{kind}"


def read(language: str) -> Catalog:
    """Return a catalogue's source as it stands."""
    with source(language).open("rb") as file:
        return read_po(file, locale=language)


def is_there(catalog: Catalog, entry: Entry) -> bool:
    """Tell whether an entry is translated, in each of its plural forms."""
    found = catalog.get(entry.id, entry.context)
    if found is None:
        return False
    strings = found.string if isinstance(found.string, tuple) else (found.string,)
    return all(strings) and len(strings) == (catalog.num_plurals if entry.many else 1)


def missing(language: str) -> list[Entry]:
    """Return what is not translated."""
    catalog = read(language)
    return [entry for entry in entries() if not is_there(catalog, entry)]


def renewed(language: str) -> Written:
    """Return a language's catalogue as it should stand, with the translations there are."""
    found = read(language)
    new = Written(locale=language, fuzzy=False, header_comment=HEADER)
    new.status = (STATUS.findall(source(language).read_text("utf-8")) or ["draft"])[0]
    wanted = entries()
    for entry in wanted:
        short = Entry(SHORT, entry.text, entry.many)
        for one in (entry, short):
            old = found.get(one.id, one.context)
            alike = old is not None and isinstance(old.string, tuple) == bool(one.many)
            if alike or one is entry:
                new.add(one.id, old.string if alike else None, context=one.context)
    there = sum(is_there(new, entry) for entry in wanted)
    new.complete = 100 * there // len(wanted)
    return new


def written(catalog: Catalog) -> bytes:
    """Return a catalogue's source."""
    file = io.BytesIO()
    write_po(file, catalog, width=100, omit_header=False)
    return file.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """Return a catalogue as the program reads it."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def main() -> None:
    """Write every catalogue anew, and list what is still to be translated."""
    for language in languages():
        catalog = renewed(language)
        source(language).write_bytes(written(catalog))
        source(language, "mo").write_bytes(compiled(catalog))
        lacks = missing(language)
        lines = [f"{language}: {catalog.complete} %, {len(lacks)} to translate"]
        lines += [f"  {entry.context or 'message'}: {entry.text}" for entry in lacks]
        sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
