"""The fixtures that most whole-path tests begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.whole.chat import Chat
from tests.whole.world import World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A running Switchboard with virtual phones."""
    async with world(tmp_path) as found:
        yield found


@pytest.fixture
def chat() -> Chat:
    """A channel with buttons, on which several questions may be open at once."""
    return Chat()


@pytest.fixture
async def both(tmp_path: Path, chat: Chat) -> AsyncIterator[World]:
    """A running Switchboard with virtual phones and a chat channel."""
    async with world(tmp_path, chats=(chat,)) as found:
        yield found
