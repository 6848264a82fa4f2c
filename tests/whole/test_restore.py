"""A backup restored while its alliance has gone on: nothing of it leaves by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from bot.cli import cli
from handlers import announce
from storage.audience import All
from storage.instant import DAY, HOUR, SECOND
from tests.whole.chat import Chat
from tests.whole.world import CONFIG, servers, world

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from tests.whole.world import Phone, World

    Switchboard = Callable[..., Coroutine[Any, Any, str]]

STATUSES = "SELECT status, COUNT(*) FROM outbox GROUP BY 1 ORDER BY 1"


@pytest.fixture
def switchboard(monkeypatch: pytest.MonkeyPatch) -> Switchboard:
    """Return what runs a command beside the world of a folder, and returns what it prints."""
    monkeypatch.setattr("bot.logs.configure", lambda: None)

    async def run(folder: Path, *args: str) -> str:
        found = servers.get()
        url = await found.url(folder) if found else f"sqlite:///{folder / 'test.db'}"
        config = folder / "command.toml"
        config.write_text(CONFIG.replace("sqlite:///test.db", url))
        done = await asyncio.to_thread(CliRunner().invoke, cli, [*args, "-c", str(config)])
        assert done.exit_code == 0, done.output
        return str(done.output)

    return run


@pytest.fixture
def again(tmp_path: Path) -> Path:
    """Return where a backup is restored: over a file, or into another database of a server."""
    folder = tmp_path / "again" if servers.get() else tmp_path
    folder.mkdir(exist_ok=True)
    return folder


async def tell(here: World, text: str) -> None:
    """Announce to everyone, without waiting for it to leave."""
    await here.database.write(
        lambda tx: announce.announce(
            tx, here.alliance, All(), {"en": text}, at=here.now(), by=None, now=here.now()
        )
    )


async def people(here: World, count: int) -> list[Phone]:
    """Let some be members."""
    return [await here.member(here.phone(n)) for n in range(count)]


async def old(folder: Path, switchboard: Switchboard) -> None:
    """Make a backup in which a broadcast waits; then send it, and another."""
    async with world(folder) as here:
        phones = await people(here, 3)
        await tell(here, "Water is off")
        await switchboard(folder, "backup", str(folder / "backup.db"))
        await here.tick()
        await tell(here, "Water is on")
        await here.tick()
        assert await phones[0].hear() == ["Water is off", "Water is on"]


async def test_nothing_leaves_until_it_is_released(
    tmp_path: Path, again: Path, switchboard: Switchboard
) -> None:
    """What waited in the backup leaves once a coordinator says so, while the server runs."""
    await old(tmp_path, switchboard)
    await switchboard(again, "restore", str(tmp_path / "backup.db"), "--yes")
    async with world(again) as here:
        phones = [here.phone(n) for n in range(3)]
        await here.tick()
        await here.pass_time(HOUR)
        assert [await phone.hear() for phone in phones] == [[], [], []]
        # Whoever writes is answered as ever, and a new broadcast leaves.
        assert "Springfield Water" in (await phones[0].say("ABOUT"))[0]
        await tell(here, "News")
        await here.tick()
        assert [await phone.hear() for phone in phones] == [["News"]] * 3
        assert "3 people" in await switchboard(again, "release", "--yes")
        await here.tick()
        assert [await phone.hear() for phone in phones] == [["Water is off"]] * 3


async def test_nothing_stale_leaves_at_all(
    tmp_path: Path, again: Path, switchboard: Switchboard
) -> None:
    """What nobody releases ends with its time to live, and a release comes too late for it."""
    await old(tmp_path, switchboard)
    await switchboard(again, "restore", str(tmp_path / "backup.db"), "--yes")
    async with world(again) as here:
        phones = [here.phone(n) for n in range(3)]
        assert await here.rows(STATUSES) == [("held", 3)]
        await here.pass_time(2 * DAY - HOUR)
        assert await here.rows(STATUSES) == [("held", 3)]
        await here.pass_time(HOUR + SECOND)
        assert await here.rows(STATUSES) == [("expired", 3)]
        for _ in range(5):
            await here.pass_time(DAY)
        assert [await phone.hear() for phone in phones] == [[], [], []]


async def test_a_halted_one_is_not_released(
    tmp_path: Path, again: Path, switchboard: Switchboard
) -> None:
    """HALT and STOP reach what a restore holds."""
    await old(tmp_path, switchboard)
    await switchboard(again, "restore", str(tmp_path / "backup.db"), "--yes")
    async with world(again) as here:
        await here.phone(0).say("STOP")
        await switchboard(again, "halt", "1")
        assert await here.rows(
            "SELECT status, COUNT(*) FROM outbox WHERE kind > 0 GROUP BY 1 ORDER BY 1"
        ) == [("cancelled", 2), ("stopped", 1)]


async def test_a_button_of_a_poll_that_is_lost(
    tmp_path: Path, again: Path, switchboard: Switchboard
) -> None:
    """It counts for no poll that was opened since: its number is not given again."""
    chat = Chat()
    async with world(tmp_path, chats=(chat,)) as here:
        person = await here.member(here.chatter(1))
        first = await here.poll("Before?")
        await switchboard(tmp_path, "backup", str(tmp_path / "backup.db"))
        lost = await here.poll("Lost?")
        (_, button), *_ = (await person.messages())[-1]["buttons"]
    await switchboard(again, "restore", str(tmp_path / "backup.db"), "--yes")
    chat = Chat()
    async with world(again, chats=(chat,)) as here:
        person = here.chatter(1)
        new = await here.poll("After?")
        assert new.id not in (first.id, lost.id)
        assert new.code == f"P{new.id}"
        await person.hear()
        [answer] = await person.press(button)
        assert await here.scalar("SELECT COUNT(*) FROM answers") == 0
        assert await here.scalar("SELECT COUNT(*) FROM inbound WHERE state = 'failed'") == 0
        assert "closed" in answer.lower() or "over" in answer.lower(), answer


async def test_what_may_have_left(tmp_path: Path, again: Path, switchboard: Switchboard) -> None:
    """It is looked up where the provider can be asked, and sent again nowhere else."""
    async with world(tmp_path, chats=(Chat(),)) as here:
        phone = await here.member(here.phone(1))
        chatter = await here.member(here.chatter(1))
        await tell(here, "Hello")
        await here.tick()
        await here.run("UPDATE outbox SET status = 'sending', lease_until = :at", at=here.now())
        await switchboard(tmp_path, "backup", str(tmp_path / "backup.db"))
    await switchboard(again, "restore", str(tmp_path / "backup.db"), "--yes")
    async with world(again, chats=(Chat(),)) as here:
        phone, chatter = here.phone(1), here.chatter(1)
        await here.pass_time(HOUR)
        assert await here.rows(STATUSES) == [("unknown", 2)]
        await switchboard(again, "release", "--yes")
        # The phones of a simulator that has been started anew know of no message: it is sent.
        await here.until("SELECT COUNT(*) FROM outbox WHERE status = 'unknown'", 1)
        assert await phone.hear() == ["Hello"]
        await here.pass_time(3 * DAY)
        assert await chatter.hear() == []
        assert await here.rows("SELECT channel, status FROM outbox ORDER BY 1") == [
            ("chat", "unknown"), ("phones", "sent"),
        ]  # fmt: skip
