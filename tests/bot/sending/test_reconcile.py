from __future__ import annotations

import asyncio

import pytest

from bot.channels.base import Unknown
from bot.sending.claiming import LEASE
from bot.sending.outcome import LOOK_AFTER, MOST_TRIES, Answer, NotSent
from bot.sending.reconcile import ASK_AGAIN, SLACK
from handlers.extend import extend
from storage import claims, rounds
from storage.errors import Busy, CannotTell
from storage.instant import DAY, HOUR, SECOND
from tests.bot.sending.office import FakeChannel, until

ADA = "+12025550101"


async def lost(post, *, taken=True, answer="SM1"):
    """Claim everything, let it leave, and let nobody hear of the answer: the sender is killed.

    `taken` tells whether the provider got it.
    """
    ready = await post.claim()
    for item in ready:
        if taken:
            post.channel.held[item.row.to].insert(0, (answer, item.rendered.text))
    post.offset += LEASE + 1
    await look(post)
    post.offset += LOOK_AFTER


async def look(post):
    """Look into what is due, once."""
    await post.reconciler().look()


# --- when ---


async def test_a_lapsed_lease_is_a_doubt_and_ten_seconds_later_looked_into(post):
    """A row whose sender was killed is `unknown`, not sent and not failed, until a look-up."""
    row = await post.queue(await post.person())
    await post.claim()
    post.offset += LEASE - SECOND
    await look(post)
    assert await post.status(row) == "sending", "its lease holds"
    post.offset += 2 * SECOND
    await look(post)
    found = await post.row(row)
    assert (found["status"], found["reason"]) == ("unknown", "lease")
    post.offset += LOOK_AFTER - SECOND
    await look(post)
    assert post.channel.asked == [], "a receipt may still come"
    post.offset += 2 * SECOND
    await look(post)
    assert len(post.channel.asked) == 1


async def test_it_looks_by_itself(post):
    """Doubts are cleared up without anybody asking."""
    row = await post.queue(await post.person())
    await post.claim()
    post.offset += LEASE + LOOK_AFTER
    await post.run("UPDATE outbox SET status = 'unknown', until_at = 0")
    running = asyncio.create_task(post.reconciler().run())

    async def is_queued():
        return await post.status(row) == "queued"

    await until(is_queued)
    running.cancel()


# --- where the provider can be asked ---


async def test_what_is_found_is_settled(post):
    """It was sent: its provider's id is kept, its question opens, its person knows us."""
    ada = await post.person(introduced=False)
    row = await post.ask(ada)
    await lost(post)
    await look(post)
    found = await post.row(row)
    assert (found["status"], found["provider_id"], found["attempt"]) == ("sent", "SM1", 1)
    assert found["said"] == ""
    assert await post.rows("SELECT state FROM dialogs") == [("open",)]
    assert await post.value("SELECT introduced FROM members")


async def test_what_is_not_found_is_sent_again(post):
    """It never left: a new attempt, and no mark that it may come twice."""
    row = await post.queue(await post.person())
    await lost(post, taken=False)
    await look(post)
    found = await post.row(row)
    assert (found["status"], found["maybe_twice"]) == ("queued", False)
    assert await post.rows("SELECT attempt, status FROM attempts") == [(1, "unknown")]
    (item,) = await post.claim()
    assert item.row.attempt == 2


async def test_a_provider_that_can_t_tell_is_asked_again_later(post):
    """Nothing is sent on a guess, however long it takes."""
    row = await post.queue(await post.person())
    await lost(post)
    post.channel.failing = CannotTell("away")
    for _ in range(MOST_TRIES + 1):
        await look(post)
        assert await post.status(row) == "unknown"
        post.offset += ASK_AGAIN
    post.channel.failing = None
    await look(post)
    assert (await post.row(row))["provider_id"] == "SM1"


async def test_two_identical_texts_to_one_number_are_two_messages(post):
    """One message at the provider settles one of them; the other is sent again."""
    ada = await post.person()
    rows = [await post.queue(ada, "same") for _ in range(2)]
    await lost(post, taken=False)
    post.channel.held[ADA] = [("SM1", "same")]
    await look(post)
    found = [await post.row(row) for row in rows]
    assert sorted(row["status"] for row in found) == ["queued", "sent"]
    post.channel.held[ADA].insert(0, ("SM2", "same"))
    for item in await post.claim():
        assert item.row.attempt == 2


