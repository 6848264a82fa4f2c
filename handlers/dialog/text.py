"""Text as phones carry it: SMS segments, digits in any script, and keys to compare words by.

Pure: it never touches storage, settings or the clock.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Source: 3GPP TS 23.038 V11.0.0 (2012-09), 6.2.1: the default alphabet and its extension.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"
_ESCAPE = "\x1b"
_JOINERS = "\u200c\u200d"

_GSM7 = re.compile(f"[{re.escape(_BASIC + _EXTENSION)}]*")
_EXTENDED = re.compile(f"([{re.escape(_EXTENSION)}])")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")

_LOOKALIKES = (
    dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032\u00b4\u2039\u203a"), "'")
    | dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"), '"')
    | dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
    | dict.fromkeys([0xA0, 0x202F, 0x205F, *range(0x2000, 0x200B)], " ")
    | {0x2026: "..."}
)
_MARKS = [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
INVISIBLE = (*_MARKS, 0xAD, 0x200B, 0x2060, 0xFEFF)
_INVISIBLE = dict.fromkeys(INVISIBLE)
# An apostrophe that is a letter: alike in a key, but never changed in what is sent.
_KEY = _LOOKALIKES | _INVISIBLE | {0x2BC: "'"}
_PLAIN = _LOOKALIKES | _INVISIBLE | {ord("`"): "'", ord("\t"): " ", 0x2022: "-"}
# Vowels whose accent only tells where the stress lies, as Spanish has them, and GSM-7 has not.
_BASIC_PHONE = _PLAIN | str.maketrans("áíóúÁÍÓÚ", "aiouAIOU")
_ISOLATES = dict.fromkeys(range(0x2066, 0x206A))

# From nought to ten, as people write them: English, Spanish, French, Arabic.
_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten",
    "cero uno/una dos tres cuatro cinco seis siete ocho nueve diez",
    "zéro un/une deux trois quatre cinq six sept huit neuf dix",
    (
        "صفر واحد/واحدة اثنان/اثنين/إثنين/اتنين ثلاثة/ثلاث/تلاتة أربعة/أربع خمسة/خمس ستة/ست"
        " سبعة/سبع ثمانية/ثماني/تمانية تسعة/تسع عشرة/عشر"
    ),
)
_LONGEST_WORD = 12

# Characters of somebody's words that a message to somebody else repeats.
BEGINNING = 60

_LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL = dict.fromkeys([*range(1, 9), *range(0x0B, 0x20), *range(0x7F, 0xA0)])

# Beside a digit: space, full stops, brackets, quotes and commas; a keycap emoji is a digit
# with two marks on it.
_STRAY = (
    dict.fromkeys(map(ord, ".,()[]{}'\"`<>"), " ")
    | dict.fromkeys(map(ord, "\u060c\u06d4\u0964\u3001\u3002\uff0c\uff0e\uff08\uff09"), " ")
    | dict.fromkeys(map(ord, "\uff3b\uff3d\u3010\u3011\u300c\u300d\uff02\uff07\uff61"), " ")
    | {point: " " for point, like in _LOOKALIKES.items() if like in {"'", '"'}}
    | {0x20E3: None, 0xFE0F: None}
)
_SENTENCE_ENDS = ".!?,\u2026\u060c\u061f\u06d4\u0964\u3002\uff01\uff0c\uff1f"
_FIRST = re.compile(f"[\\s{_SENTENCE_ENDS}]*([^\n\r\x85\u2028\u2029{_SENTENCE_ENDS}]*)")


def is_gsm7(text: str) -> bool:
    """Whether the text fits the GSM 7-bit alphabet and its extension."""
    return _GSM7.fullmatch(text) is not None


def segments(text: str) -> int:
    """Return how many SMS parts carry the text; an empty message is one too.

    160 septets, or 153 a part; else 70 UTF-16 units, or 67 a part. No pair of septets or of
    units is split, nor a letter from the marks on it, so a part may stay some short.
    Source: 3GPP TS 23.040, 9.2.3.24.1 (140 octets a part, 6 of them a header when several).
    """
    if is_gsm7(text):
        return _parts(_EXTENDED.sub(_ESCAPE + r"\1", text))
    if len(text) + len(_ASTRAL.findall(text)) <= 70:
        return 1
    parts = room = 0
    for size in _sequences(text):
        if size > room:
            parts, room = parts + 1, 67
        while size > room:  # more marks than a part holds: it is split after all
            size -= room  # noqa: PLW2901
            parts, room = parts + 1, 67
        room -= size
    return parts


def _parts(septets: str) -> int:
    if len(septets) <= 160:
        return 1
    if _ESCAPE not in septets:
        return -(-len(septets) // 153)
    parts = at = 0
    while at < len(septets):
        at += 153
        parts += 1
        if septets[at - 1 : at] == _ESCAPE:
            at -= 1
    return parts


def _sequences(text: str) -> Iterator[int]:
    """Yield the UTF-16 units of each character together with the marks that stand on it."""
    size = 0
    for character in text:
        if size and unicodedata.category(character)[0] != "M" and character not in _JOINERS:
            yield size
            size = 0
        size += 2 if character > "\uffff" else 1
    yield size


def plain(text: str) -> str:
    """Return the text with typographic signs folded, where that makes it GSM-7.

    So one curly quote doesn't double the cost, and text that needs UCS-2 for its letters
    stays as it was written.
    """
    if is_gsm7(text):
        return text
    folded = text.translate(_PLAIN)
    return folded if is_gsm7(folded) else text


def basic(text: str) -> str:
    """Return the text as a basic phone gets it: as `plain`, and without marks of stress.

    Those only where that makes it GSM-7: "Envíe un número" costs half as "Envie un numero", and
    so people write it on such phones themselves. Isolates go: old phones show them as boxes.
    """
    if is_gsm7(text):
        return text
    folded = text.translate(_BASIC_PHONE)
    return folded if is_gsm7(folded) else text.translate(_ISOLATES)


def clean(text: str, limit: int = 10_000) -> str:
    """Return the text as it may be stored: at most `limit` characters.

    NUL and lone surrogates become U+FFFD, every line's end a line feed; other control
    characters but tab are dropped.
    """
    if _UNFIT.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        text = _LINE_END.sub("\n", text).replace("\0", "\ufffd").translate(_CONTROL)
    return text[:limit]


def unmarked(text: str) -> str:
    """Return the text without direction marks and invisible spaces, for matching only."""
    return text if text.isascii() else text.translate(_INVISIBLE)


def ascii_digits(text: str) -> str:
    """Return the text with the digits of every script as ASCII ones."""
    if text.isascii():
        return text
    values = ((character, unicodedata.digit(character, -1)) for character in text)
    return "".join(character if value < 0 else str(value) for character, value in values)


def read_digits(text: str) -> list[str] | None:
    """Return the groups of digits, as ASCII, of a text that is nothing else; None otherwise.

    Between and around them may stand space, full stops, commas, brackets and quotes:
    `(2).` is one group, `1 3` and `1,3` are two. The word for a number up to ten is that number,
    if nothing stands beside it. A sign, `#` or another letter makes it None.
    """
    if not text.isascii():
        text = ascii_digits(unmarked(text))
    groups = text.translate(_STRAY).split()
    if "".join(groups).isdigit():
        return groups
    if len(groups) == 1 and len(groups[0]) <= _LONGEST_WORD:
        found = number_words().get(fold(groups[0]))
        return None if found is None else [found]
    return None


@cache
def number_words() -> dict[str, str]:
    """Return the digits of each word for a number, folded; a word is the same in any alliance."""
    return {
        fold(word): str(number)
        for words in _NUMBER_WORDS
        for number, alike in enumerate(words.split())
        for word in alike.split("/")
    }


def digits(text: str) -> str | None:
    """Return the one group of digits that the text is, as ASCII; None for none or several."""
    groups = read_digits(text)
    return groups[0] if groups is not None and len(groups) == 1 else None


def fold(text: str) -> str:
    """Return the key by which words and names are compared: case, accents and spacing aside.

    Signs that make another letter of the same base, as in Devanagari and kana, are kept.
    Folding a key changes nothing.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = "".join(character for character in folded if not _is_accent(character))
    return " ".join(kept.translate(_KEY).split())


def sentence(text: str) -> str:
    """Return what an error says as a sentence: with a capital, and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def quoting(say: Callable[..., str], text: str) -> str:
    """Return what `say(text=...)` makes of somebody's words, or of their beginning.

    Two segments hold it, whatever their script.
    """
    words = " ".join(text.split())
    most = BEGINNING
    while True:
        shown = words if len(words) < most else f"{words[: most - 4].rstrip()}..."
        said = plain(say(text=sentence(shown)))
        if most <= BEGINNING // 4 or segments(basic(said)) <= 2:
            return said
        most -= 5


def _is_accent(character: str) -> bool:
    # Canonical classes: 10 to 36 are Hebrew, Arabic and Syriac points, 200 on are accents;
    # between them stand viramas, nuktas, voicing and tones, which tell words apart.
    # U+0640 stretches an Arabic word without changing it.
    mark = unicodedata.combining(character)
    return mark >= 200 or 10 <= mark <= 36 or character == "\u0640"


def first_sentence(text: str) -> str:
    """Return the text up to its first full stop, comma, `!`, `?` or line's end."""
    found = _FIRST.match(text)
    assert found is not None  # noqa: S101  # the pattern matches the empty text too
    return found[1].strip()
