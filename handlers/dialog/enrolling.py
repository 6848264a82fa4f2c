"""Signing somebody up by proxy: who may, for which platform, and what was read out to them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from handlers.dialog import asking
from handlers.dialog.signup import ask_consent
from handlers.dialog.text import ascii_digits, unmarked
from storage import platforms, roles

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance, Turn
    from storage.roles import Role

# Who knows the people of a place, and can read the consent out to them.
HELPERS: frozenset[Role] = frozenset({"documenter", "facilitator", "secretariat", "coordinator"})

_NUMBER = re.compile(r"[+(]?\d[\d\s().-]*")


def part(rest: str) -> tuple[str, str]:
    """Part a number, spaced in any way, from the name behind it; either may be ""."""
    words = " ".join(ascii_digits(unmarked(rest)).split())
    found = _NUMBER.match(words)
    if found is None:
        return "", words
    return found[0].strip(), words[found.end() :].strip()


async def place(turn: Turn) -> int | None:
    """Return the platform for which the sender may sign people up: their own, or their role's.

    None where they hold no such role.
    """
    held = {at for at, role in await roles.of(turn.tx, turn.sender.member_id) if role in HELPERS}
    own = turn.sender.platform_id
    if own and held & await platforms.above(turn.tx, own):
        return own
    return min(held, default=None)


def consent_text(alliance: Alliance, language: str) -> str:
    """Return what people agree to, as the sign-up asks it."""
    return ask_consent(alliance).say(language, **asking.values(alliance))


def version(alliance: Alliance, language: str) -> str:
    """Return the version of what people agree to, as the sign-up keeps it."""
    said = consent_text(alliance, language)
    return hashlib.blake2b(said.encode()).hexdigest()[:8]


def channels(turn: Turn) -> list[str]:
    """Return the channels that reach numbers, the one by which they are written to first."""
    first = turn.numbers.channel if turn.numbers else ""
    others = [name for name, tariff in turn.tariffs.items() if tariff.segments and name != first]
    return [first, *others]
