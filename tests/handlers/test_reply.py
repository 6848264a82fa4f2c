"""REPLY: who may answer what, and what becomes of it."""

from __future__ import annotations

import pytest

from storage import roles, tickets
from storage.instant import DAY

LEADER = 50
ANSWERS = "SELECT address_id, channel, text FROM outbox ORDER BY id"


@pytest.fixture
async def asked(store):
    """A question of a member of a platform, whose coordinator is on the phone LEADER."""
    nima = await store.platform("nima", "Nima")
    await store.platform("asokwa", "Asokwa")
    await store.member(1, platform=nima)
    leader = await store.member(LEADER, platform=nima)
    await store.write(lambda tx: roles.grant(tx, leader, nima, "coordinator", None, store.now))
    await store.say(1, "ASK When is it?")
    return store


async def test_an_answer_goes_to_the_phone_that_asked(asked):
    """As one text, and the ticket is no open one any more."""
    [text] = await asked.say(LEADER, "reply 1 At ten.")
    assert "on its way" in text
    assert await asked.rows(ANSWERS) == [
        (1, "sms", "Springfield Water on your question 1: At ten.")
    ]
    assert await asked.rows("SELECT state, answered_at FROM tickets") == [("answered", asked.now)]
    assert await asked.rows("SELECT act, subject, subject_id, by_member_id FROM audit"
                            " WHERE act = 'reply'") == [("reply", "ticket", 1, 2)]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("REPLY", "Send REPLY"),
        ("REPLY 1", "Send REPLY"),
        ("REPLY to them", "Send REPLY"),
        ("REPLY 9 At ten", "no question 9"),
        (f"REPLY {10**30} At ten", "no question"),
        ("REPLY 1 " + "a" * 400, "shorten it"),
    ],
)
async def test_what_is_no_answer_changes_nothing(asked, said, heard):
    """It is said, and the question stays open."""
    [text] = await asked.say(LEADER, said)
    assert heard in text
    assert await asked.rows(ANSWERS) == []
    assert await asked.scalar("SELECT state FROM tickets") == "open"


async def test_the_second_answer_is_refused(asked):
    """Whoever asked gets one."""
    await asked.say(LEADER, "REPLY 1 At ten.")
    assert "answered already" in (await asked.say(LEADER, "REPLY 1 At nine."))[0]
    assert len(await asked.rows(ANSWERS)) == 1


async def test_two_who_answer_at_once_send_one_answer(asked, monkeypatch):
    """Whoever is second by a hair is told as whoever is second by an hour."""

    async def answered(*_):
        return False

    monkeypatch.setattr(tickets, "answer", answered)
    assert "answered already" in (await asked.say(LEADER, "REPLY 1 At ten."))[0]
    assert await asked.rows(ANSWERS) == []


async def test_an_alert_is_nobody_s_question(asked):
    """There is nobody to answer."""
    await asked.run("UPDATE tickets SET kind = 'alert'")
    assert "no question 1" in (await asked.say(LEADER, "REPLY 1 At ten."))[0]


async def test_a_documenter_answers_nobody(asked):
    """The role is there, and not for that."""
    await asked.run("UPDATE roles SET role = 'documenter'")
    assert "you are none" in (await asked.say(LEADER, "REPLY 1 At ten."))[0]


async def test_a_dead_phone_s_person_is_answered_on_the_next(asked):
    """On one that works."""
    await asked.run("UPDATE addresses SET state = 'dead' WHERE id = 1")
    await asked.run("INSERT INTO addresses (channel, value, created_at) VALUES ('chat', '7', 0)")
    await asked.run(
        "INSERT INTO member_addresses SELECT 1, id, 0, NULL FROM addresses WHERE value = '7'"
    )
    await asked.say(LEADER, "REPLY 1 At ten.")
    assert [row[1] for row in await asked.rows(ANSWERS)] == ["chat"]


async def test_a_phone_that_has_become_another_s_gets_no_answer(asked):
    """Whoever asked is meant."""
    other = await asked.member()
    await asked.run("UPDATE member_addresses SET member_id = :other WHERE address_id = 1",
                    other=other)  # fmt: skip
    assert "can't be reached" in (await asked.say(LEADER, "REPLY 1 At ten."))[0]
    assert await asked.rows(ANSWERS) == []


async def test_a_question_without_an_address_can_not_be_answered(asked):
    """As one of somebody who was forgotten."""
    await asked.run("UPDATE tickets SET address_id = NULL")
    assert "can't be reached" in (await asked.say(LEADER, "REPLY 1 At ten."))[0]
    assert await asked.scalar("SELECT state FROM tickets") == "answered"


async def test_a_stranger_is_answered_by_whoever_leads_all(asked):
    """And by nobody of one place; on a dead phone there is no other."""
    await asked.say(9, "ASK Who are you?")
    assert "no question 2" in (await asked.say(LEADER, "REPLY 2 We are."))[0]
    await asked.run("UPDATE platforms SET parent_id = 1 WHERE id = 2")
    assert "on its way" in (await asked.say(LEADER, "REPLY 2 We are."))[0]
    await asked.say(9, "ASK And when?")
    await asked.run("UPDATE addresses SET state = 'dead' WHERE id = 3")
    assert "can't be reached" in (await asked.say(LEADER, "REPLY 3 We are."))[0]


async def test_an_answer_leaves_within_two_days_or_never(asked):
    """After that nobody waits for it."""
    await asked.say(LEADER, "REPLY 1 At ten.")
    assert await asked.scalar("SELECT expires_at FROM outbox") == asked.now + 2 * DAY
