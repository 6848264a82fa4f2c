"""What a coordinator is told before anything reaches many: people, cost, time, who is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from handlers.dialog import drafts, manners
from handlers.dialog.perform import introduced
from handlers.dialog.text import basic, segments
from storage import pace, recipients
from storage.instant import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.dialog.turn import Alliance
    from storage.audience import Audience
    from storage.database import Tx


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a channel costs: `price` of one segment, `rate` a second, in segments or messages."""

    segments: bool
    rate: float
    price: float
    currency: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen. `seconds` at the channels' rates; `held` people by instant (ms).

    `drafts` are languages of theirs in which words of ours may not be told to many yet.
    """

    people: int
    unreachable: int
    stopped: int
    segments: int
    cost: dict[str, float]
    seconds: int
    held: dict[int, int]
    capped: int
    over_budget: int
    types_with_nobody: tuple[str, ...]
    other_language: dict[str, int]
    longest: int
    drafts: tuple[str, ...] = ()


async def preview(
    tx: Tx,
    alliance: Alliance,
    audience: Audience,
    texts: Mapping[str, str],
    tariffs: Mapping[str, Tariff],
    now: int,
) -> Preview:
    """Work out what telling an audience these texts (by language) would do."""
    people = unreachable = parts = 0
    cost: dict[str, float] = {}
    held: dict[int, int] = {}
    other: dict[str, int] = {}
    read: set[str] = set()
    seconds: dict[str, float] = {}
    default = next(iter(texts))
    spoken = await drafts.spoken(tx, alliance)
    sizes = _sizes(alliance, texts, spoken)
    for channel, language, timezone, greeted, count in await recipients.reach(tx, audience):
        people += count
        if not greeted or language not in texts:
            read.add(alliance.language(language))
        tariff = tariffs.get(channel)
        if tariff is None:
            unreachable += count
            continue
        if language and language not in texts:
            other[language] = other.get(language, 0) + count
        size = sizes[language if language in texts else default, bool(greeted)]
        size = size if tariff.segments else 1
        seconds[channel] = seconds.get(channel, 0.0) + size * count / tariff.rate
        if tariff.segments:
            parts += size * count
            if tariff.price:
                cost[tariff.currency] = cost.get(tariff.currency, 0) + size * count * tariff.price
        zone = ZoneInfo(timezone) if timezone else alliance.zone
        until = manners.quiet_until(now, zone, alliance.manners.quiet)
        if until:
            held[until] = held.get(until, 0) + count
    return Preview(
        people=people,
        unreachable=unreachable,
        stopped=await recipients.stopped(tx, audience),
        segments=parts,
        cost=cost,
        seconds=math.ceil(max(seconds.values(), default=0)),
        held=held,
        capped=await _capped(tx, alliance, audience, now),
        over_budget=await _over_budget(tx, alliance, parts, now),
        types_with_nobody=await _missing(tx, alliance, audience),
        other_language=other,
        longest=max(size for (_, greeted), size in sizes.items() if greeted),
        drafts=tuple(
            language
            for language, instead in spoken.items()
            if instead != language and language in read
        ),
    )


def _sizes(
    alliance: Alliance, texts: Mapping[str, str], spoken: Mapping[str, str]
) -> dict[tuple[str, bool], int]:
    """Return the segments of each text, by language and whether the person knows who writes."""
    found = {}
    for language, text in texts.items():
        first = introduced(alliance, spoken.get(language, language), text)
        found[language, True] = segments(basic(text))
        found[language, False] = segments(basic(first))
    return found


async def _capped(tx: Tx, alliance: Alliance, audience: Audience, now: int) -> int:
    """Return how many have had their messages of today, or of the last seven days."""
    per_day, per_week = alliance.manners.per_day, alliance.manners.per_week
    found = 0
    today = manners.day_start(now, alliance.zone)
    if per_day:
        found = await recipients.capped(tx, audience, today, per_day)
    if per_week:
        found = max(found, await recipients.capped(tx, audience, today - 6 * DAY, per_week))
    return found


async def _over_budget(tx: Tx, alliance: Alliance, parts: int, now: int) -> int:
    budget = alliance.manners.monthly_segments
    if not budget:
        return 0
    spent = await pace.spent(tx, manners.month_start(now, alliance.zone))
    return max(0, min(parts, spent + parts - budget))


async def _missing(tx: Tx, alliance: Alliance, audience: Audience) -> tuple[str, ...]:
    found = await recipients.types(tx, audience)
    return tuple(t.code for t in alliance.types if t.line and not found.get(t.code))
