"""Drafts: languages that nobody of the alliance has read and accepted yet.

One person is answered in a draft, who can ask what is meant; many are told in a language that
was accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.catalogues import ENGLISH, catalogue
from storage import drafts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from handlers.dialog.turn import Alliance
    from storage.database import Tx


async def unaccepted(tx: Tx, languages: Iterable[str]) -> list[str]:
    """Return those of the languages that are drafts, and were not accepted as they are now."""
    waiting = []
    for language in languages:
        known = catalogue(language)
        if known is None or not known.is_draft:
            continue
        if not await drafts.is_accepted(tx, language, known.digest):
            waiting.append(language)
    return waiting


async def spoken(tx: Tx, alliance: Alliance) -> dict[str, str]:
    """Return in which language each of the alliance's is told what goes to many.

    Itself; for a draft that nobody accepted the first of them that may be, else English.
    """
    waiting = await unaccepted(tx, alliance.languages)
    ready = [language for language in alliance.languages if language not in waiting]
    instead = ready[0] if ready else ENGLISH
    return {
        language: instead if language in waiting else language for language in alliance.languages
    }


async def texts(tx: Tx, alliance: Alliance, say: Callable[[str], str]) -> dict[str, str]:
    """Return what goes to many in words of ours, by language of the alliance.

    `say` says it in one language. A text that a coordinator wrote is no draft.
    """
    return {language: say(instead) for language, instead in (await spoken(tx, alliance)).items()}
