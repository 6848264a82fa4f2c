from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.dialog.stop import WORDS, Meaning, stop_word
from handlers.dialog.text import fold

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    "message",
    [
        *("STOP", "stop", " Stop ", "Stop.", "Stop!", "stop?", "\u201cSTOP\u201d", "(stop)"),
        *("Stop. Thank you", "stop, I moved away", "STOP\nplease call me", "...stop"),
        *("STOP ALL", "StopAll", "please stop", "Stop now please", "please stop all now"),
        *("STOP STOP STOP", "stop unsubscribe", "/stop", "ＳＴＯＰ", "stóp", "stop 🙏"),
        *("Unsubscribe", "END", "quit", "cancel", "Revoke", "OptOut", "opt out", "opt-out now"),
        "\u200fSTOP\u200f",
    ],
)
def test_stop(message: str) -> None:
    """A first sentence that is only a STOP word stops, politely or not, in any spelling."""
    assert stop_word(message, ["en"]) == "stop"


@pytest.mark.parametrize(
    "message",
    [
        *("", " ", "!", "please", "now", "all", "2", "yes", "YES", "no", "1", "🙂"),
        *("Stop the dumping", "stop it", "don't stop", "bus stop", "stopping", "stop2", "s t o p"),
        *(
            "STOP or not",
            "START CODE",
            "start nima",
            "help me",
            "HELP POLL",
            "info water",
            "stop help",
        ),
        *("Thank you. Stop", "opt", "out", "JOIN", "unstoppable", "the end", "weekend"),
        *("stop " * 30, "x" * 10_000),
    ],
)
def test_no_stop(message: str) -> None:
    """Where anything else is said, the message is not one of these words."""
    assert stop_word(message, ["en", "es", "fr", "ar"]) is None


@pytest.mark.parametrize(
    ("message", "languages", "meaning"),
    [
        ("START", ["en"], "start"),
        ("start please", ["en"], "start"),
        ("Unstop.", ["en"], "start"),
        ("/start", ["en"], None),
        ("/start nima", ["en"], None),
        ("HELP", ["en"], "help"),
        ("/help", ["en"], "help"),
        ("info!", ["en"], "help"),
        ("Alto", ["es"], "stop"),
        ("BAJA por favor", ["en", "es"], "stop"),
        ("baja", ["en", "fr"], None),
        ("informacion", ["es-MX"], "help"),
        ("iniciar", ["es_MX"], "start"),
        ("Arret", ["fr"], "stop"),
        ("ARRÊT s'il vous plaît", ["fr"], "stop"),
        ("aide", ["fr"], "help"),
        ("reprendre", ["fr"], "start"),
        ("توقف", ["ar"], "stop"),
        ("ايقاف", ["ar"], "stop"),
        ("إيقاف من فضلك", ["ar"], "stop"),
        ("إلغاء الاشتراك", ["ar"], "stop"),
        ("مُساعدة", ["ar"], "help"),
        ("ابدأ", ["ar"], "start"),
        ("stop", ["ar"], "stop"),
        ("stop", ["xx"], "stop"),
        ("stop", [], "stop"),
        ("stop favor", ["fr"], None),
    ],
)
def test_languages(message: str, languages: Sequence[str], meaning: Meaning | None) -> None:
    """Each language of the alliance has its words, and English always works."""
    assert stop_word(message, languages) == meaning


@pytest.mark.parametrize("language", WORDS)
def test_every_word_of_every_language(language: str) -> None:
    """Each listed word is understood alone, shouted, and with each filler of its language."""
    words = WORDS[language]
    for meaning in get_args(Meaning):
        for word in getattr(words, meaning):
            for filler in ("", *words.fillers):
                assert stop_word(f"{word.upper()} {filler}", [language]) == meaning


def test_no_word_means_two_things() -> None:
    """Across all languages a word has one meaning and is never a filler."""
    meanings: dict[str, set[str]] = {}
    for words in WORDS.values():
        for meaning in (*get_args(Meaning), "fillers"):
            for word in getattr(words, meaning):
                meanings.setdefault(fold(word), set()).add(meaning)
    assert {word: found for word, found in meanings.items() if len(found) > 1} == {}


@given(st.text(st.characters(exclude_categories=[]), max_size=90))
@settings(max_examples=150)
def test_any_text_is_read(message: str) -> None:
    """No text makes it fail, and what follows the first line changes nothing."""
    meaning = stop_word(message, list(WORDS))
    assert meaning in {None, *get_args(Meaning)}
    if message and message.strip(" .!?,"):
        assert stop_word("Stop\n" + message, ["en"]) == "stop"
