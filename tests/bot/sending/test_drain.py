from __future__ import annotations

import asyncio
import itertools

import pytest

from bot.channels.base import Again, Refused, Sent
from bot.sending import drain as drain_module
from bot.sending import keeping
from bot.sending import pace as pace_module
from bot.sending import stock as stock_module
from bot.sending.claiming import LEASE
from handlers.extend import extend
from handlers.halt import halt
from storage import members, outbox, rounds
from storage.errors import Busy
from storage.instant import DAY, HOUR, SECOND
from tests.bot.sending.office import FakeChannel, until


async def stop(post, person):
    """Let a person send STOP."""

    async def unit(tx):
        await members.stop(tx, person, post.now())
        await outbox.stop(tx, person, person, post.now())

    await post.database.write(unit)


# --- order ---


def idle(monkeypatch, seconds):
    """Let the outbox be looked at so often without being told to."""
    for module in (drain_module, stock_module):
        monkeypatch.setattr(module, "IDLE", seconds)


async def test_what_waits_is_sent_and_settled(post):
    """The whole way, once: a row, a request, a status; and who measures is told."""
    told = []
    rows = [await post.queue(await post.person()) for _ in range(5)]
    async with post.draining(sent=lambda *told_of: told.append(told_of)):
        await until(post.settled)
    assert await post.statuses() == ["sent"] * 5
    assert sorted(post.channel.rows) == rows
    assert [(name, outcome) for name, outcome, _ in told] == [("sms", "sent")] * 5


async def test_replies_leave_before_bulk(post):
    """A reply overtakes whatever bulk is not claimed yet."""
    post.channel = FakeChannel(in_flight=1)
    news, people = await post.batch("news"), [await post.person() for _ in range(6)]
    for person in people:
        await post.tell(person, news)
    post.channel.gate.clear()
    async with post.draining():
        await until(lambda: post.channel.open)
        await post.queue(people[-1], "a reply")
        post.channel.gate.set()
        await until(post.settled)
    assert post.channel.texts.index("a reply") <= stock_module.CLAIM_LINES, (
        "at most what was claimed goes before it"
    )


@pytest.mark.parametrize("gap_ms", [0, 30])
async def test_messages_to_one_address_leave_in_order(post, gap_ms):
    """Never two at once, with the channel's gap between; others pass by."""
    post.channel = FakeChannel(gap_ms=gap_ms)
    ada, bob = await post.person(), await post.person()
    for number in range(4):
        await post.queue(ada, f"{number}")
    await post.queue(bob, "bob")
    async with post.draining():
        await until(post.settled)
    to_ada = [(at, m.text) for at, m in post.channel.sent if m.text != "bob"]
    assert [text for _, text in to_ada] == ["0", "1", "2", "3"]
    assert all(b - a >= gap_ms / 1_000 for (a, _), (b, _) in itertools.pairwise(to_ada))
    if gap_ms:
        assert post.channel.texts.index("bob") == 1


async def test_two_messages_to_somebody_of_whom_nothing_is_kept_keep_their_order(post):
    """There is no address row to go by: the number itself is the lane."""
    for text in ("first", "second", "third"):
        await post.queue(None, text, recipient="+12025550199")
    async with post.draining():
        await until(post.settled)
    assert post.channel.texts == ["first", "second", "third"]
    assert post.channel.most_open == 1


async def test_a_lane_goes_on_when_its_head_is_dropped(post):
    """What waits behind a message that may not leave any more is not forgotten."""
    post.channel = FakeChannel(in_flight=2)
    for _ in range(2):
        await post.queue(await post.person(), "takes up a line")
    ada, news, gone = await post.person(), await post.batch("news"), await post.batch("gone")
    rows = [await post.tell(ada, batch) for batch in (gone, news)]
    post.channel.gate.clear()
    async with post.draining():
        await until(lambda: post.channel.open == 2)
        assert [await post.status(row) for row in rows] == ["sending", "sending"]
        await post.database.write(lambda tx: halt(tx, gone, None, post.now()))
        post.channel.gate.set()
        await until(post.settled)
    assert [await post.status(row) for row in rows] == ["cancelled", "sent"]
    assert post.channel.texts[2:] == ["news"]


