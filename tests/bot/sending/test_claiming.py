from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.channels.base import digest
from bot.sending.claiming import LEASE
from handlers.dialog.manners import Quiet
from handlers.dialog.text import segments
from storage import claims, pace
from storage.instant import DAY, HOUR, MINUTE, of
from tests.bot.sending.office import FakeChannel

NOON = of(datetime(2027, 3, 4, 12, tzinfo=UTC))


@pytest.fixture
def noon(post):
    """Let it be noon, of a day that has no past."""
    post.now = lambda: NOON + post.offset


async def test_a_claim_is_durable_with_a_lease(post):
    """What is claimed says `sending` in the database before anything leaves."""
    row = await post.queue(await post.person())
    (ready,) = await post.claim()
    found = await post.row(row)
    assert (found["status"], found["attempt"], found["tries"]) == ("sending", 1, 1)
    assert found["lease_until"] == ready.lease_until == ready.claimed_at + LEASE
    assert await post.claim() == [], "and nobody else takes it"


async def test_replies_come_first_and_only_what_is_due(post):
    """Replies before bulk, in their order; what waits for later is left, and other channels'."""
    ada, news = await post.person(), await post.batch()
    bulk = await post.tell(await post.person(), news)
    first, second = await post.queue(ada), await post.queue(ada)
    await post.queue(ada, until_at=post.now() + MINUTE)
    await post.queue(ada, channel="telegram")
    assert [ready.row.id for ready in await post.claim(2)] == [first, second]
    assert await post.claim(most_kind=0) == [], "bulk waits while the disk is nearly full"
    assert [ready.row.id for ready in await post.claim()] == [bulk]


# --- the month's budget ---


@pytest.mark.usefixtures("noon")
async def test_what_exceeds_the_budget_is_held_until_next_month(post):
    """Bulk beyond the month's segments waits, the coordinator is told; replies still leave."""
    post.channel = FakeChannel(segments=True)
    post.manners(monthly_segments=3)
    news = await post.batch("x" * 200)  # two segments
    rows = [await post.tell(await post.person(), news) for _ in range(2)]
    reply = await post.queue(await post.person())
    assert [item.row.id for item in await post.claim()] == [reply, rows[0]]
    last = await post.queue(await post.person())
    assert [item.row.id for item in await post.claim()] == [last], "and they count"
    held = await post.row(rows[1])
    assert (held["status"], held["reason"], held["tries"]) == ("held", "budget", 0)
    assert held["until_at"] == held["expires_at"], "it ends before the month does"
    assert await post.rows("SELECT text FROM tickets") == [("the month's SMS budget is used up",)]
    month = of(datetime(2027, 3, 1, tzinfo=UTC))
    assert await post.database.read(lambda tx: pace.spent(tx, month)) == 4


async def test_what_costs_nothing_is_not_counted(post):
    """A channel without segments spends no budget."""
    post.manners(monthly_segments=1)
    news = await post.batch("x" * 200)
    for _ in range(2):
        await post.tell(await post.person(), news)
    assert len(await post.claim()) == 2
    assert await post.rows("SELECT * FROM spending") == []


# --- caps ---


@pytest.mark.usefixtures("noon")
async def test_the_cap_counts_what_was_sent_what_is_in_flight_and_the_same_claim(post):
    """One unsolicited message a day, however the two come together."""
    post.manners(per_day=1)
    ada, bob, cyd, dan = [await post.person() for _ in range(4)]
    one, two = await post.batch("one"), await post.batch("two")
    await post.tell(ada, one, status="sent", sent_at=NOON - HOUR)
    await post.tell(bob, one)
    assert len(await post.claim()) == 1, "bob's is in flight, or may be"
    await post.run("UPDATE outbox SET status = 'unknown' WHERE status = 'sending'")
    for person in (ada, bob, cyd, cyd, dan):
        await post.tell(person, two)
    assert [item.row.member_id for item in await post.claim()] == [cyd, dan]
    held = await post.rows(
        "SELECT member_id, reason, until_at FROM outbox WHERE status = 'held' ORDER BY id"
    )
    midnight = of(datetime(2027, 3, 5, tzinfo=UTC))
    assert held == [(person, "cap", midnight) for person in (ada, bob, cyd)]


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize(
    ("columns", "leaves"),
    [
        ({"status": "delivered", "sent_at": NOON - HOUR}, False),
        ({"status": "sent", "sent_at": NOON - DAY}, True),
        ({"status": "undelivered", "sent_at": NOON - HOUR}, True),
        ({"status": "failed", "sent_at": NOON - HOUR}, True),
        ({"status": "unknown", "lease_until": NOON - HOUR}, False),
        ({"status": "unknown", "lease_until": NOON - 2 * DAY}, True),
        ({"kind": 2, "status": "sent", "sent_at": NOON - HOUR}, True),
    ],
)
async def test_only_what_may_have_reached_them_lately_counts(post, columns, leaves):
    """What failed told nobody anything; a doubt counts for its own day, not for ever."""
    post.manners(per_day=1)
    ada, news = await post.person(), await post.batch()
    await post.tell(ada, news, **columns)
    await post.tell(ada, news)
    assert bool(await post.claim()) is leaves


# --- turns ---


async def test_the_question_that_closes_soonest_leaves_and_the_others_wait(post):
    """By SMS one question is open at a time, also of one claim."""
    post.channel = FakeChannel(one_question=True)
    ada = await post.person()
    late, soon = await post.ask(ada, DAY), await post.ask(ada, HOUR)
    news = await post.tell(ada, await post.batch())
    assert {item.row.id for item in await post.claim()} == {soon, news}
    assert (await post.row(late))["reason"] == "turn"


