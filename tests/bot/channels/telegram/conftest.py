"""The channel beside a Bot API on loopback."""

from __future__ import annotations

import pytest

from bot.channels.telegram import polling
from tests.bot.channels.fake_telegram import FakeTelegram, channel, served


@pytest.fixture
async def fake():
    """Return a Bot API that answers as told."""
    return FakeTelegram()


@pytest.fixture
async def url(fake):
    """Serve the fake; return its address."""
    async with served(fake) as address:
        yield address


@pytest.fixture
async def bot(url):
    """Return an open channel."""
    opened = channel(url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def waits(monkeypatch):
    """Record the waits after faults instead of waiting."""
    found: list[float] = []

    async def wait(seconds):
        found.append(seconds)

    monkeypatch.setattr(polling, "sleep", wait)
    return found