# --- how much at once ---


async def test_no_more_is_claimed_than_can_soon_leave(post):
    """Some lines' worth beside what is in flight; and no more requests are open than allowed."""
    post.channel = FakeChannel(in_flight=3)
    for _ in range(30):
        await post.queue(await post.person())
    post.channel.gate.clear()
    async with post.draining():
        await until(lambda: post.channel.open == 3)
        await asyncio.sleep(0.05)
        assert (await post.statuses()).count("sending") <= 3 + 3 * stock_module.CLAIM_LINES
        post.channel.gate.set()
        await until(post.settled)
    assert post.channel.most_open == 3
    assert await post.statuses() == ["sent"] * 30


async def test_a_slow_channel_claims_only_some_seconds_ahead(post):
    """What is not claimed can be overtaken by a reply."""
    post.channel = FakeChannel(rate=1, in_flight=32)
    for _ in range(20):
        await post.queue(await post.person())
    async with post.draining():
        await until(lambda: post.channel.sent)
        await asyncio.sleep(0.05)
        claimed = 20 - (await post.statuses()).count("queued")
        assert claimed == 2, "one has left, so one more may be claimed"


async def test_the_rate_is_kept_by_the_instants_of_the_requests(post):
    """Whatever comes between, no second sees more requests than the rate."""
    post.channel = FakeChannel(rate=40)
    people = [await post.person() for _ in range(30)]
    for person in people * 2:
        await post.queue(person)
    async with post.draining() as drain:
        for _ in range(40):
            drain.wake("gate")
            await asyncio.sleep(0.02)
        await until(post.settled, 10)
    moments = [at for at, _ in post.channel.sent]
    assert len(moments) == 60
    assert max(sum(a <= b < a + 1 for b in moments) for a in moments) <= 40


async def test_bulk_waits_while_it_may_not_leave(post):
    """While the disk is nearly full replies alone are sent."""
    ada, allowed = await post.person(), []
    bulk, reply = await post.tell(ada, await post.batch()), await post.queue(ada)
    async with post.draining(bulk=lambda: bool(allowed)) as drain:
        await until(lambda: post.channel.sent)
        await asyncio.sleep(0.05)
        assert post.channel.rows == [reply]
        allowed.append(True)
        drain.wake("outbox")
        await until(post.settled)
    assert post.channel.rows == [reply, bulk]


# --- between claim and send ---


@pytest.fixture
async def waiting(post):
    """A drain whose only line is busy, with one claimed row of ada's waiting behind it."""
    post.channel = FakeChannel(in_flight=1, rate=1_000)
    other, ada = await post.person(), await post.person("sms", introduced=True)
    first = await post.queue(other, "first", kind=0)
    row = await post.ask(ada)
    post.channel.gate.clear()
    async with post.draining():
        await until(lambda: post.channel.open)
        assert await post.status(row) == "sending"
        yield ada, row, first
        post.channel.gate.set()
        await until(post.settled)


async def ended(post, row):
    """Let the line go free, and return what became of the row that waited."""
    post.channel.gate.set()
    await until(post.settled)
    assert post.channel.texts == ["first"]
    found = await post.row(row)
    return found["status"], found["reason"]


async def test_a_stop_between_claim_and_send_prevents_it(post, waiting):
    """Nothing leaves to whoever has just sent STOP."""
    ada, row, _ = waiting
    await stop(post, ada)
    assert await ended(post, row) == ("stopped", "stopped")


async def test_a_halt_between_claim_and_send_prevents_it(post, waiting):
    """What has not left, stays."""
    _, row, _ = waiting
    batch = await post.value("SELECT batch_id FROM outbox WHERE id = :id", id=row)
    await post.database.write(lambda tx: halt(tx, batch, None, post.now()))
    assert await ended(post, row) == ("cancelled", "halted")


