"""A handler that fails: nothing half done, nothing lost, and mended later as if in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot import replay
from handlers import close
from handlers.dialog import answering, routing
from storage import answers
from storage.errors import Busy
from storage.instant import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from tests.whole.world import Phone, World

SORRY = "Sorry, something went wrong"
FAILED = "SELECT COUNT(*) FROM inbound WHERE state = 'failed'"
ALERTS = "SELECT text FROM tickets WHERE kind = 'alert'"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let what comes after an answer raise, with the person's own words in its message."""
    monkeypatch.setattr(answering, "_echo", _boom)
    return monkeypatch


def _boom(turn: Any, *rest: Any, **more: Any) -> None:
    raise RuntimeError(f"can't bear {turn.text} of {turn.sender.value}")


async def voter(here: World, **poll: Any) -> tuple[Phone, Any]:
    """Return a member who has been asked a poll, and the poll."""
    ada = here.phone(0)
    await ada.join()
    round_ = await here.poll(**poll)
    await ada.hear()
    return ada, round_


async def again(here: World) -> tuple[int, int]:
    """Replay what failed."""
    found = await replay.replay(here.database, here.app.intake)
    await here.settled()
    return found


async def test_nothing_half_done(here: World, broken: pytest.MonkeyPatch) -> None:
    """A handler that raises leaves no change, but a failed message, one apology and an alert."""
    ada, _ = await voter(here)
    assert [SORRY in text for text in await ada.say("2")] == [True]
    assert await here.rows("SELECT value FROM answers") == []
    assert await here.scalar("SELECT state FROM dialogs WHERE round_id > 1") == "open"
    assert await here.rows(
        "SELECT text, round_id IS NULL FROM inbound WHERE state = 'failed'"
    ) == [("2", 0)]  # fmt: skip
    (alert,) = await here.rows(ALERTS)
    assert "replay" in alert[0]
    # The next one waits for the same mending, and does not alert again.
    await ada.say("3")
    assert await here.scalar(FAILED) == 2
    assert len(await here.rows(ALERTS)) == 1


