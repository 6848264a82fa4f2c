"""The fixtures that most whole-path tests begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.storage.postgres import databases, postgres_server, postgres_template
from tests.whole.chat import Chat
from tests.whole.world import World, servers, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

__all__ = ["databases", "postgres_server", "postgres_template"]

ENGINES = ("sqlite", "postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on both engines, but for one of something that only SQLite has."""
    only = metafunc.definition.get_closest_marker("sqlite_only")
    metafunc.parametrize("engine", ENGINES[:1] if only else ENGINES, indirect=True)


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine on which the test's worlds remember."""
    if request.param == "sqlite":
        yield request.param
        return
    token = servers.set(request.getfixturevalue("databases"))
    yield request.param
    servers.reset(token)


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