async def test_a_question_that_can_t_leave_keeps_no_other_waiting(post):
    """The turn is taken by what leaves: one whose round has closed lets the next go."""
    post.channel = FakeChannel(one_question=True)
    ada = await post.person()
    late, soon = await post.ask(ada, DAY), await post.ask(ada, HOUR)
    await post.run("UPDATE rounds SET state = 'closed' WHERE closes_at < :at",
                   at=post.now() + 2 * HOUR)  # fmt: skip
    assert [item.row.id for item in await post.claim()] == [late]
    assert await post.status(soon) == "expired"


async def test_a_question_waits_for_one_on_its_way_but_not_for_an_old_doubt(post):
    """What may still be settled is waited for; what nobody will ever know is not."""
    post.channel = FakeChannel(one_question=True)
    ada = await post.person()
    first = await post.ask(ada)
    assert len(await post.claim()) == 1
    await post.run("UPDATE outbox SET status = 'unknown' WHERE status = 'sending'")
    second = await post.ask(ada)
    assert await post.claim() == []
    assert (await post.row(second))["reason"] == "turn"
    await post.run("UPDATE outbox SET status = 'unknown', until_at = expires_at + 1 WHERE id = :id",
                   id=first)  # fmt: skip
    await post.run("UPDATE outbox SET status = 'queued', until_at = 0 WHERE id = :id", id=second)
    assert [item.row.id for item in await post.claim()] == [second]


async def test_what_was_answered_and_may_have_left_before_has_arrived(post):
    """It is not sent once more, nobody can say that it was not sent, and nobody looks again."""
    post.channel = FakeChannel("telegram", findable=False)
    ada = await post.person("telegram")
    row = await post.ask(ada, maybe_twice=True)
    await post.run(
        "INSERT INTO dialogs (member_id, round_id, question, state, opened_at)"
        " SELECT member_id, round_id, 0, 'done', 0 FROM outbox"
    )
    assert await post.claim() == []
    assert await post.status(row) == "sent"
    post.offset += DAY
    now = post.now()
    assert await post.database.write(lambda tx: claims.doubtful(tx, "telegram", now, now, 9)) == []


# --- elsewhere ---


async def test_a_dead_number_sends_the_message_to_the_next_address(post):
    """It is a new attempt, on that address's channel, and the earlier is kept."""
    ada = await post.person("sms", "telegram")
    row = await post.tell(ada, await post.batch())
    await post.run("UPDATE addresses SET state = 'dead' WHERE channel = 'sms'")
    assert await post.claim() == []
    found = await post.row(row)
    assert (found["status"], found["channel"]) == ("queued", "telegram")
    assert await post.rows("SELECT attempt, status, error FROM attempts") == [(1, "failed", "dead")]
    post.channel = FakeChannel("telegram")
    (item,) = await post.claim()
    assert (item.row.to, item.row.attempt, item.row.tries) == ("1", 2, 1)


async def test_who_has_no_other_address_can_t_be_reached(post):
    """It ends as `unreachable`, and says why."""
    row = await post.tell(await post.person(), await post.batch())
    await post.run("UPDATE addresses SET state = 'blocked'")
    assert await post.claim() == []
    found = await post.row(row)
    assert (found["status"], found["reason"]) == ("unreachable", "blocked")


# --- and the rest ---


@pytest.mark.usefixtures("noon")
async def test_what_is_held_has_had_no_try(post):
    """Holding is no try: when it is released it leaves as if for the first time."""
    post.manners(quiet=Quiet.parse("11:00-13:00"))
    row = await post.tell(await post.person(), await post.batch())
    assert await post.claim() == []
    found = await post.row(row)
    assert (found["status"], found["reason"], found["until_at"]) == ("held", "quiet", NOON + HOUR)
    assert (found["attempt"], found["tries"]) == (1, 0)


async def test_a_row_that_can_t_be_rendered_holds_up_no_other(post):
    """It ends as failed; the rest of the claim leaves."""
    ada = await post.person()
    broken, good = await post.queue(ada, choices="{"), await post.queue(ada)
    assert [item.row.id for item in await post.claim()] == [good]
    assert await post.status(broken) == "failed"


async def test_a_claim_keeps_a_digest_of_what_leaves_where_it_can_be_looked_for(post):
    """The batch may say something else by then, and the text of bulk is not kept."""
    row = await post.tell(await post.person(), await post.batch("x" * 200))
    (item,) = await post.claim()
    found = await post.row(row)
    assert (found["said"], found["segments"]) == (digest("x" * 200), segments("x" * 200))
    await post.database.write(lambda tx: claims.renew(tx, [row], item.lease_until + LEASE))
    post.channel = FakeChannel("telegram", findable=False)
    other = await post.queue(await post.person("telegram"))
    await post.claim()
    assert (await post.row(other))["said"] == ""


async def test_a_message_to_somebody_of_whom_nothing_is_kept(post):
    """Its number stands in the row, and is all there is."""
    await post.queue(None, recipient="+12025550199")
    (item,) = await post.claim()
    assert item.outgoing(post.now()).to == "+12025550199"


async def test_the_language_is_the_member_s_at_the_send(post):
    """Whoever changes it while a message waits reads it in the new one."""
    ada = await post.person()
    row = await post.tell(ada, await post.batch())
    await post.run("UPDATE members SET language = 'es'")
    await post.claim()
    assert (await post.row(row))["language"] == "es"