async def test_two_doubts_find_a_message_each(post):
    """Two messages at the provider settle both."""
    ada = await post.person()
    for _ in range(2):
        await post.queue(ada, "same")
    await lost(post, taken=False)
    post.channel.held[ADA] = [("SM2", "same"), ("SM1", "same")]
    await look(post)
    assert sorted(await post.rows("SELECT status, provider_id FROM outbox")) == [
        ("sent", "SM1"), ("sent", "SM2"),
    ]  # fmt: skip


@pytest.mark.parametrize("of", ["another row", "an earlier attempt"])
async def test_a_message_that_is_known_is_no_find(post, of):
    """The same text went to the same number before: that one is spoken for."""
    ada = await post.person()
    if of == "another row":
        await post.queue(ada, "same", status="delivered", provider_id="SM0")
    row = await post.queue(ada, "same", attempt=1)
    if of == "an earlier attempt":
        await post.run(
            "INSERT INTO attempts VALUES (:row, 1, 1, 'failed', '30003', 'SM0', 0)", row=row
        )
    await lost(post, answer="SM0")
    await look(post)
    assert await post.status(row) == "queued"


async def test_a_text_that_was_changed_after_it_left_is_found_all_the_same(post):
    """EXTEND changes what has not left; what has left is looked for as it left."""
    row = await post.ask(await post.person())
    await lost(post)
    round_id = await post.value("SELECT round_id FROM outbox")

    async def unit(tx):
        round_ = await rounds.by_id(tx, round_id)
        await extend(tx, post.alliance, round_, post.now() + 3 * DAY, None, post.now())

    await post.database.write(unit)
    await look(post)
    assert await post.status(row) == "sent"


async def test_a_greeting_given_meanwhile_doubles_nothing(post):
    """Another message told them who we are after this one left, with the same greeting."""
    ada = await post.person(introduced=False)
    row = await post.tell(ada, await post.batch("news"))
    await lost(post)
    await post.run("UPDATE members SET introduced = TRUE")
    await look(post)
    assert await post.status(row) == "sent"


async def test_the_search_allows_for_a_clock_that_differs(post):
    """A provider whose clock runs behind ours has created it before we queued it."""
    row = await post.queue(await post.person())
    await lost(post)
    await look(post)
    (_, since), = post.channel.asked  # fmt: skip
    assert since == (await post.row(row))["queued_at"] - SLACK


async def test_it_is_sent_again_only_so_often_and_ever_later(post):
    """A provider that loses everything ends the row; it does not keep us busy for days."""
    row, waits = await post.queue(await post.person()), []
    for _ in range(MOST_TRIES):
        await lost(post, taken=False)
        await look(post)
        found = await post.row(row)
        waits.append(max(0, found["until_at"] - post.now()))
        if found["status"] == "queued":
            post.offset += waits[-1] + 1
    assert (found["status"], found["reason"]) == ("failed", "not found")
    assert waits[0] == 0
    assert waits[1:-1] == sorted(waits[1:-1])
    assert waits[-2] > 30 * SECOND


async def test_what_was_not_found_when_it_is_too_late_has_expired(post):
    """We know that it never left, and it may not leave now."""
    row = await post.queue(await post.person(), expires_at=post.now() + HOUR)
    await lost(post, taken=False)
    post.offset += HOUR
    await look(post)
    assert await post.status(row) == "expired"


@pytest.mark.parametrize(("taken", "spent"), [(True, 2), (False, 0)])
async def test_what_never_left_costs_nothing(post, taken, spent):
    """Its segments go back to the month; those of what is found were spent."""
    post.channel = FakeChannel(segments=True)
    await post.queue(await post.person(), "x" * 200)
    await lost(post, taken=taken)
    await look(post)
    assert await post.value("SELECT SUM(segments) FROM spending") == spent


async def test_a_receipt_that_comes_during_the_look_up_counts(post, monkeypatch):
    """Whoever settles it first does; the look-up then changes nothing."""
    row = await post.queue(await post.person())
    await lost(post, taken=False)

    async def find(message, since):
        await post.run("UPDATE outbox SET status = 'delivered'")
        return []

    monkeypatch.setattr(post.channel, "find", find)
    await look(post)
    assert await post.status(row) == "delivered"
    assert await post.rows("SELECT * FROM attempts") == []


async def test_a_row_that_can_t_be_cleared_up_holds_up_no_other(post, monkeypatch):
    """A fault with one is waited out; the others are settled meanwhile."""
    rows = [await post.queue(await post.person()) for _ in range(3)]
    await lost(post)
    finding = post.channel.find

    async def find(message, since):
        if message.to == ADA:
            raise RuntimeError("a bug")
        return await finding(message, since)

    monkeypatch.setattr(post.channel, "find", find)
    await post.run("UPDATE outbox SET said = said || '', provider_id = ''")
    post.channel.held = {
        to: [(f"{to}-{number}", text) for number, text in held]
        for to, held in post.channel.held.items()
    }
    await look(post)
    assert [await post.status(row) for row in rows] == ["unknown", "sent", "sent"]


