from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from handlers.close import close, ease
from handlers.dialog import answering, late, perform, routing
from handlers.dialog.forms import Form, Question
from storage import forms, inbound, outbox, rounds
from storage.errors import Conflict, NotFound
from storage.instant import DAY, HOUR
from tests.whole.world import CONFIG, world

if TYPE_CHECKING:
    from pathlib import Path


async def asked(store, *, named=False, people=6):
    """Ask that many people, phones 0 on; sectors take turns; return the round."""
    for last in range(people):
        await store.member(last, sector=("civil", "public")[last % 2])
    return await store.poll(named=named)


async def leave(store):
    """Let every question that is due have left."""
    while await store.write(lambda tx: perform.queue_next(tx, store.now)):
        pass
    await store.run("UPDATE outbox SET status = 'sent', sent_at = :now", now=store.now)


async def easily(store, round_):
    """Let what can be blanked before a close be blanked; return in how many units."""
    units = 1
    while await store.write(lambda tx: ease(tx, round_)):
        units += 1
    return units


async def shut(store, round_):
    """Close a round."""
    await store.write(lambda tx: close(tx, store.alliance, round_, None, store.now))


async def test_an_anonymous_round_forgets_who_chose_what(store):
    """Answers and dialogs are deleted; who answered is kept, without an instant."""
    round_ = await asked(store)
    for member, value in ((1, "1"), (2, "2"), (3, "1"), (4, "2"), (6, "3")):
        await store.answer(round_, member, value)
        await store.open(round_, member, member, "done")
    await shut(store, round_)
    assert await store.rows("SELECT 1 FROM answers UNION ALL SELECT 1 FROM dialogs") == []
    found = await store.rows("SELECT * FROM respondents")
    assert found == [(round_.id, member) for member in (1, 2, 3, 4, 6)]
    [(state, closed_at, result)] = await store.rows(
        "SELECT state, closed_at, result FROM rounds WHERE id = :id", id=round_.id
    )
    assert (state, closed_at) == ("closed", store.now)
    assert json.loads(result) == [
        {"answers": 5, "counts": {"1": 2, "2": 2, "3": 1},
         "groups": {"civil": None, "public": None}}
    ]  # fmt: skip
    assert await store.rows("SELECT subject, subject_id, count FROM audit WHERE act = 'close'") == [
        ("round", round_.id, 5)
    ]


async def test_what_carried_an_answer_or_its_echo_is_blanked(store):
    """Texts of the round, in and out, are blanked and cut from it; others are left alone."""
    round_, other = await asked(store), await store.poll()
    for about in (round_.id, other.id, None):
        for state in ("done", "failed"):
            await store.write(
                lambda tx, about=about, state=state: inbound.add(
                    tx, channel="sms", key=f"{about} {state}", address_id=1, member_id=1,
                    round_id=about, kind="text", text="2", choice="a:1:0:2", media="m",
                    now=store.now, state=state, error="trace",
                )
            )  # fmt: skip
        for status in ("queued", "held", "sending", "unknown", "sent"):
            await store.run(
                "INSERT INTO outbox (kind, member_id, address_id, channel, status, text, choices,"
                " said, segments, round_id, question, queued_at, expires_at) VALUES (0, 1, 1,"
                " 'sms', :status, 'We have: 2', 'c', 'digest', 2, :about, 0, 1, 1)",
                status=status, about=about,
            )  # fmt: skip
    await shut(store, round_)
    came = await store.rows("SELECT round_id, text, choice, media, error, state FROM inbound")
    whole = ("2", "a:1:0:2", "m", "trace")
    assert came == [
        (None, "", "", "", "", "done"), (None, "", "", "", "", "done"),
        (other.id, *whole, "done"), (other.id, *whole, "failed"),
        (None, *whole, "done"), (None, *whole, "failed"),
    ]  # fmt: skip
    left = await store.rows(
        "SELECT round_id, question, text, choices, said, segments, status FROM outbox"
        " ORDER BY id LIMIT 10"
    )
    blank = (None, None, "", "", "", 0)
    assert left[:5] == [
        (*blank, "cancelled"), (*blank, "cancelled"), (*blank, "sending"), (*blank, "unknown"),
        (*blank, "sent"),
    ]  # fmt: skip
    assert {row[:6] for row in left[5:]} == {(other.id, 0, "We have: 2", "c", "digest", 2)}


