from __future__ import annotations

import pytest

from handlers.dialog import answering, perform
from handlers.dialog.answering import MOST_TRIES
from handlers.dialog.forms import Form, Option, Question
from storage import dialogs, outbox, rounds
from storage.instant import DAY, HOUR

CHECK = Form(
    name="check",
    privacy="counted",
    questions=(
        Question(kind="yes_no", text={"en": "Did they meet?"}),
        Question(kind="number", text={"en": "How often?"}),
        Question(kind="text", text={"en": "What changed?"}),
    ),
)


async def one(store, state="open", form=None, question=0):
    """Let member 1 on phone 1 stand at a question; return its round."""
    await store.member(1)
    round_ = await (store.ask(form) if form else store.poll())
    await store.open(round_, 1, 1, state, question)
    return round_


async def kept(store):
    """Return the answers that are kept."""
    return await store.rows("SELECT question, value FROM answers ORDER BY question")


async def dialog(store):
    """Return where member 1 stands."""
    return (await store.rows("SELECT question, state, tries FROM dialogs"))[0]


async def test_an_answer_is_kept_and_echoed(store):
    """The echo names question, answer and until when; it belongs to the round."""
    round_ = await one(store)
    _, turn = await store.turn(1, answering.take, "2")
    [reply] = turn.replies
    assert reply.text == (
        "Thank you. Which first? We have: 2 Price. To change, send another number before Sat 12:00."
    )
    assert (reply.round_id, reply.question) == (round_.id, None)
    assert await kept(store) == [(0, "2")]
    assert await dialog(store) == (0, "done", 0)


@pytest.mark.parametrize("state", ["done", "rested"])
async def test_a_digit_changes_or_mends_within_a_day(store, state):
    """An answer that was echoed, and one that was never understood."""
    round_ = await one(store, state)
    if state == "done":
        await store.answer(round_, 1, "1")
    store.now += DAY
    assert "We have: 3 Drains" in (await store.say(1, "3"))[0]
    assert await kept(store) == [(0, "3")]


async def test_later_it_takes_the_code(store):
    """A day after the echo a digit only tells how to change it."""
    await one(store, "done")
    store.now += DAY + HOUR
    assert await store.say(1, "3") == ["To change, send CHANGE P1."]
    assert await kept(store) == []


@pytest.mark.parametrize(("text", "heard"), [("7", 1), ("1 2", 1), ("Price", 1), ("2 price", 1)])
async def test_a_change_that_can_not_be_read_is_no_ticket(store, text, heard):
    """After the echo an option's words say how to answer; the coordinator sees no choice."""
    await one(store, "done")
    said = await store.say(1, text)
    assert len(said) == heard
    assert "Send only one number from 1 to 3" in said[0]
    assert await store.rows("SELECT 1 FROM tickets UNION ALL SELECT 1 FROM answers") == []


async def test_at_rest_words_are_left_quietly(store):
    """After three tries no fourth is answered; other words reach the coordinator."""
    await one(store, "rested")
    assert await store.say(1, "Price") == []
    assert await store.rows("SELECT 1 FROM tickets") == []
    assert "passed your message on" in (await store.say(1, "I can't see the digits"))[0]


async def test_two_retries_then_it_rests(store):
    """The second is the simpler; after the third a ticket names the poll and no words."""
    await one(store)
    retries = ("Send only one number from 1 to 3", "Send only one number. Like this: 2")
    for tries, retry in enumerate(retries, 1):
        assert retry in (await store.say(1, "broken taps"))[0]
        assert await dialog(store) == (0, "open", tries)
    assert await store.say(1, "broken taps") == []
    assert await dialog(store) == (0, "rested", MOST_TRIES)
    assert await store.rows("SELECT kind, text, member_id FROM tickets") == [("unread", "P1", 1)]


async def test_zero_takes_an_answer_back(store):
    """A skip withdraws what was answered before, and says how to answer after all."""
    round_ = await one(store)
    await store.answer(round_, 1, "2")
    assert await store.say(1, "0") == ["You skipped: Which first? To answer, send CHANGE P1."]
    assert await kept(store) == []


