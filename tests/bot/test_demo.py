from __future__ import annotations

import pytest

from bot import demo
from bot.alliance import alliance_of
from bot.config import load
from handlers.close import close
from storage import addresses, answers, dialogs, members, opening, outbox, roles, rounds
from storage.instant import DAY, HOUR

NOW = 1_800_000_000_000


@pytest.fixture
def alliance(tmp_path):
    """Return the demo's alliance, as its settings describe it."""
    (tmp_path / "demo.toml").write_text(demo.CONFIG.format(listen="127.0.0.1:1"), encoding="utf-8")
    return alliance_of(load(tmp_path / "demo.toml"))


@pytest.fixture
async def database(tmp_path):
    """Return an empty database."""
    opened = await opening.open_database(opening.Place(tmp_path / "demo.db"))
    yield opened
    await opened.close()


async def sender(database, at):
    """Return one of the demo's people."""
    return await database.read(lambda tx: addresses.sender(tx, demo.CHANNEL, demo.number(at)))


async def test_people_of_all_kinds(database, alliance):
    """Everybody has a place, an organisation and a sector, and the first is the coordinator."""
    await demo.seed(database, alliance, NOW)
    people = [await sender(database, at) for at in range(demo.PEOPLE)]
    assert all(one.member_state == "member" and one.platform_id for one in people)
    assert {one.sector for one in people} == {"public", "private", "civil"}
    first = await database.read(lambda tx: members.by_id(tx, people[0].member_id))
    assert first.organisation_id
    held = await database.read(lambda tx: roles.of(tx, people[0].member_id))
    assert held == [(1, "coordinator")]
    assert await sender(database, demo.PEOPLE) is None


async def test_the_first_have_answered(database, alliance):
    """Who has answered is not asked again; the question of all others waits to be sent."""
    poll = await demo.seed(database, alliance, NOW)
    assert (poll.code, poll.closes_at) == ("P1", NOW + 72 * HOUR)
    for at, value in enumerate(demo.ANSWERS):
        one = await sender(database, at)
        found = await database.read(lambda tx, i=one.member_id: answers.of(tx, poll.id, i))
        assert found == {0: value}
        assert one.dialog == "done"
    last = await sender(database, len(demo.ANSWERS))
    assert await database.read(lambda tx: dialogs.state(tx, last.member_id, poll.id)) is None
    by_status = await database.read(lambda tx: outbox.by_status(tx, 1))
    assert by_status == {"sent": 12, "queued": 28}


async def test_seeding_again_adds_nothing(database, alliance):
    """While its poll is open the demo's data stay as they are."""
    first = await demo.seed(database, alliance, NOW)
    again = await demo.seed(database, alliance, NOW + DAY)
    assert again.id == first.id
    people = await database.read(lambda tx: members.listed(tx, 0, 100))
    assert len(people) == demo.PEOPLE


@pytest.mark.parametrize("how", ["closed", "over"])
async def test_a_poll_that_is_over_is_followed_by_another(database, alliance, how):
    """Where the poll has closed, or its time is over, the next one is opened."""
    first = await demo.seed(database, alliance, NOW)
    later = NOW + HOUR
    if how == "closed":
        await database.write(lambda tx: close(tx, alliance, first, None, later))
    else:
        later = NOW + 4 * DAY
    second = await demo.seed(database, alliance, later)
    assert second.code == "P2"
    assert second.closes_at == later + 72 * HOUR
    answered = "SELECT COUNT(DISTINCT member_id) FROM answers WHERE round_id = :id"
    row = await database.read(lambda tx: tx.row(answered, id=second.id))
    assert row[0] == len(demo.ANSWERS)
    assert (await database.read(lambda tx: rounds.by_id(tx, second.id))).state == "open"
