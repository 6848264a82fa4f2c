"""The words that stop, start and explain messages, which every language of the bot knows.

Pure: what a STOP does is `handlers.leave`'s business.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from handlers.dialog.text import first_sentence, fold

if TYPE_CHECKING:
    from collections.abc import Iterable

Meaning = Literal["stop", "start", "help"]


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words, as people write them; `fillers` may stand beside any of them."""

    stop: tuple[str, ...]
    start: tuple[str, ...]
    help: tuple[str, ...]
    fillers: tuple[str, ...]


# English has Twilio's default words, on which Twilio acts by itself, but YES is not a START
# here, since it answers questions.
# Source: support.twilio.com, "Twilio support for opt-out keywords (SMS STOP filtering)".
WORDS: dict[str, Words] = {
    "en": Words(
        stop=(
            *("stop", "stopall", "stop all", "unsubscribe", "end", "quit", "cancel"),
            *("revoke", "optout", "opt out"),
        ),
        start=("start", "unstop"),
        help=("help", "info"),
        fillers=("please", "now", "all"),
    ),
    "es": Words(
        stop=(
            *("alto", "parar", "pare", "baja", "cancelar", "terminar", "fin", "salir"),
            *("dar de baja", "darme de baja"),
        ),
        start=("iniciar", "comenzar", "empezar"),
        help=("ayuda", "información"),
        fillers=("por", "favor", "ahora", "ya", "todo", "todos"),
    ),
    "fr": Words(
        stop=(
            "arrêt",
            "arrête",
            "arrêter",
            "arrêtez",
            "désabonner",
            "désinscrire",
            "annuler",
            "fin",
        ),
        start=("démarrer", "commencer", "reprendre"),
        help=("aide", "information"),
        fillers=("s", "il", "vous", "te", "plaît", "svp", "stp", "maintenant", "tout", "merci"),
    ),
    "ar": Words(
        # As it is also written: with ه for ة, and without a hamza.
        stop=("توقف", "أوقف", "وقف", "إيقاف", "قف", "إلغاء", "إلغاء الاشتراك"),
        start=("ابدأ", "ابدء", "بدء", "تفعيل"),
        help=("مساعدة", "مساعده", "معلومات"),
        fillers=("من", "فضلك", "رجاء", "الآن", "الكل", "جميع"),
    ),
}
_LONGEST = 80  # characters: no STOP word with all its fillers is longer


def stop_word(text: str, languages: Iterable[str]) -> Meaning | None:
    """Return what the message is, if its first sentence is only such a word.

    Fillers may stand around the word, and it may be repeated; case, accents and signs are
    put aside. `/start` is not START: Telegram sends it whenever somebody opens the chat.
    """
    if text.isdigit():  # as most messages are: an answer
        return None
    sentence = first_sentence(text)
    if not sentence or len(sentence) > _LONGEST:
        return None
    meanings, fillers = _known(tuple(languages))
    tokens = _tokens(sentence)
    said = [token for token in tokens if token not in fillers]
    meaning = meanings.get(" ".join(tokens)) or meanings.get(" ".join(said))
    if meaning is None:
        found = {meanings.get(token) for token in said}
        meaning = found.pop() if len(found) == 1 else None
    return None if meaning == "start" and sentence.startswith("/") else meaning


def _tokens(sentence: str) -> list[str]:
    # By category and not by \w, which would split an Indic word at its vowel signs.
    kept = (c if unicodedata.category(c)[0] in "LMN" else " " for c in fold(sentence))
    return "".join(kept).split()


@lru_cache(maxsize=64)
def _known(languages: tuple[str, ...]) -> tuple[dict[str, Meaning], frozenset[str]]:
    meanings: dict[str, Meaning] = {}
    fillers: set[str] = set()
    codes = [language.replace("_", "-").split("-")[0].lower() for language in languages]
    for words in (WORDS[code] for code in dict.fromkeys(["en", *codes]) if code in WORDS):
        fillers.update(map(fold, words.fillers))
        meanings.update(dict.fromkeys(map(fold, words.help), "help"))
        meanings.update(dict.fromkeys(map(fold, words.start), "start"))
        meanings.update(dict.fromkeys(map(fold, words.stop), "stop"))
    return meanings, frozenset(fillers)