async def test_storage_that_is_away_does_not_end_it(post, monkeypatch):
    """A busy database is asked again at the next look."""
    monkeypatch.setattr("bot.sending.reconcile.EVERY", 0.01)
    row = await post.queue(await post.person())
    await lost(post)
    writing, failing = post.database.write, [Busy("locked"), ValueError("a bug")]

    async def write(unit):
        if failing:
            raise failing.pop()
        return await writing(unit)

    monkeypatch.setattr(post.database, "write", write)
    running = asyncio.create_task(post.reconciler().run())

    async def is_sent():
        return await post.status(row) == "sent"

    await until(is_sent)
    running.cancel()


# --- where it can't be asked ---


@pytest.fixture
def telegram(post):
    """Let the channel be one that can't be asked."""
    post.channel = FakeChannel("telegram", findable=False)


@pytest.mark.usefixtures("telegram")
async def test_what_can_t_be_asked_about_is_sent_once_more_for_each_doubt(post):
    """And marked, since it may come twice."""
    row = await post.queue(await post.person("telegram"))
    for attempt in (1, 2):
        await lost(post)
        await look(post)
        await look(post)
        found = await post.row(row)
        assert (found["status"], found["maybe_twice"]) == ("queued", True)
        assert await post.value("SELECT COUNT(*) FROM attempts") == attempt
        post.offset += max(0, found["until_at"] - post.now())
    assert post.channel.asked == []


@pytest.mark.usefixtures("telegram")
async def test_what_replaces_a_message_may_do_so_again(post):
    """It leaves the same message as before: nothing comes twice, and nothing is marked."""
    row = await post.queue(await post.person("telegram"), edits="41")
    await lost(post)
    await look(post)
    found = await post.row(row)
    assert (found["status"], found["maybe_twice"], found["edits"]) == ("queued", False, "41")


@pytest.mark.usefixtures("telegram")
@pytest.mark.parametrize("columns", [{"expires_at": 0}, {"tries": MOST_TRIES}])
async def test_past_its_time_or_its_tries_a_doubt_stays_one(post, columns):
    """It is not sent again, nobody can say whether it arrived, and so says the status."""
    row = await post.queue(await post.person("telegram"))
    await lost(post)
    await post.run("UPDATE outbox SET recipient = '777'")
    for name, value in columns.items():
        await post.run(f"UPDATE outbox SET {name} = :value", value=value)
    for _ in range(3):
        await look(post)
        post.offset += DAY
    found = await post.row(row)
    assert (found["status"], found["maybe_twice"]) == ("unknown", False)
    assert found["recipient"] == ""
    now = post.now()
    found = await post.database.write(lambda tx: claims.doubtful(tx, "telegram", now, now, 9))
    assert found == []


async def test_other_channels_doubts_are_left_to_them(post):
    """Each channel looks into its own."""
    row = await post.queue(await post.person("telegram"), status="unknown")
    await look(post)
    assert await post.status(row) == "unknown"


async def test_an_answer_that_comes_late_still_counts(post):
    """A sender that was only asleep settles what nobody has settled meanwhile."""
    row = await post.queue(await post.person())
    (item,) = await post.claim()
    settler = post.settler()
    settler.put(Answer(item, Unknown("timeout"), post.now()))
    await settler.flush()
    assert await post.status(row) == "unknown"
    post.channel.held[ADA] = [("SM1", "hello")]
    post.offset += LOOK_AFTER + SECOND
    await look(post)
    assert await post.status(row) == "sent"


async def test_a_row_that_was_claimed_anew_is_none_of_ours(post, monkeypatch):
    """What was put back and claimed while we asked may be on its way: the answer is not of it."""
    row = await post.queue(await post.person())
    (item,) = await post.claim()
    post.offset += LEASE + 1
    await look(post)
    post.offset += LOOK_AFTER

    async def find(message, since):
        settler = post.settler()
        settler.put(Answer(item, NotSent(None), post.now()))
        await settler.flush()
        await post.claim()
        return []

    monkeypatch.setattr(post.channel, "find", find)
    await look(post)
    found = await post.row(row)
    assert (found["status"], found["attempt"], found["tries"]) == ("sending", 2, 1)
