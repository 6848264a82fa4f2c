"""What a language has been translated to: its gettext catalogue, of which English is the key.

The compiled `.mo` stands beside its source in `locale/`, so that a fresh clone needs no build
step and the program no library but the standard one. `make catalogues` writes both.
"""

from __future__ import annotations

import gettext
import hashlib
from functools import cached_property, lru_cache
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "switchboard"
ENGLISH = "en"  # needs no catalogue

# The contexts of a catalogue's entries; a message itself has none.
SHORT = "short"  # the same message in two SMS parts, where the full one needs more
COMMAND = "command"  # a word that people send
TYPE = "type"  # a line of the menu of stakeholder types

_DRAFT = "draft"
_RIGHT_TO_LEFT = {"ar", "fa", "he", "ur"}
_ISOLATED = "\u2068{}\u2069"


class Catalogue:
    """The texts of one language; `complete` is how many of a hundred there are.

    A draft is one that nobody who speaks it for the alliance has read yet.
    """

    def __init__(self, language: str, found: gettext.NullTranslations) -> None:
        self.right_to_left = language.partition("_")[0] in _RIGHT_TO_LEFT
        self.is_draft = found.info().get("x-status") == _DRAFT
        self.complete = int(found.info().get("x-complete", "0"))
        self._found = found

    @cached_property
    def digest(self) -> str:
        """What tells these texts from all others."""
        texts: dict[object, str] = getattr(self._found, "_catalog", {})
        kept = sorted((str(key), text) for key, text in texts.items() if key)
        return hashlib.blake2b(repr(kept).encode(), digest_size=8).hexdigest()

    def text(self, one: str, many: str, count: int | None) -> str:
        """Return a message's template: for a count, where it has plurals."""
        if count is None:
            return self._found.gettext(one)
        return self._found.ngettext(one, many, count)

    def short(self, one: str, many: str, count: int | None) -> str:
        """Return a message's short template, "" where it has none."""
        if count is None:
            found = self._found.pgettext(SHORT, one)
        else:
            found = self._found.npgettext(SHORT, one, many, count)
        return "" if found in (one, many) else found

    def word(self, context: str, text: str) -> str:
        """Return what a word or a line of a context is here."""
        return self._found.pgettext(context, text)


@lru_cache(maxsize=64)
def catalogue(language: str) -> Catalogue | None:
    """Return the catalogue of a language; None for one that has none, as English."""
    found = gettext.translation(DOMAIN, LOCALE, languages=[language], fallback=True)
    known = isinstance(found, gettext.GNUTranslations)
    return Catalogue(language, found) if known else None


def isolated(value: object) -> str:
    """Return a value that neither moves what stands beside it, nor is moved by that.

    For texts that run from right to left. No SMS has these signs: `text.basic` takes them away.
    """
    shown = str(value)
    return _ISOLATED.format(shown) if shown else ""


def name_in(language: str, name: str) -> str:
    """Return a name as it stands in a text of a language, which may run from right to left."""
    found = catalogue(language)
    return isolated(name) if found is not None and found.right_to_left else name


def between(language: str) -> str:
    """Return what parts the lines of a list that one message holds.

    A line's end where a language runs from right to left: beside each other numbers and words of
    two directions would change places ("1 Taps 2 Price" would offer a 2 for Taps).
    """
    found = catalogue(language)
    return "\n" if found is not None and found.right_to_left else " "
