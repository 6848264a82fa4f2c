"""From the settings to the plain values that the floors below take."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot import numbers
from handlers.dialog.manners import Manners, Quiet
from handlers.dialog.preview import Tariff
from handlers.dialog.turn import Alliance, Numbers, StakeholderType
from storage.errors import BadNumber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.channels.base import Channel
    from bot.config import Settings


def alliance_of(settings: Settings) -> Alliance:
    """Return what the dialogs need to know of the alliance."""
    manners = settings.manners
    return Alliance(
        name=settings.alliance.name,
        languages=settings.alliance.languages,
        country=settings.alliance.country,
        zone=ZoneInfo(settings.alliance.timezone),
        manners=Manners(
            quiet=Quiet.parse(manners.quiet),
            per_day=manners.per_day,
            per_week=manners.per_week,
            monthly_segments=manners.monthly_segments,
            ttl_ms=int(manners.ttl.total_seconds() * 1_000),
            replies_per_hour=manners.replies_per_hour,
            replies_per_day=manners.replies_per_day,
        ),
        types=tuple(StakeholderType(t.code, t.sector, t.line) for t in settings.types),
        adult_age=settings.privacy.adult_age,
        smallest_group=settings.privacy.smallest_group,
        hash_key=settings.privacy.hash_key.get_secret_value().encode(),
        keep_text_days=settings.privacy.keep_text_days,
    )


def tariffs_of(channels: Mapping[str, Channel]) -> dict[str, Tariff]:
    """Return what each channel costs, for the preview."""
    return {
        name: Tariff(
            channel.traits.segments,
            channel.traits.rate,
            channel.traits.price,
            channel.traits.currency,
        )
        for name, channel in channels.items()
    }


def numbers_of(channels: Mapping[str, Channel], country: str) -> Numbers | None:
    """Return how phone numbers are read, and the first channel that reaches them, if any does."""
    found = next((channel for channel in channels.values() if channel.traits.segments), None)
    if found is None:
        return None
    countries = found.traits.countries

    def read(text: str) -> str:
        number = numbers.e164(text, country)
        if not numbers.is_in(number, countries):
            raise BadNumber("we don't write to numbers of that country")
        return number

    return Numbers(found.name, read)
