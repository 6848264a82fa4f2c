"""Everything the bot says, as messages with named fields, and the languages it says it in.

English is the key of the gettext catalogues in `locale/`; a language without a catalogue,
or a message without a translation, is said in English.
"""

from __future__ import annotations

from dataclasses import dataclass

from handlers.dialog.catalogues import COMMAND, TYPE, catalogue, isolated
from handlers.dialog.text import basic, segments

MOST_SEGMENTS = 2


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `longest` has a value for each field, as long as it can become.

    Of one whose words depend on a number, `text` is for one, `many` for others, and `by` the
    field that has the number.
    """

    text: str
    longest: tuple[tuple[str, str], ...]
    many: str = ""
    by: str = ""

    def say(self, language: str, room: bool = False, /, **values: object) -> str:  # noqa: FBT001, FBT002  all else is a field
        """Return the message in a language, with its fields filled in.

        Its short form, if it has one, where the full one takes more than two SMS parts and there
        is no room for more, as there is in a chat.
        """
        found = catalogue(language)
        if found is None:
            one = not self.by or str(values[self.by]) == "1"
            return (self.text if one else self.many).format(**values)
        count = _number(values[self.by]) if self.by else None
        if found.right_to_left:
            values = {name: isolated(value) for name, value in values.items()}
        said = found.text(self.text, self.many, count).format(**values)
        short = "" if room else found.short(self.text, self.many, count)
        if short and segments(basic(said)) > MOST_SEGMENTS:
            return short.format(**values)
        return said

    def template(self, language: str) -> str:
        """Return the message in a language, its fields still to be filled in."""
        found = catalogue(language)
        return self.text if found is None else found.text(self.text, self.many, None)


def _number(value: object) -> int:
    """Return a count as a number: `100+` is taken for 100."""
    return int(str(value).rstrip("+"))


MESSAGES: list[Message] = []

# The longest values that the bounds allow; product.md's bounds in the design.
ALLIANCE = "A" * 24
PLATFORM = "P" * 20
OPTION = "O" * 18
QUESTION = "Q" * 80
CODE = "P123456"
WHEN = "Wed 30 Sep 10:30pm"
NUMBER = "1000000"


def msg(text: str, /, *, plural: str = "", by: str = "", **longest: str) -> Message:
    """Register a message, with the longest value of each of its fields.

    One with a count in it names its field in `by`; `text` is what is said of one, `plural` of
    more, where English tells them apart.
    """
    message = Message(text, tuple(longest.items()), (plural or text) if by else "", by)
    MESSAGES.append(message)
    return message


def command_word(language: str, word: str) -> str:
    """Return a command's word in a language; the English one always works too."""
    found = catalogue(language)
    return word if found is None else found.word(COMMAND, word)


def type_lines(line: str, languages: tuple[str, ...]) -> dict[str, str]:
    """Return a line of the menu of stakeholder types by language, as it was configured under ""."""
    spoken = {language: found for language in languages if (found := catalogue(language))}
    return {"": line} | {language: found.word(TYPE, line) for language, found in spoken.items()}


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