async def test_an_erasure_between_claim_and_send_prevents_it(post, waiting):
    """Nothing leaves to whoever is forgotten, not even what was claimed for them."""
    ada, row, _ = waiting

    async def erase(tx):
        await outbox.stop(tx, ada, ada, post.now())
        await members.blank(tx, ada)

    await post.database.write(erase)
    assert await ended(post, row) == ("cancelled", "erased")


async def test_a_close_between_claim_and_send_prevents_it(post, waiting):
    """No question leaves once its round is closed."""
    _, row, _ = waiting

    async def close(tx):
        await tx.run("UPDATE rounds SET state = 'closed'")
        await tx.notify("gate")

    await post.database.write(close)
    assert await ended(post, row) == ("expired", "closed")


async def test_the_night_between_claim_and_send_holds_it(post, waiting):
    """A verdict grows old: after a long wait it is taken again."""
    _, row, _ = waiting
    await post.run("UPDATE outbox SET expires_at = :at WHERE id = :id", at=post.now(), id=row)
    post.offset += keeping.JUDGED_FOR
    assert await ended(post, row) == ("expired", "too late")


async def test_what_is_extended_between_claim_and_send_tells_the_new_time(post, waiting):
    """What has not left of an extended poll says the new closing time, and leaves once."""
    _, row, _ = waiting
    round_id = await post.value("SELECT round_id FROM outbox WHERE id = :id", id=row)

    async def unit(tx):
        round_ = await rounds.by_id(tx, round_id)
        await extend(tx, post.alliance, round_, post.now() + 3 * DAY, None, post.now())

    await post.database.write(unit)
    texts = await post.value("SELECT texts FROM batches")
    post.channel.gate.set()
    await until(post.settled)
    assert len(post.channel.texts) == 2
    assert post.channel.texts[1] in texts
    assert (await post.row(row))["tries"] == 1, "it was put back, and that is no try"


async def test_what_is_not_concerned_by_a_stop_leaves_all_the_same(post, waiting):
    """Being judged again is no attempt and changes nothing."""
    _, row, first = waiting
    await stop(post, await post.value("SELECT member_id FROM outbox WHERE id = :id", id=first))
    post.channel.gate.set()
    await until(post.settled)
    assert (await post.status(row), len(post.channel.texts)) == ("sent", 2)


async def test_a_stop_meets_no_row_that_is_on_its_way_already(post, waiting):
    """What has left is settled by its answer; it can't be called back."""
    _, _, first = waiting
    await stop(post, await post.value("SELECT member_id FROM outbox WHERE id = :id", id=first))
    post.channel.gate.set()
    await until(post.settled)
    assert await post.status(first) == "sent"


async def test_a_lapsed_lease_keeps_a_message_from_leaving(post, waiting):
    """After a long sleep of the machine somebody else may have sent it already."""
    _, row, _ = waiting
    await post.run("UPDATE outbox SET status = 'sent', attempt = 2 WHERE id = :id", id=row)
    post.offset += LEASE
    assert await ended(post, row) == ("sent", "")


async def test_a_row_that_is_claimed_anew_holds_up_nobody(post, waiting):
    """Its lease lapsed, and it was queued again before this process looked at what it has."""
    ada, row, first = waiting
    await post.run("UPDATE outbox SET status = 'queued' WHERE id = :id", id=row)
    behind = await post.queue(ada, "behind", kind=0)

    async def is_claimed_anew():
        return (await post.row(row))["attempt"] == 2

    await until(is_claimed_anew)
    post.channel.gate.set()
    await until(post.settled)
    assert sorted(post.channel.rows) == sorted((first, row, behind))
    assert await post.statuses() == ["sent", "sent", "sent"]


