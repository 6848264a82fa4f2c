from __future__ import annotations

import itertools

import pytest

from bot.channels.base import Receipt, Sent
from bot.receipts import AGAIN_AFTER, MOST_AGAIN, settle
from bot.sending.outcome import Answer
from storage.instant import DAY
from tests.bot.sending.office import FakeChannel


async def receive(post, status, **about):
    """Take one receipt, for the present attempt of row 1 by default."""
    wanted = {"channel": "sms", "provider_id": "SM1", "row": 1, "attempt": 1} | about
    await post.database.write(lambda tx: settle(tx, Receipt(status=status, **wanted), post.now()))


async def send(post, row=None, number="SM1"):
    """Claim what is queued and let the provider have taken it."""
    settler = post.settler()
    for item in await post.claim():
        settler.put(Answer(item, Sent(number), post.now()))
    await settler.flush()


# --- forward only ---


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "sent", "delivered"])))
@pytest.mark.parametrize("answered", [0, 1, 2, 3, None])
async def test_receipts_in_any_order_end_the_same(post, order, answered):
    """Unordered, repeated, before or after the send returned, or with no answer at all."""
    row = await post.ask(await post.person(introduced=False))
    (item,) = await post.claim()
    settler = post.settler()
    settler.put(Answer(item, Sent("SM1"), post.now()))
    for number, status in enumerate(order):
        if number == answered:
            await settler.flush()
        await receive(post, status)
    if answered is not None:
        await settler.flush()
    found = await post.row(row)
    assert (found["status"], found["provider_id"], found["attempt"]) == ("delivered", "SM1", 1)
    assert found["sent_at"] > 0
    assert await post.rows("SELECT state FROM dialogs") == [("open",)]
    assert await post.value("SELECT introduced FROM members")


@pytest.mark.parametrize("end", ["delivered", "undelivered", "failed", "expired"])
@pytest.mark.parametrize("late", ["sent", "delivered", "undelivered", "failed"])
async def test_an_end_stays(post, end, late):
    """What is settled for good no later receipt changes."""
    row = await post.queue(await post.person())
    await send(post)
    await receive(post, end)
    await receive(post, late)
    assert await post.status(row) == end


@pytest.mark.parametrize("status", ["queued", "held", "stopped", "cancelled"])
async def test_what_was_never_attempted_has_no_receipt(post, status):
    """A made-up attempt moves nothing."""
    row = await post.queue(await post.person(), status=status)
    await receive(post, "delivered", attempt=0)
    await receive(post, "delivered", attempt=1)
    assert await post.status(row) == status


# --- whose receipt ---


async def test_a_receipt_settles_a_row_whose_id_we_never_saw(post):
    """The row is named in the callback: no look-up is needed."""
    row = await post.queue(await post.person())
    await post.claim()
    await post.run("UPDATE outbox SET status = 'unknown'")
    await receive(post, "sent")
    found = await post.row(row)
    assert (found["status"], found["provider_id"], found["said"]) == ("sent", "SM1", "")


async def test_a_receipt_by_provider_id_alone(post):
    """Where the provider hands nothing back, its own id names the row."""
    row = await post.queue(await post.person())
    await send(post)
    await receive(post, "delivered", row=0, attempt=0)
    assert await post.status(row) == "delivered"
    await receive(post, "delivered", row=0, attempt=0, provider_id="SM unheard of")


@pytest.mark.parametrize(
    "about", [{"channel": "other"}, {"provider_id": "SM2"}, {"row": 99}, {"attempt": 7}]
)
@pytest.mark.parametrize("status", ["delivered", "undelivered"])
async def test_a_receipt_that_does_not_fit_changes_nothing(post, about, status):
    """A row of another channel, another message's id, a row or an attempt there never was."""
    row = await post.queue(await post.person())
    await send(post)
    before = await post.row(row)
    await receive(post, status, **about, effect="dead")
    assert await post.row(row) == before
    assert await post.rows("SELECT state FROM addresses") == [("ok",)]


# --- of an earlier attempt ---


