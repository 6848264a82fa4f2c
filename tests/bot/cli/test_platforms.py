from __future__ import annotations

import json

import pytest


def test_platforms_make_a_tree(switchboard):
    """Platforms are added below one another, and listed so."""
    assert switchboard("platforms", "add", "Accra", "Accra", "--level", "city").stdout == "accra\n"
    switchboard("platforms", "add", "nima", "Nima", "--parent", "ACCRA")
    switchboard("platforms", "add", "kumasi", "Kumasi", "--timezone", "Africa/Accra")
    shown = switchboard("platforms", "list").stdout
    assert shown == "accra: Accra (city)\n  nima: Nima\nkumasi: Kumasi\n"
    listed = json.loads(switchboard("platforms", "list", "--json").stdout)
    assert listed[1] == {"code": "nima", "name": "Nima", "level": "", "parent": "accra"}
    assert [platform["parent"] for platform in listed] == [None, "accra", None]


def test_no_platforms_yet(switchboard):
    """An empty list is an empty list."""
    assert switchboard("platforms", "list", "--json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["nima", "Nima"], "there is a platform nima already"),
        (["osu", "Osu", "--parent", "nowhere"], "there is no platform 'nowhere'"),
        (["2nd", "Second"], "a letter first"),
        (["north side", "North"], "a letter first"),
        (["all", "All"], "is none of all"),
        (["lang", "Lang"], "is none of all"),
        (["x" * 21, "X"], "1 to 20"),
        (["osu", ""], "name is one line of 1 to 20"),
        (["osu", "O" * 21], "name is one line of 1 to 20"),
        (["osu", "O\nsu"], "name is one line"),
        (["osu", "Osu", "--level", "L" * 21], "level is one line of 0 to 20"),
        (["osu", "Osu", "--timezone", "Osu/Time"], "an IANA name"),
    ],
)
def test_bad_platforms(switchboard, args, says):
    """A platform that people could not type or menus not show is refused."""
    switchboard("platforms", "add", "nima", "Nima")
    assert says in switchboard("platforms", "add", *args, code=1).stderr
    assert switchboard("platforms", "list").stdout == "nima: Nima\n"
