from __future__ import annotations

import json

import pytest

from handlers.dialog.perform import queue_next
from storage import batches, members
from storage.instant import DAY, clock

pytestmark = pytest.mark.usefixtures("alliance")


def queue(read):
    """Queue every broadcast that is due within a day."""

    async def unit(tx):
        while await queue_next(tx, clock() + DAY):
            pass

    read(unit)


def status(switchboard, name="1"):
    """Return what `status --json` shows."""
    return json.loads(switchboard("status", name, "--json").stdout)


def test_recipients_by_status(switchboard, read):
    """A broadcast shows its recipients by what became of them, once it is queued."""
    switchboard("announce", "Hello", "--audience", "nima", "--yes")
    assert status(switchboard) == {"number": 1, "recipients": 0, "by_status": {}}
    queue(read)
    assert status(switchboard) == {"number": 1, "recipients": 4, "by_status": {"queued": 4}}
    shown = switchboard("status", "1").stdout
    assert shown == "broadcast 1, queued: 4 recipients\n       4  queued\n"


def test_what_is_held_says_why(switchboard, read):
    """Held messages are shown with their reason and their time."""
    switchboard("announce", "Hello", "--yes")
    queue(read)
    until = clock() + 3 * DAY
    read(
        lambda tx: tx.run(
            "UPDATE outbox SET status = 'held', reason = 'cap', until_at = :until WHERE id < 3",
            until=until,
        )
    )
    assert status(switchboard)["by_status"] == {"held": 2, "queued": 4}
    assert ": 2 (cap)\n" in switchboard("status", "1").stdout


def test_a_poll_by_its_code(switchboard, read):
    """The broadcast that asked a poll is found by the poll's code, case aside."""
    switchboard("announce", "Hello", "--yes")
    switchboard("poll", "Which?", "--option", "A1", "--option", "B1", "--yes")
    queue(read)
    assert status(switchboard, "p1") == {
        "number": 2,
        "recipients": 6,
        "by_status": {"queued": 6},
    }


def test_a_halted_broadcast(switchboard, read):
    """What has not left when a broadcast is halted, stays; and more is not queued."""
    switchboard("announce", "Hello", "--yes")
    queue(read)
    assert switchboard("halt", "1").stdout == "broadcast 1 is halted: 6 messages were cancelled\n"
    assert status(switchboard)["by_status"] == {"cancelled": 6}
    switchboard("announce", "Hello again", "--at", "1h", "--yes")
    switchboard("halt", "2")
    queue(read)
    assert status(switchboard, "2") == {"number": 2, "recipients": 0, "by_status": {}}
    assert read(lambda tx: batches.by_id(tx, 2)).state == "halted"


def test_who_stopped_is_no_recipient(switchboard, read):
    """Somebody who sent STOP is not among the recipients."""
    read(lambda tx: members.stop(tx, 1, 1))
    switchboard("announce", "Hello", "--yes")
    queue(read)
    assert status(switchboard)["recipients"] == 5


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["status", "7"], "there is no broadcast 7"),
        (["status", "P7"], "there is no poll 'P7'"),
        (["halt", "7"], "there is no broadcast 7"),
        (["status", "9" * 20], f"there is no broadcast {'9' * 20}"),
        (["halt", "9" * 20], f"there is no broadcast {'9' * 20}"),
    ],
)
def test_what_is_no_broadcast(switchboard, args, says):
    """A number or code that there is none of is told so."""
    assert says in switchboard(*args, code=1).stderr