async def doubted(post, *, status="unknown", columns="status = 'queued'"):
    """Let attempt 1 of a row have ended so, and the row have gone on."""
    row = await post.queue(await post.person())
    await post.claim()
    await post.run(
        "INSERT INTO attempts (outbox_id, attempt, address_id, status, ended_at)"
        " VALUES (:row, 1, 1, :status, 0)", row=row, status=status,
    )  # fmt: skip
    await post.run(f"UPDATE outbox SET {columns}")
    return row


@pytest.mark.parametrize("status", ["sent", "delivered"])
@pytest.mark.parametrize("columns", ["status = 'queued'", "status = 'held', attempt = 2"])
async def test_a_doubted_attempt_that_did_leave_spares_the_next(post, status, columns):
    """It waits to be sent again, and need not be: nobody gets it twice."""
    row = await doubted(post, columns=columns)
    await receive(post, status)
    found = await post.row(row)
    assert (found["status"], found["reason"]) == (status, "earlier attempt")
    assert await post.claim() == []
    await receive(post, "delivered")
    assert await post.status(row) == "delivered"


async def test_a_late_receipt_settles_the_attempt_it_names(post):
    """The present attempt is on its way and stays so; the earlier one is kept as it ended."""
    row = await doubted(post, columns="status = 'sending', attempt = 2")
    await receive(post, "delivered")
    assert await post.status(row) == "sending"
    assert await post.rows("SELECT attempt, status, provider_id FROM attempts") == [
        (1, "delivered", "SM1"),
    ]  # fmt: skip
    await receive(post, "delivered", attempt=2, provider_id="SM2")
    assert await post.status(row) == "delivered"


async def test_a_failed_attempt_s_late_receipts_spare_nothing(post):
    """`sent` may come after `undelivered`: the retry still leaves."""
    row = await doubted(post, status="failed")
    await receive(post, "sent")
    assert await post.status(row) == "queued"


async def test_another_channel_s_receipt_does_not_reach_an_earlier_attempt(post):
    """A row number is no secret: it counts on the channel that carried the attempt."""
    row = await doubted(post)
    await receive(post, "delivered", channel="other")
    assert await post.status(row) == "queued"
    assert await post.rows("SELECT status FROM attempts") == [("unknown",)]


async def test_an_earlier_attempt_s_error_still_means_what_it_says(post):
    """A carrier's opt-out counts, whichever attempt heard of it."""
    row = await doubted(post, columns="status = 'sending', attempt = 2")
    await receive(post, "undelivered", error="21610", effect="stopped")
    assert await post.rows("SELECT state FROM addresses") == [("carrier",)]
    assert await post.value("SELECT stopped_at > 0 FROM members")
    assert await post.status(row) == "sending", "its own answer settles it"


async def test_an_earlier_attempt_s_error_tries_nothing_again(post):
    """The present attempt goes its own way."""
    row = await doubted(post, columns="status = 'failed', attempt = 2, kind = 1")
    await receive(post, "undelivered", error="30003", again=True)
    assert await post.status(row) == "failed"
    assert await post.rows("SELECT attempt, status FROM attempts") == [(1, "undelivered")]


async def test_an_earlier_attempt_is_found_by_its_provider_id_too(post):
    """Where the provider names no row."""
    row = await doubted(post)
    await post.run("UPDATE attempts SET provider_id = 'SM1'")
    await receive(post, "delivered", row=0, attempt=0)
    assert await post.status(row) == "delivered"


# --- what did not arrive ---


async def test_a_phone_out_of_reach_is_tried_again_so_often(post):
    """30003: the same address, later each time a new attempt, within bounds."""
    row = await post.tell(await post.person(), await post.batch(), expires_at=post.now() + DAY)
    for attempt in range(1, MOST_AGAIN):
        await send(post, number=f"SM{attempt}")
        about = {"attempt": attempt, "provider_id": f"SM{attempt}"}
        await receive(post, "undelivered", error="30003", again=True, **about)
        found = await post.row(row)
        assert (found["status"], found["sent_at"]) == ("queued", 0)
        assert found["until_at"] - post.now() == pytest.approx(AGAIN_AFTER, abs=1_000)
        post.offset += AGAIN_AFTER + 1
    await send(post, number="SM9")
    about = {"attempt": MOST_AGAIN, "provider_id": "SM9"}
    await receive(post, "undelivered", error="30003", again=True, **about)
    assert await post.status(row) == "undelivered"
    assert await post.rows("SELECT attempt, provider_id FROM attempts WHERE attempt < 3") == [
        (1, "SM1"), (2, "SM2"),
    ]  # fmt: skip


