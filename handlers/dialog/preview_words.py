"""A preview in words: in two segments for a basic phone, and in full where there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from handlers.dialog.messages import NUMBER, Message, language_name, msg
from handlers.dialog.text import basic, segments
from handlers.dialog.when import say_when
from storage.instant import DAY, local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handlers.dialog.preview import Preview
    from handlers.dialog.turn import Alliance, Turn

MOST_SEGMENTS = 2
COST = "100,000.00 USD"
SPAN = "100 h 59 min"

SEND_CODE = msg("To send it reply {code}, else NO.", code="0000")
PRESS = msg("Press Yes to send it, or reply {code}.", code="0000")
COUNTED = msg(
    "{people} person, {segments} SMS, {cost}, {span}.",
    plural="{people} people, {segments} SMS, {cost}, {span}.",
    by="people", people=NUMBER, segments=NUMBER, cost=COST, span=SPAN,
)  # fmt: skip
NO_COST = msg("no cost known")
HELD = msg("Held until {when}: {people}.", when="30 Sep 10:30pm", people=NUMBER)
CAPPED = msg("Had enough today or this week: {people}.", people=NUMBER)
OVER_BUDGET = msg("Over the budget: {segments} SMS.", segments=NUMBER)
UNREACHABLE = msg("Out of reach: {people}.", people=NUMBER)
STOPPED = msg("Asked us to stop: {people}.", people=NUMBER)
READ_OTHER = msg("Read {language}: {people}.", language="Kinyarwanda", people=NUMBER)
READ_OTHERS = msg("Read another language: {people}.", people=NUMBER)
NOBODY_OF = msg("Nobody of: {types}.", types="Community or women's group")
NOBODY_OF_SOME = msg(
    "Nobody of {count} type.", plural="Nobody of {count} types.", by="count", count="8"
)
DRAFTS = msg("Drafts, so told in another language: {languages}.", languages="es, ar, fr, pt")
WILL_GO = msg("To {audience}:", audience="all")

Part: TypeAlias = tuple[Message, dict[str, object]]


def short(turn: Turn, found: Preview, code: str) -> str:
    """Return a preview for a basic phone: what does not fit becomes sums, then goes."""
    first: list[Part] = [(SEND_CODE, {"code": code}), *_money(turn, found)]
    for rest in ([*_who(turn, found), *_missing(found)], [*_who(turn, found, few=True)]):
        text = _joined(turn, [*first, *rest])
        if _fits(text):
            return text
    while rest and not _fits(_joined(turn, [*first, *rest])):
        rest.pop()
    return _joined(turn, [*first, *rest])


def full(turn: Turn, found: Preview, code: str, audience: str, text: str) -> str:
    """Return a preview with the text that is sent, line by line."""
    said = WILL_GO.say(turn.language, audience=audience)
    press: Part = (PRESS, {"code": code})
    parts = [*_money(turn, found), *_who(turn, found), *_missing(found), press]
    lines = "\n".join(message.say(turn.language, **values) for message, values in parts)
    return f"{said}\n{text}\n\n{lines}"


def _joined(turn: Turn, parts: list[Part]) -> str:
    return " ".join(message.say(turn.language, **values) for message, values in parts)


def _fits(text: str) -> bool:
    return segments(basic(text)) <= MOST_SEGMENTS


def _money(turn: Turn, found: Preview) -> Iterator[Part]:
    cost = ", ".join(f"{amount:,.2f} {currency}" for currency, amount in found.cost.items())
    yield (
        COUNTED,
        {
            "people": found.people,
            "segments": found.segments,
            "cost": cost or NO_COST.say(turn.language),
            "span": span(found.seconds),
        },
    )


def _who(turn: Turn, found: Preview, *, few: bool = False) -> Iterator[Part]:
    """Yield who is kept waiting and who is not reached, the most urgent first."""
    held = sorted(found.held.items())
    if few and held:
        held = [(held[-1][0], sum(people for _, people in held))]
    for until, people in held:
        when = clock_time(until, turn.now, turn.alliance, turn.language)
        yield HELD, {"when": when, "people": people}
    for count, message in (
        (found.capped, CAPPED),
        (found.unreachable, UNREACHABLE),
        (found.stopped, STOPPED),
    ):
        if count:
            yield message, {"people": count}
    if found.over_budget:
        yield OVER_BUDGET, {"segments": found.over_budget}
    if few and len(found.other_language) > 1:
        yield READ_OTHERS, {"people": sum(found.other_language.values())}
    else:
        for language, people in sorted(found.other_language.items()):
            yield READ_OTHER, {"language": language_name(language), "people": people}
    if few and found.types_with_nobody:
        yield NOBODY_OF_SOME, {"count": len(found.types_with_nobody)}


def _missing(found: Preview) -> Iterator[Part]:
    if found.types_with_nobody:
        yield NOBODY_OF, {"types": ", ".join(found.types_with_nobody)}
    if found.drafts:
        yield DRAFTS, {"languages": ", ".join(found.drafts)}


def span(seconds: int) -> str:
    """Return how long something takes, in the units that suit it."""
    if seconds < 120:
        return f"{seconds} s"
    minutes = -(-seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def clock_time(until: int, start: int, alliance: Alliance, language: str = "en") -> str:
    """Return an instant after `start`; the time of day alone where the day is plain."""
    if until - start < DAY:
        return f"{local(until, alliance.zone):%H:%M}"
    return say_when(until, start, alliance.zone, language)