async def test_most_is_blanked_before_the_close(store, monkeypatch):
    """What has been handled and what has left, some at once; not what is still to be."""
    monkeypatch.setattr("handlers.close.EASED", 2)
    round_ = await asked(store)
    await store.answer(round_, 1, "1")
    for number, state in enumerate(("done", "done", "failed", "done", "replayed")):
        await store.run(
            "INSERT INTO inbound (channel, key, round_id, kind, text, choice, state, error, at)"
            " VALUES ('sms', :key, :round, 'text', '1', '1', :state, 'at line 1', 1)",
            key=str(number), round=round_.id, state=state,
        )  # fmt: skip
    for status in ("sent", "queued", "delivered", "sending", "failed", "held", "unknown"):
        await store.run(
            "INSERT INTO outbox (kind, channel, status, text, choices, said, segments, round_id,"
            " question, queued_at, expires_at) VALUES (0, 'sms', :status, 'We have: 1', 'c', 'd',"
            " 1, :round, 0, 1, 1)",
            status=status, round=round_.id,
        )  # fmt: skip
    assert await easily(store, round_) == 3
    assert await store.rows("SELECT state, text FROM inbound WHERE round_id IS NOT NULL") == [
        ("failed", "1")
    ]
    left = await store.rows("SELECT status FROM outbox WHERE round_id IS NOT NULL AND kind = 0")
    assert [row[0] for row in left] == ["queued", "sending", "held", "unknown"]
    assert await store.rows("SELECT member_id, value FROM answers") == [(1, "1")]
    await shut(store, round_)
    said = await store.rows("SELECT text, choices, said, segments FROM outbox WHERE kind = 0")
    arrived = await store.rows("SELECT text, choice, error FROM inbound")
    assert set(said) == {("", "", "", 0)}
    assert set(arrived) == {("", "", "")}


async def test_of_a_named_round_nothing_is_blanked(store):
    """Nor of one that has closed meanwhile: there is nothing to make easier."""
    round_ = await asked(store, named=True, people=2)
    await store.turn(0, answering.take, "2")
    await store.run("UPDATE inbound SET round_id = :id", id=round_.id)
    assert await easily(store, round_) == 1
    assert await store.rows("SELECT text FROM inbound") == [("2",)]


async def test_a_named_round_keeps_its_answers(store):
    """Where the link is kept, answers and texts stay, and few answers are shown too."""
    round_ = await asked(store, named=True, people=2)
    await store.answer(round_, 1, "2")
    await store.turn(0, answering.take, "2")
    await store.run("UPDATE inbound SET round_id = :id", id=round_.id)
    await store.open(round_, 1, 0, "done")
    await shut(store, round_)
    assert await store.rows("SELECT member_id, value FROM answers") == [(1, "2")]
    assert await store.rows("SELECT text, round_id FROM inbound") == [("2", round_.id)]
    assert await store.rows("SELECT member_id FROM respondents") == [(1,)]
    assert await store.rows("SELECT 1 FROM dialogs") == []
    assert json.loads(await store.scalar("SELECT result FROM rounds")) == [
        {"answers": 1, "counts": {"1": 0, "2": 1, "3": 0}, "groups": {"civil": None}}
    ]


async def test_a_counted_round_keeps_its_answers_too(store):
    """A check-in's answers stay, so that change over time can be measured."""
    form = Form(
        name="check",
        privacy="counted",
        questions=(
            Question(kind="yes_no", text={"en": "Did they meet?"}),
            Question(kind="number", text={"en": "How often?"}),
        ),
    )

    async def unit(tx):
        stored = await forms.add(tx, "check", "counted", form.model_dump_json(), store.now)
        return await rounds.add(
            tx, form_id=stored.id, platform_id=None, audience="", closes_at=store.now + DAY,
            by=None, now=store.now,
        )  # fmt: skip

    for last in range(2):
        await store.member(last)
    round_ = await store.write(unit)
    await store.answer(round_, 1, "7", question=1)
    await shut(store, round_)
    assert await store.rows("SELECT question, value FROM answers") == [(1, "7")]
    [first, second] = json.loads(await store.scalar("SELECT result FROM rounds"))
    assert first == {"answers": 0, "counts": {}, "groups": {}}
    assert second == {"answers": 1, "counts": {"7": 1}, "groups": {"not said": None}}
    # The second question was answered, so whoever answered hears of the end.
    assert await store.rows("SELECT kind, audience FROM batches") == [("result", "all")]


