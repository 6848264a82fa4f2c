"""Everything the bot says, as messages with named fields, and the languages it says it in.

English is the key of the gettext catalogues in `locale/`; a language without a catalogue,
or a message without a translation, is said in English.
"""

from __future__ import annotations

import gettext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "switchboard"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `longest` has a value for each field, as long as it can become."""

    text: str
    longest: tuple[tuple[str, str], ...]

    def say(self, language: str, /, **values: object) -> str:
        """Return the message in a language, with its fields filled in."""
        return self.template(language).format(**values)

    def template(self, language: str) -> str:
        """Return the message in a language, its fields still to be filled in."""
        return catalogue(language).gettext(self.text)


MESSAGES: list[Message] = []

# The longest values that the bounds allow; product.md's bounds in the design.
ALLIANCE = "A" * 24
PLATFORM = "P" * 20
OPTION = "O" * 18
QUESTION = "Q" * 80
CODE = "P123456"
WHEN = "Wed 30 Sep 10:30pm"
NUMBER = "1000000"


def msg(text: str, /, **longest: str) -> Message:
    """Register a message, with the longest value of each of its fields."""
    message = Message(text, tuple(longest.items()))
    MESSAGES.append(message)
    return message


@lru_cache(maxsize=64)
def catalogue(language: str) -> gettext.NullTranslations:
    """Return the catalogue of a language, or the English one."""
    return gettext.translation(DOMAIN, LOCALE, languages=[language], fallback=True)


def command_word(language: str, word: str) -> str:
    """Return a command's word in a language; the English one always works too."""
    return catalogue(language).pgettext("command", word)


# The name each language has for itself, for the language question.
LANGUAGES = {
    "en": "English", "es": "Español", "fr": "Français", "pt": "Português", "ar": "العربية",
    "sw": "Kiswahili", "ha": "Hausa", "am": "አማርኛ", "hi": "हिन्दी", "bn": "বাংলা", "ur": "اردو",
    "id": "Indonesia", "vi": "Tiếng Việt", "rw": "Kinyarwanda", "tw": "Twi", "ak": "Akan",
    "ne": "नेपाली", "zh": "中文", "ru": "Русский", "mg": "Malagasy",
}  # fmt: skip


def language_name(code: str) -> str:
    """Return what a language calls itself, or its code."""
    return LANGUAGES.get(code, code)