async def test_the_traceback_holds_nobodys_words(
    here: World, broken: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kept and logged is where it failed, not what the exception says of the person."""
    ada, _ = await voter(here)
    await ada.say("2")
    (error,) = (await here.rows("SELECT error FROM inbound WHERE state = 'failed'"))[0]
    assert "RuntimeError" in error
    assert "boom" in error
    assert "can't bear 2" not in error
    assert ada.number not in error
    assert ada.number.lstrip("+") not in capsys.readouterr().out
    assert await here.everywhere("can't bear 2") == []


async def test_a_duplicate_of_a_failed_message_is_one(
    here: World, broken: pytest.MonkeyPatch
) -> None:
    """The provider's retry of a failed message brings neither a second row nor an apology."""
    ada, _ = await voter(here)
    assert len(await ada.say("2", key="x")) == 1
    assert await ada.say("2", key="x") == []
    assert await here.scalar(FAILED) == 1


async def test_replay_mends_it(here: World, broken: pytest.MonkeyPatch) -> None:
    """Once mended the message is dealt with as if it had come through at its own instant."""
    ada, _ = await voter(here)
    await ada.say("2")
    sent_at = await here.scalar("SELECT at FROM inbound WHERE state = 'failed'")
    assert await again(here) == (0, 1)
    broken.undo()
    here.offset += HOUR
    assert await again(here) == (1, 0)
    assert ["We have: 2 Price" in text for text in await ada.hear()] == [True]
    assert await here.rows("SELECT value, at FROM answers") == [("2", sent_at)]
    assert await again(here) == (0, 0)
    assert await here.rows("SELECT state FROM inbound WHERE text = '2'") == [("replayed",)]


async def test_replay_counts_nothing_for_a_closed_round(
    here: World, broken: pytest.MonkeyPatch
) -> None:
    """What is replayed after the close changes no result."""
    ada, round_ = await voter(here)
    await ada.say("2")
    broken.undo()
    await here.close(round_)
    before = await here.scalar("SELECT result FROM rounds WHERE id = :id", id=round_.id)
    await again(here)
    assert await here.scalar("SELECT result FROM rounds WHERE id = :id", id=round_.id) == before
    assert await here.rows("SELECT value FROM answers") == []


async def test_a_failed_answer_of_an_anonymous_round_is_blanked(
    here: World, broken: pytest.MonkeyPatch
) -> None:
    """The close of an anonymous round blanks what failed of it, and nothing is replayed."""
    for number in range(1, 5):
        await here.phone(number).join()
    ada, round_ = await voter(here, named=False)
    await ada.say("2")
    broken.undo()
    await here.close(round_)
    assert await here.rows("SELECT text, error FROM inbound WHERE text = '2' OR error <> ''") == []
    assert await again(here) == (0, 0)


async def test_no_reply_older_than_a_day(here: World, broken: pytest.MonkeyPatch) -> None:
    """Replayed after a day the answer counts, and its echo stays at home."""
    ada, _ = await voter(here)
    await ada.say("2")
    broken.undo()
    here.offset += DAY + MINUTE
    assert await again(here) == (1, 0)
    assert await ada.hear() == []
    assert await here.rows("SELECT value FROM answers") == [("2",)]


async def test_replay_undoes_no_later_answer(here: World, broken: pytest.MonkeyPatch) -> None:
    """Whoever answered again in the meantime has changed their answer."""
    ada, _ = await voter(here)
    await ada.say("2")
    broken.undo()
    here.offset += HOUR
    await ada.say("3")
    assert await again(here) == (1, 0)
    assert await here.rows("SELECT value FROM answers") == [("3",)]
    assert await ada.hear() == []


async def test_replay_answers_no_later_question(here: World, broken: pytest.MonkeyPatch) -> None:
    """A digit that failed before a question was asked is no answer to that one."""
    ada, first = await voter(here)
    await ada.say("2")
    broken.undo()
    await here.close(first)
    here.offset += HOUR
    await here.poll("Another?")
    await ada.hear()
    await again(here)
    assert await here.rows("SELECT value FROM answers") == []


async def test_replay_of_a_button_answers_its_own_round(
    both: World, broken: pytest.MonkeyPatch
) -> None:
    """A button that failed carries its round, whatever was asked since then."""
    ada = both.chatter(0)
    await ada.join()
    first, second = await both.poll("First?"), await both.poll("Second?")
    await ada.press(f"a:{first.id}:0:2")
    broken.undo()
    assert await again(both) == (1, 0)
    assert await both.rows("SELECT round_id, value FROM answers") == [(first.id, "2")]
    assert second.id > first.id


async def test_replay_of_a_forgotten_strangers_message(
    both: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a stranger who stopped after it nothing is replayed, and nothing comes back."""

    def boom(*rest: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("handlers.join.form", boom)
    ada = both.chatter(0)
    await ada.say("", kind="start")
    await ada.say("STOP")
    monkeypatch.undo()
    await again(both)
    assert await ada.hear() == []
    assert await both.scalar("SELECT COUNT(*) FROM members WHERE state <> 'erased'") == 0
    assert await both.scalar("SELECT COUNT(*) FROM outbox WHERE recipient <> ''") == 0


async def test_replay_of_a_stopped_persons_message_sends_nothing(
    here: World, broken: pytest.MonkeyPatch
) -> None:
    """Who has stopped since then hears nothing of what is replayed."""
    ada, _ = await voter(here)
    await ada.say("2")
    broken.undo()
    here.offset += HOUR
    await ada.say("STOP")
    await again(here)
    assert await ada.hear() == []


async def test_a_failed_message_of_somebody_forgotten_keeps_nothing(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who said no gets the apology at their number, and their words and number are not kept."""
    ada = here.phone(0)
    await ada.say("STOP")

    async def boom(*rest: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(routing, "_routed", boom)
    assert [SORRY in text for text in await ada.say("my words")] == [True]
    assert await here.everywhere("my words") == []
    assert await here.everywhere(ada.number) == []
    monkeypatch.undo()
    assert await again(here) == (1, 0)
    assert await ada.hear() == []


async def test_a_failed_button_belongs_to_its_round(
    both: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before its question is known to have been sent, so that the close blanks it."""
    for last in range(5):
        await both.member(both.chatter(last))
    round_ = await both.poll(named=False)
    await both.run("DELETE FROM dialogs")

    async def boom(*rest: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(routing, "_routed", boom)
    await both.chatter(0).press(f"a:{round_.id}:0:2")
    await both.chatter(0).press("a:999:0:2")
    monkeypatch.undo()
    assert await both.rows("SELECT round_id FROM inbound ORDER BY id") == [(round_.id,), (None,)]
    await both.close(round_)
    assert await both.scalar("SELECT COUNT(*) FROM inbound WHERE choice = 'a:1:0:2'") == 0


@pytest.mark.parametrize("status", ["sending", "unknown"])
@pytest.mark.parametrize("stands", [False, True])
async def test_a_failed_answer_to_a_question_on_its_way_belongs_to_its_round(
    here: World, broken: pytest.MonkeyPatch, status: str, stands: bool
) -> None:
    """Whatever else they were asked before, the close of the round on its way blanks it."""
    for last in range(5):
        await here.member(here.phone(last))
    ada = here.phone(0)
    if stands:
        await here.poll("Earlier?")
        broken.undo()
        await ada.say("1")
        broken.setattr(answering, "_echo", _boom)
    round_ = await here.poll("Later?", named=False)
    await here.run("DELETE FROM dialogs WHERE round_id = :id", id=round_.id)
    await here.run(
        "UPDATE outbox SET status = :status, lease_until = :late, until_at = :late"
        " WHERE round_id = :id AND kind > 0", status=status, late=here.now() + DAY, id=round_.id,
    )  # fmt: skip
    await ada.send("2", key="x")
    found = "SELECT i.round_id FROM inbound i WHERE i.state = 'failed'"
    assert await here.rows(found) == [(round_.id,)]
    broken.undo()
    await here.database.write(lambda tx: close.close(tx, here.alliance, round_, None, here.now()))
    assert await here.rows("SELECT 1 FROM inbound WHERE text = '2'") == []


async def test_a_failed_message_in_words_belongs_to_no_round_on_its_way(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a digit answers a question before its message is settled; a closed round none."""
    ada = await here.member(here.phone(0))
    round_ = await here.poll()
    await here.run("DELETE FROM dialogs")
    await here.run("UPDATE outbox SET status = 'unknown', until_at = expires_at")

    async def boom(*rest: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(routing, "_routed", boom)
    await ada.send("The pump is broken")
    await here.run("UPDATE rounds SET state = 'closed' WHERE id = :id", id=round_.id)
    await ada.send("2")
    assert await here.rows("SELECT round_id FROM inbound") == [(None,), (None,)]


async def test_storage_that_is_away_loses_nothing(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that refuses is the provider's to try again: nothing is kept as failed."""
    ada, _ = await voter(here)

    async def away(*rest: Any) -> None:
        raise Busy("the database is locked")

    monkeypatch.setattr(answers, "put", away)
    with pytest.raises(Busy):
        await ada.say("2", key="x")
    monkeypatch.undo()
    assert await here.scalar(FAILED) == 0
    assert ["We have: 2 Price" in text for text in await ada.say("2", key="x")] == [True]


async def test_a_strangers_message_fails(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's failed message is kept and replayed too."""

    def boom(*rest: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("handlers.join.form", boom)
    ada = here.phone(0)
    assert [SORRY in text for text in await ada.say("JOIN")] == [True]
    assert await here.scalar("SELECT COUNT(*) FROM members") == 0
    monkeypatch.undo()
    assert await again(here) == (1, 0)
    assert ["do you agree?" in text for text in await ada.hear()] == [True]
