from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.announce import announce
from handlers.dialog.perform import queue_next
from handlers.extend import extend
from scheduler.jobs import close_rounds, expire, prune, release, start_due
from storage import answers, batches, outbox, rounds
from storage.audience import All
from storage.errors import Busy
from storage.instant import DAY, HOUR, MINUTE
from tests.bot.sending.office import until


async def tick(post, job):
    """Run one job once."""
    await job.run(post.database, post.alliance, post.now())


# --- start_due ---


async def tell(post, at=0, text="Water is off."):
    """Announce something to everybody, `at` ms from now; return its number."""
    return await post.database.write(
        lambda tx: announce(
            tx, post.alliance, All(), {"en": text}, at=post.now() + at, by=None, now=post.now()
        )
    )


async def test_an_announcement_is_queued_to_everybody_once(post):
    """Each recipient is one row; a second tick adds none."""
    people = [await post.person() for _ in range(5)]
    batch = await tell(post)
    for _ in range(2):
        await tick(post, start_due)
    assert await post.rows("SELECT member_id, status, batch_id FROM outbox ORDER BY 1") == [
        (person, "queued", batch) for person in people
    ]
    assert await post.rows("SELECT state, recipients FROM batches") == [("queued", 5)]


async def test_an_announcement_for_later_waits_for_its_time(post):
    """Who is in its audience is taken then, and nothing leaves before."""
    await post.person()
    await tell(post, at=HOUR)
    await tick(post, start_due)
    assert await post.statuses() == []
    await post.person()
    post.offset += HOUR
    await tick(post, start_due)
    assert await post.statuses() == ["queued", "queued"]


@pytest.mark.parametrize(("down", "becomes"), [(2 * HOUR, "sent"), (4 * DAY, "expired")])
async def test_after_downtime_what_was_missed_leaves_if_it_is_not_stale(post, down, becomes):
    """It fires once; past its time to live nobody gets it, and the status says so."""
    await post.person()
    await tell(post, at=HOUR)
    post.offset += down
    for _ in range(2):
        await tick(post, start_due)
    async with post.draining():
        await until(post.settled)
    assert await post.statuses() == [becomes]
    assert len(post.channel.sent) == (becomes == "sent")


async def test_a_big_audience_is_queued_in_chunks_that_survive_a_crash(post, monkeypatch):
    """After a fault in the middle it goes on where it was: nobody is missed or doubled."""
    monkeypatch.setattr("handlers.dialog.perform.CHUNK", 3)
    monkeypatch.setattr(start_due, "fitting", lambda span, _took: span)
    people = [await post.person() for _ in range(10)]
    await tell(post)
    writing, left = post.database.write, [True, True]

    async def write(unit):
        if not left:
            raise SystemExit
        left.pop()
        return await writing(unit)

    monkeypatch.setattr(post.database, "write", write)
    with pytest.raises(SystemExit):
        await tick(post, start_due)
    monkeypatch.setattr(post.database, "write", writing)
    assert len(await post.statuses()) == 6
    await tick(post, start_due)
    found = await post.rows("SELECT member_id FROM outbox ORDER BY id")
    assert [row[0] for row in found] == people
    assert await post.rows("SELECT state, recipients FROM batches") == [("queued", 10)]


@pytest.mark.parametrize(
    ("span", "took", "next_span"),
    [
        (1_000, 0.030, 1_000),
        (1_000, 0.020, 1_500),
        (1_000, 0.001, 2_000),
        (1_000, 0.0, 2_000),
        (1_000, 0.045, 667),
        (1_000, 5.0, 500),
        (150, 5.0, 100),
        (150_000, 0.001, 200_000),
    ],
)
def test_a_chunk_takes_as_long_as_a_reply_can_wait(span, took, next_span):
    """The next looks at more or fewer members, as the last was quick or slow."""
    assert start_due.fitting(span, took) == next_span


async def test_two_clocks_queue_a_batch_once(post, monkeypatch):
    """What one has read is queued by the other meanwhile: it waits for its next tick."""
    people = [await post.person() for _ in range(5)]
    await tell(post)
    reading = batches.by_id

    async def by_id(tx, number):
        found = await reading(tx, number)
        await tx.run("UPDATE batches SET cursor = 3")
        return found

    monkeypatch.setattr(batches, "by_id", by_id)
    with pytest.raises(Busy):
        await tick(post, start_due)
    assert await post.statuses() == []
    monkeypatch.setattr(batches, "by_id", reading)
    await tick(post, start_due)
    assert await post.statuses() == ["queued"] * len(people)