async def test_what_has_not_left_by_its_lease_is_put_back(post, waiting):
    """We know for sure that it did not leave: it is no doubt, and goes again."""
    _, row, _ = waiting
    await post.run("UPDATE outbox SET status = 'unknown' WHERE id = :id", id=row)
    post.offset += LEASE
    post.channel.gate.set()

    async def is_sent():
        return await post.status(row) == "sent"

    await until(is_sent)
    found = await post.row(row)
    assert (found["status"], found["tries"], found["maybe_twice"]) == ("sent", 1, False)


# --- leases ---


async def test_leases_are_renewed_while_rows_wait_or_fly(post, monkeypatch):
    """A live sender's rows never lapse."""
    monkeypatch.setattr(keeping, "RENEW", 0.01)
    post.channel = FakeChannel(in_flight=1)
    rows = [await post.queue(await post.person()) for _ in range(2)]
    post.channel.gate.clear()
    async with post.draining():
        await until(lambda: post.channel.open)
        post.offset += 15 * SECOND

        async def renewed():
            leases = [(await post.row(row))["lease_until"] for row in rows]
            return min(leases) >= post.now() + LEASE - SECOND

        await until(renewed)
        post.channel.gate.set()


# --- the end ---


async def test_a_graceful_stop_finishes_what_is_in_flight_and_puts_the_rest_back(post):
    """What was claimed and has not left is queued as if it had never been claimed."""
    post.channel = FakeChannel(in_flight=2, segments=True)
    rows = [await post.queue(await post.person()) for _ in range(4)]
    post.channel.gate.clear()
    drain = post.drain()
    running = asyncio.create_task(drain.run())
    await until(lambda: post.channel.open == 2)
    drain.stop()
    await asyncio.sleep(0.03)
    assert not running.done(), "it waits for what is in flight"
    post.channel.gate.set()
    async with asyncio.timeout(5):
        await running
    assert post.channel.rows == rows[:2]
    found = [await post.row(row) for row in rows]
    assert [(row["status"], row["attempt"], row["tries"]) for row in found] == [
        ("sent", 1, 1), ("sent", 1, 1), ("queued", 1, 0), ("queued", 1, 0),
    ]  # fmt: skip
    assert await post.value("SELECT SUM(segments) FROM spending") == 2


async def test_a_stop_in_a_long_pause_does_not_wait_for_its_end(post):
    """A channel that rests for an hour stops at once."""
    row = await post.queue(await post.person())
    post.channel.script["+12025550101"] = [Again("429", 3_600, whole_channel=True)]
    async with post.draining():
        await until(post.settled)
        await post.queue(await post.person())
    assert await post.status(row) == "queued"


# --- waking ---


async def test_it_wakes_at_once_on_our_own_commit(post, monkeypatch):
    """Nobody waits for a tick."""
    idle(monkeypatch, 60.0)
    async with post.draining():
        await asyncio.sleep(0.05)
        began = asyncio.get_running_loop().time()
        await post.queue(await post.person())
        await until(lambda: post.channel.sent)
        assert asyncio.get_running_loop().time() - began < 0.5


async def test_it_looks_by_itself_for_what_becomes_due(post, monkeypatch):
    """A retry's time comes without a notice."""
    idle(monkeypatch, 0.02)
    ada = await post.person()
    async with post.draining():
        await post.queue(ada, until_at=post.now() + HOUR)
        await asyncio.sleep(0.05)
        post.offset += HOUR
        await until(lambda: post.channel.sent)


# --- faults ---


async def test_storage_errors_do_not_end_it(post, monkeypatch):
    """A locked database is waited out, and a broken claim is tried again."""
    idle(monkeypatch, 0.01)
    writing, failing = post.database.write, [Busy("locked"), ValueError("a bug"), Busy("locked")]

    async def write(unit, **how):
        if failing:
            raise failing.pop()
        return await writing(unit, **how)

    row = await post.queue(await post.person())
    monkeypatch.setattr(post.database, "write", write)
    async with post.draining():
        await until(lambda: not failing)
        await until(post.settled)
    assert await post.status(row) == "sent"


