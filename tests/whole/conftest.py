"""The fixture most whole-path tests begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.whole.world import World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A running Switchboard with virtual phones."""
    async with world(tmp_path) as found:
        yield found
