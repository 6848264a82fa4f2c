"""Polls: one question with options to an audience; POLL from a coordinator's phone."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from handlers.dialog import asking, confirming, drafts, forms, invited, proposing
from handlers.dialog import audience as expressions
from handlers.dialog.forms import LONGEST_OPTION, LONGEST_QUESTION, Form, Option, Question
from handlers.dialog.messages import CODE, NUMBER, WHEN, msg
from handlers.dialog.perform import Telling, place, tell
from handlers.dialog.stop import stop_word
from handlers.dialog.text import clean, fold, plain, read_digits
from handlers.dialog.turn import command, words
from handlers.dialog.when import read_when, say_when
from storage import forms as stored_forms
from storage import recipients, rounds
from storage.errors import BadInput
from storage.instant import HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.dialog.turn import Alliance, Turn
    from storage.answers import Breakdown
    from storage.audience import Audience
    from storage.database import Tx
    from storage.rounds import Round

MOST_OPTIONS = 4
LASTS = 72 * HOUR

_BETWEEN = re.compile(r"\s+/\s+|\s*\n\s*")

HOW = msg(
    "Send POLL, a question and 2 to 4 options with / between them, for example: POLL Which"
    " day? / Monday / Friday / by fri 18:00"
)
POLLED = msg(
    "Your poll {code} is on its way to {people} person, until {when}. RESULT {code} shows how it"
    " stands, CLOSE {code} ends it.",
    plural="Your poll {code} is on its way to {people} people, until {when}. RESULT {code} shows"
    " how it stands, CLOSE {code} ends it.",
    by="people", code=CODE, people=NUMBER, when=WHEN,
)  # fmt: skip


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
            raise BadInput(f"an option has 1 to {LONGEST_OPTION} characters: {option[:24]!r}")
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


async def texts(
    tx: Tx, alliance: Alliance, asked: Form, lead: str, closes_at: int, now: int
) -> dict[str, str]:
    """Return the message that asks a poll's question, by language of the alliance."""

    def said(language: str) -> str:
        by_when = asking.by_when(alliance, closes_at, now, language)
        options = asked.questions[0].options
        return forms.ask(asked, 0, options, language, by_when=by_when, lead=lead)

    return await drafts.texts(tx, alliance, said)


async def preview_texts(
    tx: Tx, alliance: Alliance, audience: Audience, asked: Form, closes_at: int, now: int
) -> dict[str, str]:
    """Return the message in the language it was written in, as it will be sent."""
    lead = await invited.lead(tx, alliance, await place(tx, audience))
    language = alliance.languages[0]
    return {language: (await texts(tx, alliance, asked, lead, closes_at, now))[language]}


async def _enough(tx: Tx, alliance: Alliance, audience: Audience, asked: Form) -> None:
    """Raise BadInput where those who answer would have too few to hide among."""
    people = await recipients.people(tx, audience, alliance.smallest_group)
    if asked.privacy == "anonymous" and people < alliance.smallest_group:
        raise BadInput(
            f"an anonymous poll needs an audience of {alliance.smallest_group}, this one has"
            f" {people}: ask more people, or make it named"
        )


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
    await _enough(tx, alliance, audience, asked)
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
        texts=await texts(tx, alliance, asked, lead, closes_at, now),
        due_at=now,
        expires_at=min(closes_at, now + alliance.manners.ttl_ms),
        round_id=round_.id,
        platform_id=platform_id,
    )
    return round_, await tell(tx, telling, by, now)


def read(text: str) -> tuple[str, list[str], str, bool]:
    """Return the question, options, time of close ("" for none said) and whether it is named.

    What stands last may be `by fri 18:00` and `named`, in either order.
    """
    question, *items = [part.strip() for part in _BETWEEN.split(text.strip())]
    when, named = "", False
    while items:
        first, _, rest = items[-1].partition(" ")
        if fold(first) == "by" and rest and not when:
            when = rest
        elif fold(items[-1]) == "named" and not named:
            named = True
        else:
            break
        items.pop()
    return question, items, when, named


@command("POLL", "role")
async def polling(turn: Turn, rest: str) -> None:
    """Show whom a poll would ask, and let it wait to be confirmed."""
    begun = await proposing.begun(turn, "poll", rest)
    if begun is None:
        return
    to, audience, text = begun
    question, options, when, named = read(text)
    if not options:
        turn.say(HOW)
        return
    asked = form(turn.alliance, question, options, named=named)
    zone, now = turn.alliance.zone, turn.now
    closes_at = read_when(when, now, zone) if when else now + LASTS
    await _enough(turn.tx, turn.alliance, audience, asked)
    texts = await _shown(turn, audience, asked, closes_at)
    body = {"to": to, "form": asked.model_dump_json(), "closes_at": closes_at}
    await proposing.propose(turn, "poll", audience, texts, body)


async def _shown(turn: Turn, audience: Audience, asked: Form, closes_at: int) -> dict[str, str]:
    return await preview_texts(turn.tx, turn.alliance, audience, asked, closes_at, turn.now)


@confirming.act("poll")
async def polled(turn: Turn, body: str) -> None:
    """Ask the poll that was shown."""
    kept = json.loads(body)
    asked, closes_at = forms.load(kept["form"]), int(kept["closes_at"])
    shown = await _shown(turn, expressions.parse(kept["audience"]), asked, closes_at)
    audience = await proposing.confirmed(turn, "poll", shown, kept)
    if audience is None:
        return
    round_, _ = await poll(
        turn.tx, turn.alliance, audience, asked, closes_at=closes_at, by=turn.sender.member_id,
        now=turn.now,
    )  # fmt: skip
    until = say_when(closes_at, turn.now, turn.alliance.zone, turn.language)
    turn.say(POLLED, code=round_.code, people=kept["people"], when=until)
