from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from handlers.dialog.manners import Manners
from handlers.dialog.turn import Alliance, StakeholderType
from handlers.enrol import Enrolled, Line, enrol, survey
from storage import addresses, barred, consents, members, opening, organisations

NOW = 1_800_000_000_000
TYPES = (
    StakeholderType("users", "civil", "Users"),
    StakeholderType("firm", "private", "Firm"),
)
ALLIANCE = Alliance(
    "Alliance", ("en",), "US", ZoneInfo("UTC"), Manners(), TYPES, hash_key=b"k" * 16
)
CHANNELS = ("sms", "other_sms")
AUDIT = "SELECT at, act, by_member_id, subject, subject_id, count FROM audit ORDER BY id"


@pytest.fixture
async def database(tmp_path):
    """Return an empty database."""
    opened = await opening.open_database(opening.Place(tmp_path / "a.db"))
    yield opened
    await opened.close()


def line(at=1, **changed):
    """Return a line to enrol."""
    values = {
        "phone": f"+1202555010{at}",
        "name": "",
        "platform_id": None,
        "type": "",
        "organisation": "",
        "language": "en",
    }
    return Line(**values | changed)


async def put(database, *lines, by=None):
    """Enrol lines, and return the counts."""
    found = await database.write(
        lambda tx: enrol(
            tx, ALLIANCE, CHANNELS, lines, how="list.csv", given_on="2027-01-01", by=by, now=NOW
        )
    )
    return found.counts


def only(**counts):
    """Return counts that are 0 but for some."""
    return {"new": 0, "existing": 0, "stopped": 0, "no": 0, "erased": 0} | counts


async def test_somebody_new(database):
    """A new number becomes a member with a dated consent, reached on the first channel."""
    assert await put(database, line(name="Ama Test", type="firm")) == only(new=1)
    sender = await database.read(lambda tx: addresses.sender(tx, "sms", "+12025550101"))
    assert (sender.member_state, sender.alias, sender.type) == ("member", "M1", "firm")
    member = await database.read(lambda tx: members.by_id(tx, 1))
    assert (member.name, member.sector, member.language) == ("Ama Test", "private", "en")
    assert member.joined_at == NOW
    consent = await database.read(lambda tx: consents.latest(tx, 1))
    assert consent == ("import", "list.csv", "2027-01-01", NOW)
    assert await database.read(lambda tx: addresses.known(tx, "other_sms", "+12025550101")) is None


async def test_it_is_audited(database):
    """The audit keeps how many were enrolled, and by whom, and nothing of them."""
    await put(database, line(1))
    await put(database, line(1), line(2), line(3), by=1)
    rows = await database.read(lambda tx: tx.rows(AUDIT))
    assert tuple(rows[-1]) == (NOW, "enrol", 1, "member", 0, 2)


async def test_organisations_are_made_once(database):
    """An organisation is matched by its folded name; a known one gives its sector."""
    await database.write(lambda tx: organisations.add(tx, "Old Body", "old body", "", "public", 1))
    await put(
        database,
        line(1, organisation="Nima Users", type="users"),
        line(2, organisation="NIMA  users", type="firm"),
        line(3, organisation="old body", type="firm"),
    )
    rows = await database.read(
        lambda tx: tx.rows("SELECT organisation_id, type, sector FROM members ORDER BY id")
    )
    assert [tuple(row) for row in rows] == [
        (2, "users", "civil"),
        (2, "firm", "civil"),
        (1, "firm", "public"),
    ]
    made = await database.read(lambda tx: organisations.by_id(tx, 2))
    assert (made.name, made.type, made.sector) == ("Nima Users", "users", "civil")


async def bar(tx, channel, reason):
    """Bar the number of line 1."""
    hashed = barred.keyed(ALLIANCE.hash_key, channel, "+12025550101")
    await barred.add(tx, hashed, reason, 1)


async def known(tx, channel, state=""):
    """Let the number of line 1 be known."""
    address = await addresses.add(tx, channel, "+12025550101", 1)
    if state == "carrier":
        await addresses.put_state(tx, address, "carrier")
        return
    if state == "stopped phone":
        await addresses.stop(tx, address, 1)
        return
    member = await members.add(tx, "en", 1)
    await addresses.link(tx, member.id, address, 1)
    if state == "stopped":
        await members.stop(tx, member.id, 1)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    ("before", "counts"),
    [
        (known, only(existing=1)),
        (lambda tx, channel: known(tx, channel, "stopped"), only(stopped=1)),
        (lambda tx, channel: known(tx, channel, "stopped phone"), only(stopped=1)),
        (lambda tx, channel: known(tx, channel, "carrier"), only(stopped=1)),
        (lambda tx, channel: bar(tx, channel, "stopped"), only(stopped=1)),
        (lambda tx, channel: bar(tx, channel, "no"), only(no=1)),
        (lambda tx, channel: bar(tx, channel, "erased"), only(erased=1)),
    ],
    ids=["existing", "stopped", "stopped phone", "carrier", "stranger", "no", "erased"],
)
async def test_who_is_left_alone(database, channel, before, counts):
    """Whoever is known, or asked not to be written to, on any SMS channel, stays as they are."""
    await database.write(lambda tx: before(tx, channel))
    had = await database.read(lambda tx: tx.rows("SELECT * FROM members"))
    found = await database.read(lambda tx: survey(tx, ALLIANCE, CHANNELS, [line(1)]))
    assert found.counts == counts
    assert await put(database, line(1)) == counts
    rows = await database.read(lambda tx: tx.rows("SELECT * FROM members"))
    assert [tuple(row) for row in rows] == [tuple(row) for row in had]
    assert await database.read(lambda tx: tx.rows("SELECT * FROM consents")) == []


async def test_an_address_of_a_stranger(database):
    """Somebody who only wrote once, and is no member, can be enrolled with that address."""
    address = await database.write(lambda tx: addresses.add(tx, "sms", "+12025550101", 1))
    assert await put(database, line(1)) == only(new=1)
    sender = await database.read(lambda tx: addresses.sender(tx, "sms", "+12025550101"))
    assert (sender.address_id, sender.member_state) == (address, "member")


async def test_enrolling_twice_changes_nothing(database):
    """The same lines again, as after an import that was cut off, add nobody."""
    assert await put(database, line(1), line(2)) == only(new=2)
    assert await put(database, line(1, type="firm"), line(2), line(3)) == only(new=1, existing=2)
    member = await database.read(lambda tx: members.by_id(tx, 1))
    assert member.type == ""


async def test_units_are_counted_together():
    """What several units of one import counted is told as one sum."""
    whole = Enrolled(only(new=2, no=1))
    whole.add(Enrolled(only(new=3, stopped=4)))
    assert whole.counts == only(new=5, stopped=4, no=1)
