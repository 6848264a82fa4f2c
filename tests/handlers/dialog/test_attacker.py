from __future__ import annotations

import random
import secrets

from handlers.dialog.results import Group
from tests.handlers.dialog import attacker
from tests.handlers.dialog.attacker import Attacker, Life, attack


def test_nobody_works_out_what_was_hidden():
    """Of some hundred rounds by chance no cell of a group that may not be shown is found."""
    seed = secrets.randbelow(10**6)
    found = attack(400, seed)
    assert (found["cells recovered"], found["undecided"]) == (0, 0), f"seed {seed}"
    assert found["cells hidden"] > 1_000


def test_the_attacker_finds_what_is_badly_hidden(monkeypatch):
    """Where one small group alone is hidden, the totals less the others are its figures."""
    table = {"civil": {"a": 4, "b": 4}, "private": {"a": 4, "b": 4}, "public": {"a": 1, "b": 2}}
    life = Life(dict.fromkeys(table, 20), table, None)
    assert Attacker(life, knows_rules=False).recovered() == []

    def alone(groups, smallest):
        return tuple(
            Group(name, counts if sum(counts.values()) >= smallest else None)
            for name, counts in groups.items()
        )

    monkeypatch.setattr(attacker, "suppress", alone)
    found = Attacker(life, knows_rules=False).recovered()
    assert found == [("public", "a"), ("public", "b")]


def test_it_is_the_same_for_the_same_seed():
    """A find can be looked at again."""
    assert attacker.lives(random.Random(3)) == attacker.lives(random.Random(3))