async def test_a_row_that_can_t_be_judged_again_goes_back(post, monkeypatch, waiting):
    """It has not left, so it is no doubt: it is queued again, and leaves."""
    _, row, _ = waiting
    reading, failing = post.database.read, [Busy("locked")]

    async def read(unit):
        if failing:
            raise failing.pop()
        return await reading(unit)

    monkeypatch.setattr(post.database, "read", read)
    await post.database.write(lambda tx: tx.notify("gate"))
    post.channel.gate.set()
    await until(lambda: not failing)
    await until(post.settled)
    found = await post.row(row)
    assert (found["status"], found["attempt"]) == ("sent", 1)


async def test_a_channel_that_raises_leaves_a_doubt(post):
    """The message may have left: it is unknown, and the others go on."""
    rows = [await post.queue(await post.person()) for _ in range(2)]
    post.channel.script["+12025550101"] = [RuntimeError("a bug")]
    async with post.draining():
        await until(post.settled)
    assert await post.statuses() == ["unknown", "sent"]
    assert (await post.row(rows[0]))["reason"] == "error of ours"


async def test_a_429_holds_the_channel_and_then_all_of_it_leaves(post):
    """For exactly as long as is asked, nothing leaves; then nothing is missing."""
    for _ in range(10):
        await post.queue(await post.person())
    post.channel.script["+12025550103"] = [Again("429", 0.4, whole_channel=True)]
    post.channel.script["+12025550104"] = [Again("429", 0.3, whole_channel=True)]
    post.channel.gate.clear()
    async with post.draining():
        await until(lambda: post.channel.open == 10)
        refused = asyncio.get_running_loop().time()
        post.channel.gate.set()
        await asyncio.sleep(0.05)
        later = await post.queue(await post.person())
        await asyncio.sleep(0.1)
        assert await post.status(later) == "queued", "unclaimed, it can still be overtaken"
        await until(lambda: len(post.channel.sent) == 13)
        await until(post.settled)
    assert all(at - refused >= 0.4 for at, _ in post.channel.sent[10:])
    assert await post.statuses() == ["sent"] * 11
    assert await post.value("SELECT MAX(tries) FROM outbox") == 1
    assert later in post.channel.rows[10:]


async def test_a_provider_out_of_reach_fails_no_message(post, monkeypatch):
    """The whole channel rests, longer each time; no row is blamed for it."""
    monkeypatch.setattr(pace_module, "FIRST_PAUSE", 0.2)
    idle(monkeypatch, 0.05)
    row = await post.queue(await post.person())
    no_route = Again("no route", whole_channel=True)
    post.channel.script["+12025550101"] = [no_route, no_route, Sent("1"), no_route]
    async with post.draining():
        await until(lambda: len(post.channel.sent) == 3)
        await until(post.settled)
        await post.queue(1)
        await until(lambda: len(post.channel.sent) == 5)
        await until(post.settled)
    moments = [at for at, _ in post.channel.sent]
    pauses = [after - before for before, after in itertools.pairwise(moments)]
    assert pauses[0] > 0.2
    assert pauses[1] > 0.4
    assert pauses[3] > 0.2
    assert pauses[3] < 0.8, "something got through, so it begins anew"
    assert (await post.row(row))["tries"] == 1


async def test_a_refusal_goes_on_at_the_next_address(post):
    """From the dead number to the chat, by two drains of two channels."""
    ada = await post.person("sms", "telegram")
    row = await post.tell(ada, await post.batch("news"))
    sms, telegram = post.channel, FakeChannel("telegram", findable=False)
    sms.script["+12025550101"] = [Refused("30005", effect="dead")]
    async with post.draining():
        post.channel = telegram
        async with post.draining():
            await until(lambda: telegram.sent)
            await until(post.settled)
    assert (await post.row(row))["status"] == "sent"
    assert await post.rows("SELECT state FROM addresses ORDER BY id") == [("dead",), ("ok",)]