async def test_it_closes_once(store):
    """A second close is refused, and changes neither the result nor who hears it."""
    round_ = await asked(store)
    await store.answer(round_, 1, "1")
    await shut(store, round_)
    before = await store.rows("SELECT * FROM rounds"), await store.rows("SELECT * FROM batches")
    store.now += HOUR
    with pytest.raises(Conflict, match="P1 is closed already"):
        await shut(store, round_)
    assert (
        await store.rows("SELECT * FROM rounds"), await store.rows("SELECT * FROM batches")
    ) == before  # fmt: skip


async def test_sign_up_is_never_closed(store):
    """A round that never closes asks about the person: it has no result."""
    await store.say(1, "JOIN")
    round_ = await store.write(lambda tx: rounds.by_code(tx, "JOIN"))
    with pytest.raises(NotFound, match="no poll 'JOIN'"):
        await shut(store, round_)


async def test_a_close_that_fails_leaves_everything_as_it_was(store):
    """Counting, deleting and blanking are one transaction."""
    round_ = await asked(store)
    await store.answer(round_, 1, "1")

    async def unit(tx):
        await close(tx, store.alliance, round_, None, store.now)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.write(unit)
    assert await store.rows("SELECT value FROM answers") == [("1",)]
    assert await store.rows("SELECT state FROM rounds") == [("open",)]
    assert await store.rows("SELECT 1 FROM respondents") == []


async def test_the_result_goes_to_each_respondent_once(store):
    """Neither to those who only were asked, nor against the caps, nor where nobody answered."""
    round_ = await asked(store)
    for member in (2, 5):
        await store.answer(round_, member, "1")
    await store.run("UPDATE batches SET state = 'queued'")
    await shut(store, round_)
    [(kind, solicited, texts, due_at, expires_at)] = await store.rows(
        "SELECT kind, solicited, texts, due_at, expires_at FROM batches WHERE kind = 'result'"
    )
    assert (kind, solicited, due_at, expires_at) == (
        "result", 1, store.now, store.now + 48 * HOUR,
    )  # fmt: skip
    assert json.loads(texts) == {
        "en": "P1: Which first? Fewer than 5 answered, so that no figures are shown."
    }
    while await store.write(lambda tx: perform.queue_next(tx, store.now)):
        pass
    assert await store.rows("SELECT member_id, kind, question FROM outbox ORDER BY 1") == [
        (2, outbox.SOLICITED, None), (5, outbox.SOLICITED, None),
    ]  # fmt: skip


async def test_where_nobody_answered_nobody_is_told(store):
    """A round without answers ends quietly."""
    round_ = await asked(store)
    await shut(store, round_)
    assert await store.rows("SELECT kind FROM batches") == [("poll",)]
    assert json.loads(await store.scalar("SELECT result FROM rounds")) == [
        {"answers": 0, "counts": None, "groups": {}}
    ]


async def test_each_language_hears_the_result_in_its_own(store):
    """A text for each language of the alliance is kept with the result."""
    store.alliance = replace(store.alliance, languages=("en", "es"))
    round_ = await asked(store)
    await store.answer(round_, 1, "1")
    await shut(store, round_)
    texts = json.loads(await store.scalar("SELECT texts FROM batches WHERE kind = 'result'"))
    assert sorted(texts) == ["en", "es"]


async def test_an_answer_after_the_close_is_refused_and_told_so(store):
    """It is not counted, it becomes no ticket, and no table keeps what it was."""
    round_ = await asked(store)
    await leave(store)
    await store.answer(round_, 1, "1")
    await shut(store, round_)
    # Phone 0 has answered, phone 1 was only asked.
    for last, text in ((0, "2"), (1, "2"), (1, "2 Price"), (0, "Price."), (1, "٢")):
        assert await store.say(last, text) == [late.TOO_LATE.text], text
    press = {"kind": "choice", "choice": f"a:{round_.id}:0:2"}
    assert await store.say(0, "", **press) == [late.TOO_LATE.text]
    assert await store.rows("SELECT 1 FROM answers UNION ALL SELECT 1 FROM tickets") == []
    assert set(await store.rows("SELECT text, choice FROM inbound")) == {("", "")}


