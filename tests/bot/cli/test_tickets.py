from __future__ import annotations

import json

import pytest

from storage import tickets


def test_open_tickets(switchboard, read):
    """Open tickets are listed oldest first, each with what was written."""

    async def unit(tx):
        await tickets.add(
            tx, member_id=None, address_id=None, kind="question", text="When\nnext?", now=2_000
        )
        await tickets.add(
            tx, member_id=None, address_id=None, kind="media", text="", now=1_000, media="ME1"
        )

    read(unit)
    assert json.loads(switchboard("tickets", "--json").stdout) == [
        {
            "number": 2,
            "kind": "media",
            "member": None,
            "text": "",
            "media": "ME1",
            "at": "1970-01-01T00:00:01+00:00",
        },
        {
            "number": 1,
            "kind": "question",
            "member": None,
            "text": "When\nnext?",
            "media": "",
            "at": "1970-01-01T00:00:02+00:00",
        },
    ]
    lines = switchboard("tickets").stdout.splitlines()
    assert lines[1] == "    1  1970-01-01T00:00:02+00:00  question, no member: When next?"


@pytest.mark.usefixtures("alliance")
def test_a_members_ticket(switchboard, read):
    """A ticket names the member, never the number."""
    read(
        lambda tx: tickets.add(
            tx, member_id=2, address_id=2, kind="question", text="Hello", now=1_000
        )
    )
    assert "question, member 2: Hello" in switchboard("tickets").stdout


def test_no_tickets(switchboard):
    """Nothing to do is said so."""
    assert switchboard("tickets").stdout == "There are no open tickets.\n"
    assert switchboard("tickets", "--json").stdout == "[]\n"
