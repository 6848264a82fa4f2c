"""Polls: one question with options to an audience; one person, one answer."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from handlers.dialog import asking, forms, invited
from handlers.dialog import audience as expressions
from handlers.dialog.forms import LONGEST_OPTION, LONGEST_QUESTION, Form, Option, Question
from handlers.dialog.perform import Telling, tell
from handlers.dialog.stop import stop_word
from handlers.dialog.text import clean, fold, plain, read_digits
from handlers.dialog.turn import words
from storage import forms as stored_forms
from storage import platforms, recipients, rounds
from storage.audience import Platform as Place
from storage.errors import BadInput
from storage.instant import HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.dialog.turn import Alliance
    from storage.answers import Breakdown
    from storage.audience import Audience
    from storage.database import Tx
    from storage.rounds import Round

MOST_OPTIONS = 4
LASTS = 72 * HOUR


def form(alliance: Alliance, question: str, options: Sequence[str], *, named: bool) -> Form:
    """Return the form of a poll. Raises BadInput where it can't be one."""
    asked = plain(" ".join(clean(question).split()))
    offered = [plain(" ".join(clean(option).split())) for option in options]
    if not 0 < len(asked) <= LONGEST_QUESTION:
        raise BadInput(f"a question has 1 to {LONGEST_QUESTION} characters, this {len(asked)}")
    if not 2 <= len(offered) <= MOST_OPTIONS:
        raise BadInput(f"a poll has 2 to {MOST_OPTIONS} options, this {len(offered)}")
    for option in offered:
        if not 0 < len(option) <= LONGEST_OPTION:
            raise BadInput(f"an option has 1 to {LONGEST_OPTION} characters: {option!r}")
        if read_digits(option) is not None:
            raise BadInput(f"{option!r} is a number, and options are answered by theirs")
        if fold(option) in words(alliance.languages) or stop_word(option, alliance.languages):
            raise BadInput(f"{option!r} is a word people send for something else")
    if len({fold(option) for option in offered}) < len(offered):
        raise BadInput("two options are the same")
    language = alliance.languages[0]
    return Form(
        name=f"poll {hashlib.blake2b(asked.encode(), digest_size=6).hexdigest()}",
        privacy="named" if named else "anonymous",
        questions=(
            Question(
                kind="choice",
                text={language: asked},
                options=tuple(
                    Option(value=str(n), text={language: o}) for n, o in enumerate(offered, 1)
                ),
            ),
        ),
    )


def texts(alliance: Alliance, asked: Form, lead: str, closes_at: int, now: int) -> dict[str, str]:
    """Return the message that asks a poll's question, by language of the alliance."""
    by_when = asking.by_when(alliance, closes_at, now)
    options = asked.questions[0].options
    return {
        language: forms.ask(asked, 0, options, language, by_when=by_when, lead=lead)
        for language in alliance.languages
    }


async def place(tx: Tx, audience: Audience) -> int | None:
    """Return the platform that asks: the one an audience is all of, else none."""
    return (await platforms.by_code(tx, audience.code)).id if isinstance(audience, Place) else None


async def preview_texts(
    tx: Tx, alliance: Alliance, audience: Audience, asked: Form, closes_at: int, now: int
) -> dict[str, str]:
    """Return the message in the language it was written in, as it will be sent."""
    lead = await invited.lead(tx, alliance, await place(tx, audience))
    language = alliance.languages[0]
    return {language: texts(alliance, asked, lead, closes_at, now)[language]}


async def poll(
    tx: Tx,
    alliance: Alliance,
    audience: Audience,
    asked: Form,
    *,
    closes_at: int,
    by: int | None,
    now: int,
    breakdown: Breakdown = "sector",
) -> tuple[Round, int]:
    """Ask an audience, and return the round and the number of its broadcast.

    Raises BadInput where an anonymous poll would have too few to hide among.
    """
    if closes_at <= now:
        raise BadInput("a poll can't close before it opens")
    people = await recipients.people(tx, audience, alliance.smallest_group)
    if asked.privacy == "anonymous" and people < alliance.smallest_group:
        raise BadInput(
            f"an anonymous poll needs an audience of {alliance.smallest_group}, this one has"
            f" {people}: ask more people, or make it named"
        )
    platform_id = await place(tx, audience)
    lead = await invited.lead(tx, alliance, platform_id)
    stored = await stored_forms.add(tx, asked.name, asked.privacy, asked.model_dump_json(), now)
    round_ = await rounds.add(
        tx, form_id=stored.id, platform_id=platform_id, audience=expressions.show(audience),
        closes_at=closes_at, by=by, now=now, breakdown=breakdown,
    )  # fmt: skip
    telling = Telling(
        kind="poll",
        audience=audience,
        texts=texts(alliance, asked, lead, closes_at, now),
        due_at=now,
        expires_at=min(closes_at, now + alliance.manners.ttl_ms),
        round_id=round_.id,
        platform_id=platform_id,
    )
    return round_, await tell(tx, telling, by, now)