async def test_a_form_goes_on_question_by_question(store):
    """Each answer asks the next, the last is echoed, words are changed by the code."""
    await one(store, form=CHECK)
    assert (await store.say(1, "1"))[0].startswith("How often?")
    await store.open_first(1)
    assert (await store.say(1, "0"))[0].startswith("What changed?")
    await store.open_first(1)
    [echo] = await store.say(1, "More water")
    assert echo == (
        "Thank you. What changed? We have: More water. To change, send CHANGE P1 before Sat 12:00."
    )
    assert await kept(store) == [(0, "yes"), (1, "0"), (2, "More water")]
    assert await dialog(store) == (2, "done", 0)


async def test_an_older_button_of_a_form_changes_only_its_answer(store):
    """What stands open stays open, and the echo says how to change it."""
    round_ = await one(store, form=CHECK, question=2)
    [echo] = await store.say(1, "", kind="choice", choice=f"a:{round_.id}:0:2")
    assert "We have: 2 No. To change, send CHANGE P1" in echo
    assert await dialog(store) == (2, "open", 0)
    assert await kept(store) == [(0, "no")]


async def test_an_older_button_of_a_form_that_is_through_leaves_it_through(store):
    """Nothing is asked again."""
    round_ = await one(store, "done", form=CHECK, question=2)
    [echo] = await store.say(1, "", kind="choice", choice=f"a:{round_.id}:0:2")
    assert "We have: 2 No." in echo
    assert await dialog(store) == (2, "done", 0)


async def test_a_digit_sent_twice_in_haste_answers_once(store):
    """Before the next question has left its digit is for nobody; words are passed on."""
    await one(store, "asked", form=CHECK, question=1)
    await store.run(
        "INSERT INTO outbox (kind, member_id, channel, status, round_id, question, queued_at,"
        " expires_at) VALUES (0, 1, 'sms', 'queued', 1, 1, 1, 1)"
    )
    assert await store.say(1, "1") == []
    assert await kept(store) == []
    assert "passed your message on" in (await store.say(1, "Hello"))[0]
    await store.run("UPDATE outbox SET status = 'sent'")
    assert (await store.say(1, "4"))[0].startswith("What changed?")
    assert await kept(store) == [(1, "4")]


@pytest.mark.parametrize("pressed", [False, True], ids=["typed", "pressed"])
async def test_an_answer_to_a_question_that_is_settled_at_that_moment(store, monkeypatch, pressed):
    """Another process settles the question's message between two looks at it: it counts."""
    await store.member(1)
    round_ = await store.poll()
    await store.write(lambda tx: perform.queue_next(tx, store.now))
    await store.run("UPDATE outbox SET status = 'sending'")
    look = outbox.unseen

    async def settled_first(tx, member_id):
        await dialogs.opened(tx, [1], store.now)
        await tx.run("UPDATE outbox SET status = 'sent'")
        return await look(tx, member_id)

    monkeypatch.setattr(answering.outbox, "unseen", settled_first)
    choice = {"kind": "choice", "choice": f"a:{round_.id}:0:2"} if pressed else {}
    heard = await store.say(1, "" if pressed else "2", **choice)
    assert "We have: 2 Price" in heard[0]
    assert await kept(store) == [(0, "2")]
    assert await store.scalar("SELECT round_id FROM inbound") == round_.id


@pytest.mark.parametrize("status", ["sending", "unknown"])
@pytest.mark.parametrize("how", ["typed", "pressed"])
async def test_a_question_on_its_way_may_be_answered(store, status, how):
    """Whoever answers has seen it, whatever is known of its message; its text is the round's."""
    await store.member(1)
    round_ = await store.poll(named=True)
    await store.write(lambda tx: perform.queue_next(tx, store.now))
    await store.run("UPDATE outbox SET status = :status", status=status)
    fields = (
        {"text": "2"} if how == "typed"
        else {"text": "", "kind": "choice", "choice": f"a:{round_.id}:0:2"}
    )  # fmt: skip
    assert "We have: 2 Price" in (await store.say(1, **fields))[0]
    assert await kept(store) == [(0, "2")]
    assert await store.rows("SELECT round_id FROM inbound") == [(round_.id,)]


@pytest.mark.parametrize("how", ["typed", "pressed"])
async def test_a_question_that_waits_can_not_be_meant(store, how):
    """What is queued has been seen by nobody: a digit is no answer to it, a button can't be."""
    await store.member(1)
    round_ = await store.poll()
    await store.write(lambda tx: perform.queue_next(tx, store.now))
    if how == "typed":
        await store.say(1, "2")
    else:
        other = f"a:{round_.id + 7}:0:2"
        await store.say(1, "", kind="choice", choice=other)
    assert await kept(store) == []


