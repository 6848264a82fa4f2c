from __future__ import annotations

import pytest

from bot import notices
from bot.channels.base import Reachable
from storage import addresses, opening


@pytest.fixture
async def database(tmp_path):
    """Return an empty database."""
    opened = await opening.open_database(opening.Place(tmp_path / "a.db"))
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("before", "can", "after"),
    [("ok", False, "blocked"), ("blocked", True, "ok"), ("carrier", True, "carrier")],
)
async def test_an_address_blocks_us_and_lets_us_in_again(database, before, can, after):
    """Its state follows; what the carrier stopped, START alone lifts."""

    async def unit(tx):
        address = await addresses.add(tx, "chat", "7700", 1)
        await addresses.put_state(tx, address, before)
        await notices.reachable(tx, Reachable("chat", "k", "7700", can))
        return await tx.row("SELECT state FROM addresses WHERE id = :id", id=address)

    assert tuple(await database.write(unit)) == (after,)


async def test_a_block_by_nobody_we_know_keeps_nothing(database):
    """Whoever blocks the bot without having written to it gets no row."""
    await database.write(
        lambda tx: notices.reachable(tx, Reachable("chat", "k", "7700", reachable=False))
    )
    assert await database.read(lambda tx: tx.rows("SELECT id FROM addresses")) == []