async def test_a_retry_is_not_held_by_the_cap_of_its_own_first_try(post):
    """What did not arrive told them nothing."""
    post.manners(per_day=1)
    row = await post.tell(await post.person(), await post.batch())
    await send(post)
    await receive(post, "undelivered", error="30003", again=True)
    post.offset += AGAIN_AFTER + 1
    assert [item.row.id for item in await post.claim()] == [row]


async def test_no_retry_leaves_after_its_time(post):
    """A retry that would come too late is none."""
    row = await post.queue(await post.person(), expires_at=post.now() + AGAIN_AFTER)
    await send(post)
    await receive(post, "undelivered", error="30003", again=True)
    assert await post.status(row) == "undelivered"


async def test_a_dead_number_goes_on_at_the_next_address(post):
    """The address is marked, and the same message tries the chat as a new attempt."""
    row = await post.tell(await post.person("sms", "telegram"), await post.batch())
    await send(post)
    await receive(post, "undelivered", error="30005", effect="dead")
    found = await post.row(row)
    assert (found["status"], found["channel"], found["sent_at"]) == ("queued", "telegram", 0)
    assert await post.rows("SELECT state FROM addresses ORDER BY id") == [("dead",), ("ok",)]
    await receive(post, "delivered")
    assert (await post.row(row))["status"] == "queued", "a failed attempt stays failed"
    post.channel = FakeChannel("telegram")
    await send(post, number="77")
    found = await post.row(row)
    assert (found["status"], found["attempt"], found["provider_id"]) == ("sent", 2, "77")


async def test_a_reply_goes_on_nowhere(post):
    """It may be a code for that very phone."""
    row = await post.queue(await post.person("sms", "telegram"))
    await send(post)
    await receive(post, "undelivered", error="30005", effect="dead")
    assert await post.status(row) == "undelivered"


async def test_what_nobody_is_known_of_is_not_tried_again(post):
    """Their number was blanked when it was sent: there is nowhere to send it."""
    row = await post.queue(None, recipient="+12025550199")
    await send(post)
    await receive(post, "undelivered", error="30003", again=True)
    found = await post.row(row)
    assert (found["status"], found["recipient"]) == ("undelivered", "")


async def test_a_message_that_expired_at_the_carrier_is_not_sent_again(post):
    """30036: its time is over."""
    row = await post.tell(await post.person("sms", "telegram"), await post.batch())
    await send(post)
    await receive(post, "expired", error="30036")
    assert await post.status(row) == "expired"


async def test_an_opt_out_in_a_receipt_stops_the_person(post):
    """21610 ends what waits for them everywhere; nothing tries another address."""
    ada = await post.person("sms", "telegram")
    row = await post.tell(ada, await post.batch())
    await send(post)
    waiting = await post.queue(ada, channel="telegram")
    await receive(post, "undelivered", error="21610", effect="stopped")
    assert [await post.status(r) for r in (row, waiting)] == ["undelivered", "stopped"]
    assert await post.value("SELECT stopped_at > 0 FROM members")


async def test_an_error_for_the_coordinator_becomes_one_ticket(post):
    """30007, filtered by the carrier: no blind retry, and it is told once a day."""
    rows = [await post.queue(await post.person()) for _ in range(2)]
    settler = post.settler()
    for item in await post.claim():
        settler.put(Answer(item, Sent(f"SM{item.row.id}"), post.now()))
    await settler.flush()
    for row in rows:
        about = {"row": row, "provider_id": f"SM{row}"}
        await receive(post, "undelivered", error="30007", alert=True, **about)
    assert await post.statuses() == ["undelivered"] * 2
    assert await post.rows("SELECT kind, text FROM tickets") == [("alert", "sms: error 30007")]