async def test_a_question_on_its_way_of_a_round_that_closed_is_not_answered(store):
    """Its digit is no answer any more."""
    await store.member(1)
    await store.poll()
    await store.write(lambda tx: perform.queue_next(tx, store.now))
    await store.run("UPDATE outbox SET status = 'unknown'")
    await store.run("UPDATE rounds SET state = 'closed', closed_at = 1")
    await store.say(1, "2")
    assert await kept(store) == []


async def test_a_round_that_closes_meanwhile_takes_no_answer(store, monkeypatch):
    """A close in another process comes between what was read and the answer."""
    await store.member(1)
    await store.poll()
    await store.write(lambda tx: perform.queue_next(tx, store.now))
    await store.run("UPDATE outbox SET status = 'unknown'")

    async def hold(tx, round_id):
        return False

    monkeypatch.setattr(rounds, "hold", hold)
    await store.say(1, "2")
    assert await kept(store) == []


async def test_words_are_no_answer_to_a_question_on_its_way(store):
    """Whoever writes while a question is on its way writes to the coordinator."""
    await store.member(1)
    await store.poll()
    await store.write(lambda tx: perform.queue_next(tx, store.now))
    await store.run("UPDATE outbox SET status = 'unknown'")
    assert "passed" in (await store.say(1, "Hello"))[0]


async def test_an_answer_lets_the_waiting_question_leave(store):
    """The phone is free for the next, also once a question rests."""
    await one(store)
    await store.run(
        "INSERT INTO outbox (kind, member_id, channel, status, reason, until_at, queued_at,"
        " expires_at) VALUES (1, 1, 'sms', 'held', 'turn', 9, 1, 9)"
    )
    await store.say(1, "1")
    assert await store.rows("SELECT status, until_at FROM outbox") == [("queued", 0)]


async def test_a_replayed_answer_changes_no_later_one(store):
    """With its original instant a message that failed is older than what came after it."""
    round_ = await one(store, "done")
    await store.answer(round_, 1, "1")
    store.now -= HOUR
    assert await store.say(1, "3", replayed=True) == []
    assert await kept(store) == [(0, "1")]
    assert "passed" in (await store.say(1, "Hello"))[0]


async def test_an_answer_counts_though_the_clock_was_set_back(store):
    """What comes from a phone is never old, whatever the machine's clock says by now."""
    round_ = await one(store, "done")
    await store.answer(round_, 1, "1")
    store.now -= HOUR
    assert "3" in (await store.say(1, "3"))[0]
    assert await kept(store) == [(0, "3")]


async def test_a_button_of_sign_up_pressed_again_sets_it_anew(store):
    """An older button changes what it set, notes it, and asks nothing anew; consent stays."""
    await store.platform("city", "Springfield")
    for code in ("east", "west"):
        await store.platform(code, code.title(), "city")
    await store.say(1, "JOIN")
    for text in ("1", "1", "2"):
        await store.open_first(1)
        await store.say(1, text)
    await store.open_first(1)
    [round_id] = (await store.rows("SELECT id FROM rounds WHERE code = 'JOIN'"))[0]
    press = f"a:{round_id}:2:"
    assert await store.say(1, "", kind="choice", choice=press + "2") == [
        "Thank you. We have: 2 West."
    ]
    for choice in (press + "0", press + "9", f"a:{round_id}:1:2"):
        assert await store.say(1, "", kind="choice", choice=choice) == []
    assert await store.rows("SELECT state, platform_id FROM members") == [("member", 3)]
    assert (await dialog(store))[:2] == (4, "open")


async def test_options_without_words_of_their_own_are_matched_by_their_text(store):
    """Every language's words of an option count as that option's."""
    form = Form(
        name="p", privacy="anonymous",
        questions=(Question(kind="choice", text={"en": "Which?"}, options=(
            Option(value="1", text={"en": "Taps", "fr": "Robinets"}),
            Option(value="2", text={"en": "Price"}))),),
    )  # fmt: skip
    await one(store, "done", form=form)
    assert "Send only one number" in (await store.say(1, "robinets"))[0]