async def test_what_is_halted_is_not_queued(post):
    """Also when it was halted before its time."""
    await post.person()
    batch = await tell(post, at=HOUR)
    await post.run("UPDATE batches SET state = 'halted' WHERE id = :id", id=batch)
    post.offset += HOUR
    await tick(post, start_due)
    assert await post.statuses() == []


async def test_a_batch_that_can_t_be_queued_keeps_no_other_waiting(post, monkeypatch):
    """It is halted, what was queued of it too, and the coordinator hears of it once."""
    monkeypatch.setattr("handlers.dialog.perform.CHUNK", 2)
    for _ in range(3):
        await post.person()
    broken = await tell(post)
    await post.database.write(lambda tx: queue_next(tx, post.now()))
    await post.run("UPDATE batches SET audience = 'no such (' WHERE id = :id", id=broken)
    other = await tell(post)
    for _ in range(2):
        await tick(post, start_due)
    assert await post.rows("SELECT id, state FROM batches ORDER BY id") == [
        (broken, "halted"), (other, "queued")
    ]  # fmt: skip
    assert await post.rows("SELECT batch_id, status, COUNT(*) FROM outbox GROUP BY 1, 2") == [
        (broken, "cancelled", 2), (other, "queued", 3)
    ]  # fmt: skip
    [(told,)] = await post.rows("SELECT text FROM tickets WHERE kind = 'alert'")
    assert f"broadcast {broken} " in told
    assert await post.rows(
        "SELECT subject_id, count FROM audit WHERE act = 'halt'"
    ) == [(broken, 2)]  # fmt: skip


async def test_a_batch_halted_after_it_was_found_is_not_queued(post, monkeypatch):
    """Whoever halts it in the last moment is heard."""
    await post.person()
    batch = await tell(post)
    finding = batches.due

    async def due(tx, now):
        found = await finding(tx, now)
        await post.run("UPDATE batches SET state = 'halted' WHERE id = :id", id=batch)
        return found

    monkeypatch.setattr(batches, "due", due)
    await tick(post, start_due)
    assert await post.statuses() == []


# --- close_rounds ---


async def polled(post, people, closes_in=HOUR):
    """Open a round that these people have answered; return its id."""
    round_id = await post.round(closes_in)
    for person in people:
        await post.database.write(
            lambda tx, person=person: answers.put(tx, round_id, person, 0, "1", post.now())
        )
    return round_id


async def results(post):
    """Let what is due be queued, and return who gets a result."""
    await tick(post, start_due)
    found = await post.rows(
        "SELECT o.member_id FROM outbox o JOIN batches b ON b.id = o.batch_id"
        " WHERE b.kind = 'result' ORDER BY 1"
    )
    return [row[0] for row in found]


async def test_a_round_closes_once_and_tells_each_respondent_once(post):
    """Not before its time; and neither a second tick nor a close by hand repeats it."""
    ada, bob, _ = [await post.person() for _ in range(3)]
    await polled(post, [ada, bob])
    await tick(post, close_rounds)
    assert await post.value("SELECT state FROM rounds") == "open"
    post.offset += HOUR
    for _ in range(2):
        await tick(post, close_rounds)
    assert await post.rows("SELECT state, closed_at > 0 FROM rounds") == [("closed", 1)]
    assert await results(post) == [ada, bob]
    assert await post.value("SELECT COUNT(*) FROM audit WHERE act = 'close'") == 1


