from __future__ import annotations

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from bot import polling
from bot.channels.base import GroupMoved, Inbound, Polled, Receipt, Unreadable
from storage.errors import Busy

SECRET = "+12025550123 says hello"
A, B, C = (Inbound("tg", key, "4711", f"says {key}") for key in "abc")
RECEIPT = Receipt("tg", "SM1", "sent")
MOVED = GroupMoved("tg", "m", "-1", "-2")


class PolledChannel:
    """Yields batches; what was not acknowledged before the next poll comes again."""

    name = "tg"

    def __init__(self, *batches, faults=()):
        self.waiting = list(batches)
        self.faults = list(faults)
        self.acknowledged = []
        self.closed = 0

    async def poll(self):
        try:
            while self.waiting:
                if self.faults:
                    raise self.faults.pop()
                yield Polled(self.waiting[0], self.acknowledge)
        finally:
            self.closed += 1

    async def acknowledge(self):
        self.acknowledged.append(self.waiting.pop(0))


class Accept:
    """Raises the given faults first; later refuses what holds a poisonous event."""

    def __init__(self, channel, *faults, poison=()):
        self.channel = channel
        self.faults = list(faults)
        self.poison = poison
        self.committed = []
        self.tries = 0

    async def __call__(self, events):
        self.tries += 1
        if self.faults:
            raise self.faults.pop(0)
        if any(event in self.poison for event in events):
            raise KeyError(SECRET)
        assert not self.channel.acknowledged or self.channel.waiting
        self.committed += events


@pytest.fixture
def delays(monkeypatch):
    """The delays that were asked for, none of which is waited out."""
    asked = []

    async def sleep(seconds):
        asked.append(seconds)

    monkeypatch.setattr(polling, "sleep", sleep)
    return asked


async def test_each_batch_is_acknowledged_after_it_is_committed(delays):
    """Batches are accepted in order, and acknowledged one by one."""
    channel = PolledChannel([A, B], [C])
    seen = []

    async def accept(events):
        seen.append((list(events), list(channel.acknowledged)))

    await polling.poll_forever(channel, accept)
    assert seen == [([A, B], []), ([C], [[A, B]])]
    assert channel.acknowledged == [[A, B], [C]]
    assert delays == []


async def test_a_storage_that_is_away_is_waited_for(delays):
    """However long it takes, the same events are tried again, and nothing is passed over."""
    channel = PolledChannel([A], [B])
    accept = Accept(channel, *[Busy("locked")] * 9)
    with capture_logs() as logs:
        await polling.poll_forever(channel, accept)
    assert accept.committed == [A, B]
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert {entry["event"] for entry in logs} == {"poll.storage"}


async def test_a_passing_fault_is_tried_again(delays):
    """What breaks once need not break twice; the batch goes in whole."""
    channel = PolledChannel([A, B])
    accept = Accept(channel, KeyError("x"), Busy("locked"), KeyError("x"))
    await polling.poll_forever(channel, accept)
    assert accept.committed == [A, B]
    assert accept.tries == 4


@pytest.mark.parametrize(
    ("poison", "key", "kind"),
    [(B, "b", "Inbound"), (RECEIPT, "SM1:sent", "Receipt"), (MOVED, "m", "GroupMoved")],
)
async def test_a_poisonous_update_stalls_nothing(delays, poison, key, kind):
    """After some tries it is kept as unreadable in its place, and all others are accepted."""
    channel = PolledChannel([A, poison, C])
    accept = Accept(channel, poison=[poison])
    with capture_logs() as logs:
        await polling.poll_forever(channel, accept)
    first, kept, last = accept.committed
    assert (first, last) == (A, C)
    assert isinstance(kept, Unreadable)
    assert (kept.channel, kept.key) == ("tg", key)
    assert json.loads(kept.raw)["type"] == kind
    assert channel.acknowledged == [[A, poison, C]]
    assert SECRET not in str(logs)
    assert "KeyError" in logs[0]["trace"]


async def test_what_cannot_even_be_kept_stalls_nothing(delays):
    """The log says that one was lost; those after it are accepted."""
    channel = PolledChannel([A, B])

    async def accept(events):
        if any(event.key == "a" for event in events):
            raise KeyError("x")
        committed.extend(events)

    committed = []
    with capture_logs() as logs:
        await polling.poll_forever(channel, accept)
    assert committed == [B]
    assert logs[-1]["event"] == "poll.lost"


async def test_storage_going_away_amid_single_events_loses_none(delays):
    """Between tries of single events a busy storage is waited for too."""
    channel = PolledChannel([A, B])
    faults = [KeyError("x")] * polling.TRIES + [Busy("locked")] * 3
    accept = Accept(channel, *faults)
    await polling.poll_forever(channel, accept)
    assert accept.committed == [A, B]


async def test_a_fault_of_the_channel_does_not_end_polling(delays):
    """The poll is closed, waited out and begun again."""
    channel = PolledChannel([A], faults=[OSError("x"), OSError("x")])
    accept = Accept(channel)
    await polling.poll_forever(channel, accept)
    assert accept.committed == [A]
    assert channel.closed == 3
    assert delays == [0.5, 1]


async def test_a_failed_acknowledgement_brings_the_batch_again(delays):
    """It is accepted twice, which the keys make harmless, and never lost."""
    channel = PolledChannel([A])
    done = channel.acknowledge
    faults = [OSError("x")]

    async def acknowledge():
        if faults:
            raise faults.pop()
        await done()

    channel.acknowledge = acknowledge
    accept = Accept(channel)
    await polling.poll_forever(channel, accept)
    assert accept.committed == [A, A]
    assert channel.acknowledged == [[A]]


async def test_it_ends_when_cancelled(delays):
    """Cancelling ends the poll, and what was under way is not acknowledged."""
    channel = PolledChannel([A])
    begun = asyncio.Event()

    async def accept(events):
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(polling.poll_forever(channel, accept))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert channel.acknowledged == []
    assert channel.closed == 1
