from __future__ import annotations

import csv
import io
import json
import stat

import pytest

from bot.cli import members as cli_members
from storage import addresses, members, organisations, roles

pytestmark = pytest.mark.usefixtures("alliance")


def test_the_list_has_no_numbers_and_no_names(switchboard, read):
    """`members list` shows who is there by alias, and whether they stopped."""

    async def unit(tx):
        await members.put(tx, 1, "name", "Ama Test")
        await members.stop(tx, 2, 1)

    read(unit)
    result = switchboard("members", "list", "--json")
    found = json.loads(result.stdout)
    assert found[0] == {
        "id": 1,
        "alias": "M1",
        "platform": "nima",
        "type": "water_users",
        "language": "en",
        "state": "member",
    }
    assert [member["state"] for member in found[:3]] == ["member", "stopped", "member"]
    assert "Ama" not in result.stdout
    assert "5550" not in result.stdout
    lines = switchboard("members", "list").stdout.splitlines()
    assert lines[0] == "      1  M1: nima, water_users, en, member"
    assert len(lines) == 6


def test_a_list_longer_than_a_page(switchboard, monkeypatch):
    """Members are read a page at a time, and none is left out or shown twice."""
    monkeypatch.setattr(cli_members, "PAGE", 4)
    found = json.loads(switchboard("members", "list", "--json").stdout)
    assert [member["id"] for member in found] == [1, 2, 3, 4, 5, 6]


def test_people_who_sign_up_and_people_who_left(switchboard, read):
    """Somebody signing up is listed as joining, somebody erased not at all."""

    async def unit(tx):
        await members.add(tx, "en", 1)
        await members.blank(tx, 6)

    read(unit)
    found = json.loads(switchboard("members", "list", "--json").stdout)
    assert [(m["id"], m["state"]) for m in found[-2:]] == [(5, "member"), (7, "joining")]
    assert found[-1]["platform"] == ""


def test_an_export_is_a_table(switchboard, folder, read):
    """`members export` writes a new file that only its owner can read, or stdout."""

    async def unit(tx):
        body = await organisations.add(tx, "Nima Users", "nima users", "", "", 1)
        await members.put(tx, 1, "organisation_id", body.id)
        await members.put(tx, 2, "alias", "=1+1")

    read(unit)
    shown = switchboard("members", "export").stdout
    rows = list(csv.DictReader(io.StringIO(shown)))
    assert list(rows[0].values()) == [
        "1",
        "M1",
        "nima",
        "water_users",
        "Nima Users",
        "en",
        "member",
    ]
    assert rows[1]["alias"] == "'=1+1"
    assert len(rows) == 6
    target = folder / "out.csv"
    assert switchboard("members", "export", target).stdout == ""
    assert target.read_text(encoding="utf-8") == shown
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "is there already" in switchboard("members", "export", target, code=1).stderr


@pytest.mark.parametrize("address", ["+12025550100", "(202) 555-0100", "2025550100"])
def test_a_role_is_given_once(switchboard, read, address):
    """A role is given to whoever has a number, in any form, and is audited without it."""
    assert switchboard("members", "grant", address, "Coordinator").stdout == "granted\n"
    assert switchboard("members", "grant", address, "coordinator").stdout == "granted before\n"
    assert read(lambda tx: roles.of(tx, 1)) == [(1, "coordinator")]
    rows = read(lambda tx: tx.rows("SELECT act, by_member_id, subject, subject_id FROM audit"))
    acts = [tuple(row) for row in rows if row["act"] == "grant coordinator"]
    assert acts == [("grant coordinator", None, "member", 1)]


def test_a_role_is_taken_away_again(switchboard, read):
    """Once; and it is audited."""
    switchboard("members", "grant", "+12025550100", "coordinator")
    taken = ("members", "revoke", "+12025550100", "coordinator")
    assert switchboard(*taken).stdout == "revoked\n"
    assert switchboard(*taken).stdout == "they did not have it\n"
    assert read(lambda tx: roles.of(tx, 1)) == []
    rows = read(lambda tx: tx.rows("SELECT act FROM audit"))
    assert [row["act"] for row in rows][-2:] == ["grant coordinator", "revoke coordinator"]


def test_a_role_on_a_platform(switchboard, read):
    """--platform says where a role holds."""
    switchboard("members", "grant", "+12025550101", "support", "--platform", "NIMA")
    assert read(lambda tx: roles.of(tx, 2)) == [(2, "support")]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["+12025550100", "king"], "there is no role 'king'; there are documenter"),
        (["+12025550100", "support", "--platform", "no"], "there is no platform 'no'"),
        (["+12025550177", "support"], "no member has that address"),
        (["12", "support"], "no member has that address"),
        (["+12025550150", "support"], "no member has that address"),
    ],
)
def test_bad_grants(switchboard, read, args, says):
    """A role goes to somebody who agreed to take part, and is one there is."""

    async def unit(tx):
        joining = await members.add(tx, "en", 1)
        address = await addresses.add(tx, "phones", "+12025550150", 1)
        await addresses.link(tx, joining.id, address, 1)

    read(unit)
    result = switchboard("members", "grant", *args, code=1)
    assert says in result.stderr
    assert "202555" not in result.stderr