async def test_where_very_many_stood_is_forgotten_after_the_close(post, monkeypatch):
    """Some at a time, also by the next tick where the one that closed was cut off."""
    monkeypatch.setattr("handlers.close.EASED", 2)
    people = [await post.person() for _ in range(5)]
    round_id = await polled(post, people)
    await post.run(
        "INSERT INTO dialogs (member_id, round_id, question, state, opened_at)"
        " SELECT id, :round_id, 0, 'done', 1 FROM members", round_id=round_id,
    )  # fmt: skip
    post.offset += HOUR
    with monkeypatch.context() as patch:
        patch.setattr(close_rounds, "sweep", lambda _tx, _round_id: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await tick(post, close_rounds)
    assert await post.value("SELECT COUNT(*) FROM dialogs") == 3
    await tick(post, close_rounds)
    assert await post.value("SELECT COUNT(*) FROM dialogs") == 0


async def test_rounds_that_came_due_while_we_were_down_close(post):
    """Each of them, the oldest first."""
    for hours in (3, 1, 2):
        await post.round(hours * HOUR)
    post.offset += DAY
    await tick(post, close_rounds)
    assert await post.rows("SELECT DISTINCT state FROM rounds") == [("closed",)]
    found = await post.rows("SELECT subject_id FROM audit WHERE act = 'close' ORDER BY id")
    assert [row[0] for row in found] == [2, 3, 1]


async def test_a_round_closed_by_hand_meanwhile_is_no_fault(post, monkeypatch):
    """Between the look and the close somebody else may close it; the others close too."""
    await post.round(MINUTE)
    await post.round(HOUR)
    post.offset += HOUR
    finding = rounds.due

    async def due(tx, now):
        found = await finding(tx, now)
        await post.run("UPDATE rounds SET state = 'closed' WHERE id = 1")
        return found

    monkeypatch.setattr(rounds, "due", due)
    await tick(post, close_rounds)
    found = await post.rows("SELECT state, closed_at > 0 FROM rounds ORDER BY id")
    assert found == [("closed", 0), ("closed", 1)]


async def test_a_round_extended_meanwhile_stays_open(post, monkeypatch):
    """Whoever gives it more time in the last moment is heard."""
    round_id = await post.round(HOUR)
    post.offset += HOUR
    finding = rounds.due

    async def due(tx, now):
        found = await finding(tx, now)

        async def unit(tx):
            round_ = await rounds.by_id(tx, round_id)
            await extend(tx, post.alliance, round_, now + DAY, None, now)

        await post.database.write(unit)
        return found

    monkeypatch.setattr(rounds, "due", due)
    await tick(post, close_rounds)
    assert await post.value("SELECT state FROM rounds") == "open"


async def test_a_round_that_can_t_be_closed_keeps_no_other_open(post, monkeypatch):
    """It is logged, and tried again at the next tick."""
    await post.round(MINUTE)
    await post.round(HOUR)
    await post.run("UPDATE forms SET body = '{' WHERE id = 1")
    post.offset += HOUR
    await tick(post, close_rounds)
    assert await post.rows("SELECT state FROM rounds ORDER BY id") == [("open",), ("closed",)]


async def test_a_close_lets_the_question_that_waited_for_it_leave(post):
    """By SMS the next question leaves after the close of the one that was open."""
    ada = await post.person()
    first = await post.round(HOUR)
    await post.run(
        "INSERT INTO dialogs (member_id, round_id, address_id, question, opened_at)"
        " VALUES (:ada, :first, 1, 0, :now)", ada=ada, first=first, now=post.now(),
    )  # fmt: skip
    second = await post.ask(ada, 2 * DAY, status="held", reason="turn", until_at=post.now() + DAY)
    other = await post.ask(
        await post.person(), 2 * DAY, status="held", reason="turn", until_at=post.now() + DAY
    )
    post.offset += HOUR
    await tick(post, close_rounds)
    assert [await post.status(row) for row in (second, other)] == ["queued", "held"]


# --- release ---


async def test_what_is_held_goes_when_its_time_comes(post):
    """Not before; and the sender hears of it."""
    row = await post.queue(await post.person(), status="held", reason="quiet",
                           until_at=post.now() + HOUR)  # fmt: skip
    heard = []
    post.database.listen(heard.append)
    await tick(post, release)
    assert (await post.status(row), heard) == ("held", [])
    post.offset += HOUR
    await tick(post, release)
    found = await post.row(row)
    assert (found["status"], found["until_at"]) == ("queued", 0)
    await until(lambda: "outbox" in heard)


async def test_what_is_held_past_its_time_to_live_expires(post):
    """Nothing stale leaves, whatever it was held for."""
    row = await post.queue(await post.person(), status="held", reason="budget",
                           until_at=post.now() + HOUR, expires_at=post.now() + HOUR)  # fmt: skip
    post.offset += HOUR
    await tick(post, release)
    assert await post.status(row) == "expired"


async def test_a_great_many_are_released_in_one_tick(post, monkeypatch):
    """In chunks, so that replies pass between them, but all of them."""
    monkeypatch.setattr(release, "AT_ONCE", 2)
    ada = await post.person()
    for _ in range(5):
        await post.queue(ada, status="held", until_at=1)
    await tick(post, release)
    assert await post.statuses() == ["queued"] * 5


async def test_an_act_that_was_never_confirmed_is_forgotten(post):
    """A preview is good for fifteen minutes."""
    await post.person()
    await post.run(
        "INSERT INTO pending (address_id, act, code, expires_at) VALUES (1, 'announce', '0', :at)",
        at=post.now() + MINUTE,
    )
    await tick(post, release)
    assert await post.value("SELECT COUNT(*) FROM pending") == 1
    post.offset += MINUTE
    await tick(post, release)
    assert await post.value("SELECT COUNT(*) FROM pending") == 0


# --- expire ---


async def test_what_is_queued_on_a_channel_that_is_gone_expires_in_its_time(post, monkeypatch):
    """Nobody claims it any more; all of it, in chunks, and no number stays with it."""
    monkeypatch.setattr(expire, "AT_ONCE", 2)
    gone = await post.person("radio")
    now = post.now()
    for _ in range(3):
        await post.tell(gone, await post.batch(), expires_at=now + HOUR)
    await post.queue(recipient="+12025550199", channel="radio", expires_at=now + HOUR)
    fresh = await post.queue(gone, expires_at=now + 2 * HOUR)
    taken = await post.queue(gone, status="sending", lease_until=now, expires_at=now + HOUR)
    await tick(post, expire)
    assert "expired" not in await post.statuses()
    post.offset += HOUR
    await tick(post, expire)
    assert await post.statuses() == [*["expired"] * 4, "queued", "sending"]
    assert (await post.status(fresh), await post.status(taken)) == ("queued", "sending")
    assert await post.value("SELECT COUNT(*) FROM outbox WHERE recipient <> ''") == 0
    assert await post.value("SELECT COUNT(*) FROM outbox WHERE settled_at > 0") == 4


async def test_what_was_claimed_meanwhile_does_not_expire_under_its_sender(post):
    """Who claims a row that is overdue ends it themselves."""
    row = await post.queue(await post.person(), status="sending", expires_at=1)
    await post.database.write(lambda tx: outbox.expire_queued(tx, [row], post.now()))
    assert await post.status(row) == "sending"


# --- prune ---


async def test_old_texts_and_old_replies_are_forgotten(post, monkeypatch):
    """All that is old enough, in chunks; what waits, what is recent and bulk stay.

    What became of a reply so old will not be known any more: its text goes too.
    """
    monkeypatch.setattr(prune, "AT_ONCE", 2)
    post.alliance = replace(post.alliance, keep_text_days=10)
    ada, now = await post.person(), post.now()
    old, recent = now - 11 * DAY, now - 9 * DAY
    for at in (old, old, old, old, old, recent):
        await post.run(
            "INSERT INTO inbound (channel, key, kind, text, at) VALUES ('sms', :key, 'text', 'hi',"
            " :at)", key=f"{await post.value('SELECT COUNT(*) FROM inbound')}", at=at,
        )  # fmt: skip
        await post.queue(ada, status="delivered", queued_at=at)
    await post.queue(ada, status="unknown", queued_at=old)
    kept = [
        await post.queue(ada, status="queued", queued_at=old),
        await post.tell(ada, await post.batch(), status="delivered", queued_at=old),
    ]
    for name in ("choice", "media"):
        await post.run(
            f"INSERT INTO inbound (channel, key, kind, {name}, at) VALUES ('sms', :key, :key, 'a',"
            " :at)", key=name, at=old,
        )  # fmt: skip
    await tick(post, prune)
    assert await post.rows("SELECT text FROM inbound ORDER BY id") == [
        *[("",)] * 5, ("hi",), *[("",)] * 2
    ]  # fmt: skip
    assert await post.value(
        "SELECT COUNT(*) FROM inbound WHERE choice <> '' OR media <> ''"
    ) == 0  # fmt: skip
    found = await post.rows("SELECT id FROM outbox WHERE id <> 6 ORDER BY id")
    assert [row[0] for row in found] == kept