@pytest.mark.parametrize(
    ("last", "text", "later"),
    [(0, "The price of water is high", 0), (0, "2", 8 * DAY), (5, "2", 0), (99, "2", 0)],
)
async def test_what_can_not_be_a_late_answer_is_passed_on(store, last, text, later):
    """Other words, a digit long after, and whoever was never asked reach the coordinator."""
    round_ = await asked(store, people=5)
    await store.member(5)
    await store.answer(round_, 1, "1")
    await shut(store, round_)
    store.now += later
    said = await store.say(last, text)
    assert said != [late.TOO_LATE.text]
    assert await store.rows("SELECT text FROM tickets") == [(text,)]


async def test_an_answer_in_the_moment_between_end_and_close_is_refused(store):
    """Once its time is over a round takes no answer, also before the clock has closed it."""
    round_ = await asked(store)
    await store.open(round_, 1, 0)
    await store.open(round_, 2, 1, "done")
    store.now += 3 * DAY
    assert "passed your message on" in (await store.say(0, "Is it over?"))[0]
    await store.run("DELETE FROM tickets")
    await store.run("DELETE FROM inbound")
    for last in (0, 1):
        assert await store.say(last, "2") == [late.TOO_LATE.text]
        press = {"kind": "choice", "choice": f"a:{round_.id}:0:2"}
        assert await store.say(last, "", **press) == [late.TOO_LATE.text]
    assert await store.rows("SELECT 1 FROM answers UNION ALL SELECT 1 FROM tickets") == []
    assert set(await store.rows("SELECT text, choice FROM inbound")) == {("", "")}


async def test_an_answer_is_counted_or_refused(store):
    """Of answers and a close at once, each answer is in the result or was told it is not."""
    round_ = await asked(store)
    await leave(store)
    for last in range(6):
        await store.open(round_, last + 1, last)
    counted = refused = 0
    for last in range(6):
        if last == 4:
            await shut(store, round_)
        _, turn = await store.turn(last, routing.route, "1")
        said = [reply.text for reply in turn.replies]
        if said == [late.TOO_LATE.text]:
            refused += 1
        elif "We have: 1 Taps" in said[0]:
            counted += 1
    [found] = json.loads(await store.scalar("SELECT result FROM rounds"))
    assert (found["answers"], counted, refused) == (4, 4, 2)
    assert await store.rows("SELECT 1 FROM answers") == []


async def test_the_lock_is_the_rounds_own(store):
    """Answers and close order themselves by the same lock, exclusive for the close."""
    round_ = await asked(store)
    locked = []

    async def unit(tx):
        real = tx.lock

        async def lock(kind, key, *, shared=False):
            locked.append((kind, key, shared))
            await real(kind, key, shared=shared)

        tx.lock = lock
        await close(tx, store.alliance, round_, None, store.now)

    await store.write(unit)
    assert ("round", round_.id, False) in locked


# --- with a sender ---


async def test_the_result_waits_for_the_morning_and_not_for_the_caps(tmp_path: Path) -> None:
    """Whoever answered hears the result beyond the caps, though not in quiet hours, and once."""
    begin = (int(time.time()) // 60 + 6 * 60) % (24 * 60)
    end = (begin + 120) % (24 * 60)
    quiet = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    config = CONFIG.replace('quiet = ""', f'quiet = "{quiet}"').replace("day = 0", "day = 1")
    async with world(tmp_path, config) as here:
        phones = [here.phone(last) for last in range(5)]
        for phone in phones:
            await phone.join()
        round_ = await here.poll(named=False)
        for phone in phones:
            assert "Which first?" in (await phone.hear())[-1]
            await phone.say("2")
        await here.pass_time(7 * HOUR)
        await here.close(round_)
        for phone in phones:
            assert await phone.hear() == []
        assert await here.rows(
            "SELECT o.status, o.reason, COUNT(*) FROM outbox o JOIN batches b"
            " ON b.id = o.batch_id WHERE b.kind = 'result' GROUP BY 1, 2"
        ) == [("held", "quiet", 5)]
        await here.pass_time(2 * HOUR)
        for phone in phones:
            [told] = await phone.hear()
            assert "Taps 0, Price 5, Drains 0. 5 answered" in told
        await here.pass_time(DAY)
        assert await phones[0].hear() == []
