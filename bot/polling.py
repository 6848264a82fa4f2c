"""Pulls from a channel that is polled; nothing is acknowledged before it is committed."""

from __future__ import annotations

import json
from asyncio import sleep
from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import structlog

from bot.channels.base import Receipt, Unreadable
from bot.faults import where
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bot.channels.base import Channel, Event

    Accept = Callable[[Sequence[Event]], Awaitable[None]]

log = structlog.get_logger()

FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 30.0
TRIES: Final = 5


async def poll_forever(channel: Channel, accept: Accept) -> None:
    """Accept whatever the channel yields, until cancelled; no fault ends it.

    Returns only where the channel has nothing to poll.
    """
    delay = FIRST_DELAY
    while True:
        polls = channel.poll()
        try:
            async for polled in polls:
                await _commit(channel.name, polled.events, accept)
                await polled.acknowledge()
                delay = FIRST_DELAY
        except Exception as error:  # noqa: BLE001 - the loop's edge
            log.error("poll.failed", channel=channel.name, trace=where(error))  # noqa: TRY400
        else:
            return
        finally:
            if isinstance(polls, AsyncGenerator):
                await polls.aclose()
        delay = await _pause(delay)


async def _commit(channel: str, events: Sequence[Event], accept: Accept) -> None:
    """Accept a batch; after some tries each event by itself, so that one stalls nothing."""
    if not await _tried(channel, events, accept, TRIES):
        for event in events:
            await _pass(channel, event, accept)


async def _pass(channel: str, event: Event, accept: Accept) -> None:
    """Accept one event of a batch that could not be, or else keep it as it came."""
    if await _tried(channel, [event], accept, 1):
        return
    # a receipt has no key of its own
    key = f"{event.provider_id}:{event.status}" if isinstance(event, Receipt) else event.key
    raw = json.dumps({"type": type(event).__name__, **asdict(event)}, ensure_ascii=False)
    if not await _tried(channel, [Unreadable(event.channel, key, raw)], accept, 1):
        log.error("poll.lost", channel=channel)


async def _tried(channel: str, events: Sequence[Event], accept: Accept, tries: int) -> bool:
    """Whether accept took the events, within `tries`; a storage that is away doesn't count."""
    delay = FIRST_DELAY
    while True:
        try:
            await accept(events)
        except StorageError as error:
            log.warning("poll.storage", channel=channel, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - what one update breaks must not stall the rest
            log.error("poll.not_accepted", channel=channel, trace=where(error))  # noqa: TRY400
            tries -= 1
        else:
            return True
        if not tries:
            return False
        delay = await _pause(delay)


async def _pause(delay: float) -> float:
    """Wait, and return how long to wait the next time."""
    await sleep(delay)
    return min(delay * 2, LONGEST_DELAY)
