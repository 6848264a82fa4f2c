from __future__ import annotations

import contextlib
import sqlite3

import pytest

from handlers.dialog.perform import queue_next
from storage import releasing
from storage.instant import DAY, HOUR, clock

pytestmark = pytest.mark.usefixtures("alliance")


@pytest.fixture
def restored(alliance, switchboard, folder, read):
    """Restore a backup in which two broadcasts and a reply wait, and a third is planned."""
    switchboard("announce", "Hello", "--audience", "nima", "--yes")
    switchboard("announce", "Hello " * 40, "--text", "es=Hola", "--yes")

    async def fill(tx):
        while await queue_next(tx, clock()):
            pass
        await tx.run("INSERT INTO outbox (kind, channel, text, queued_at, expires_at)"
                     " VALUES (0, 'phones', 'Thank you', :now, :end)",
                     now=clock(), end=clock() + DAY)  # fmt: skip
        await tx.run("INSERT INTO outbox (kind, channel, status, queued_at, expires_at)"
                     " VALUES (0, 'telegram', 'sending', :now, :now)", now=clock())  # fmt: skip

    read(fill)
    switchboard("announce", "Later", "--at", "2d", "--yes")
    switchboard("backup", folder / "backup.db")
    switchboard("restore", folder / "backup.db", "--yes")


def by_status(folder):
    """Return how many messages of which batch have which status."""
    with contextlib.closing(sqlite3.connect(folder / "switchboard.db")) as connection:
        return {
            (batch, status): count
            for batch, status, count in connection.execute(
                "SELECT batch_id, status, COUNT(*) FROM outbox GROUP BY 1, 2"
            )
        }


@pytest.mark.usefixtures("restored")
def test_what_would_leave_is_shown(switchboard):
    """Before anything leaves one hears how many people and segments each broadcast is."""
    shown = switchboard("release", code=1).stderr.splitlines()
    assert shown[0] == "replies: 1 people, 1 segments"
    assert shown[1] == "broadcast 1: 4 people, 4 segments"
    assert shown[2] == "broadcast 2: 6 people, 11 segments"
    assert shown[3].startswith("broadcast 3: planned for ")
    assert shown[4] == "may have left before the backup was made: 1"
    assert shown[5] == "switchboard: nothing was sent: add --yes to send it"


@pytest.mark.usefixtures("restored")
def test_all_leaves(switchboard, folder):
    """Everything within its time to live is queued, and it is in the audit."""
    done = switchboard("release", "--yes")
    assert done.stdout == "released: 11 messages, 1 planned broadcasts\n"
    assert by_status(folder) == {
        (1, "queued"): 4, (2, "queued"): 6, (None, "queued"): 1, (None, "unknown"): 1,
    }  # fmt: skip
    with contextlib.closing(sqlite3.connect(folder / "switchboard.db")) as connection:
        last = connection.execute("SELECT act, count FROM audit ORDER BY id DESC LIMIT 1")
        assert last.fetchone() == ("release", 11)
    assert "nothing is held by a restore" in switchboard("release", "--yes", code=1).stderr
    assert "a restore" not in switchboard("check").stdout


@pytest.mark.usefixtures("restored")
def test_one_after_the_other(switchboard, folder):
    """One broadcast may leave, another be discarded, and the replies go last."""
    assert switchboard("release", "2", "--yes").stdout.startswith("released: 6 messages, 0")
    assert switchboard("release", "1", "--discard", "--yes").stdout.startswith("discarded: 4 ")
    assert switchboard("release", "3", "--discard", "--yes").stdout.endswith(
        "1 planned broadcasts\n"
    )
    assert switchboard("release", "replies", "--yes").stdout.startswith("released: 1 messages")
    assert by_status(folder) == {
        (1, "cancelled"): 4, (2, "queued"): 6, (None, "queued"): 1, (None, "unknown"): 1,
    }  # fmt: skip
    assert switchboard("status", "3").stdout.startswith("broadcast 3, halted:")


@pytest.mark.usefixtures("restored")
def test_nothing_that_is_too_late(switchboard, folder, monkeypatch):
    """What has passed its time to live is not shown, and doesn't leave."""
    monkeypatch.setattr("bot.cli.releasing.clock", lambda: clock() + DAY + HOUR)
    shown = switchboard("release", "--yes").stderr
    assert "replies" not in shown
    assert by_status(folder)[None, "held"] == 1
    monkeypatch.setattr("bot.cli.releasing.clock", lambda: clock() + 40 * DAY)
    assert "nothing is held" in switchboard("release", "--yes", code=1).stderr


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("args", [["--discard"], ["1", "--discard"]])
def test_it_asks_first(switchboard, folder, args, monkeypatch):
    """Without --yes nothing is discarded."""
    before = by_status(folder)
    assert "nothing was discarded: add --yes" in switchboard("release", *args, code=1).stderr
    monkeypatch.setattr("bot.cli.preview.asks", lambda: True)
    assert "nothing was discarded" in switchboard("release", *args, code=1, input="n\n").stderr
    assert by_status(folder) == before
    switchboard("release", *args, input="y\n")
    assert by_status(folder) != before


@pytest.mark.usefixtures("restored")
def test_in_chunks(switchboard, monkeypatch):
    """Replies pass between the chunks of a big release."""
    monkeypatch.setattr("bot.cli.releasing.AT_ONCE", 3)
    chunks = []
    release = releasing.release

    async def watched(tx, batch_id, now, most):
        chunks.append(await release(tx, batch_id, now, most))
        return chunks[-1]

    monkeypatch.setattr(releasing, "release", watched)
    assert switchboard("release", "--yes").stdout.startswith("released: 11 messages")
    assert chunks == [3, 3, 3, 2, 0]


@pytest.mark.parametrize("which", ["x", "-", "0", "9" * 30, "P1", "²"])
def test_what_is_no_broadcast(switchboard, which):
    """A word that is neither a number nor `replies` is told so."""
    assert "no broadcast's number" in switchboard("release", which, "--yes", code=1).stderr


def test_nothing_is_held(switchboard):
    """Where nothing was restored there is nothing to release."""
    assert "nothing is held by a restore" in switchboard("release", "--yes", code=1).stderr
