"""Somebody who sees all that is ever said of a round, and works out what was hidden.

They see the totals at every look while it is open, the result by group after it, and that people
were erased; they know who belongs to which group, how figures are hidden, and their own answer.

    python -m tests.handlers.dialog.attacker --rounds 10000 --seed 7
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import secrets
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.dialog.results import shows, suppress, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

SMALLEST = 5
# So many ways to fill the hidden groups are looked at one by one; else by changing one answer.
MOST_WAYS = 3_000_000

Counts = dict[str, int]
Table = dict[str, Counts]
Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Life:
    """One round: the members of each group, who of them answered what, and the attacker."""

    members: dict[str, int]
    table: Table
    own: tuple[str, str] | None


def lives(dice: random.Random) -> Life:
    """Return a round by chance: few groups or several, small ones, ones all alike."""
    options = "abcd"[: dice.randint(2, 4)]
    members: dict[str, int] = {}
    table: Table = {}
    for name in ("civil", "not said", "private", "public", "water")[: dice.randint(2, 5)]:
        answered = dice.choice((0, 1, 2, 3, 4, 5, 6, 8, 11))
        likes = [dice.choice((0, 1, 1, 4)) for _ in options]
        if not any(likes):
            likes[0] = 1
        table[name] = dict(Counter(dice.choices(options, likes, k=answered)))
        members[name] = answered + dice.choice((0, 0, 1, 3, 10))
    mine = [(name, value) for name, counts in table.items() for value in counts]
    return Life(members, table, dice.choice([None, *mine]))


def seen(table: Mapping[str, Counts]) -> tuple[Counts, dict[str, Counts | None]]:
    """Return what is said of a closed round: its totals, and its groups with None for hidden."""
    totals = {value: n for value, n in together(table.values()).items() if n}
    return totals, {group.name: group.counts for group in suppress(table, SMALLEST)}


class Attacker:
    """Works out each cell of the hidden groups from all that is known."""

    def __init__(self, life: Life, *, knows_rules: bool) -> None:
        self._life = life
        self.knows_rules = knows_rules
        self.totals, self.groups = seen(life.table)
        self.hidden = [name for name, counts in self.groups.items() if counts is None]
        shown = together(counts for counts in self.groups.values() if counts is not None)
        self._left = {value: n - shown.get(value, 0) for value, n in self.totals.items()}

    def recovered(self) -> list[Cell]:
        """Return the cells that can have but one value, though the totals alone leave several.

        Raises RuntimeError where there are too many ways to say.
        """
        if len(self.groups) < 2 or not self.hidden:
            return []  # the totals are the one group
        # Of a group that could be shown by itself nobody minds.
        small = [name for name in self.hidden if not shows(self._life.table[name], SMALLEST)]
        cells = {(name, value) for name in small for value in self.totals}
        known = self._left_open(cells, self._changed([*self.groups]), self._is_there)
        ways = itertools.chain(self._changed(self.hidden), self._ways())
        return sorted(self._left_open(cells - known, ways, self._is_possible))

    def _left_open(
        self, cells: set[Cell], tables: Iterable[Table], possible: Callable[[Table], bool]
    ) -> set[Cell]:
        """Return the cells that have the same value in every table that is possible."""
        same = set(cells)
        for table in tables:
            if not same:
                break
            differing = [cell for cell in same if self._at(table, cell) != self._real(cell)]
            if differing and possible(table):
                same.difference_update(differing)
        return same

    @staticmethod
    def _at(table: Table, cell: Cell) -> int:
        return table[cell[0]].get(cell[1], 0)

    def _real(self, cell: Cell) -> int:
        return self._at(self._life.table, cell)

    def _is_there(self, table: Table) -> bool:
        """Tell whether so many members are there, and the attacker, and each group answered."""
        own = self._life.own
        return (own is None or self._at(table, own) > 0) and all(
            0 < sum(table[name].values()) <= self._life.members[name] for name in self.groups
        )

    def _is_possible(self, table: Table) -> bool:
        """Tell whether a table agrees with all that was seen and is known."""
        if not self._is_there(table):
            return False
        return not self.knows_rules or seen(table) == (self.totals, self.groups)

    def _changed(self, groups: list[str]) -> Iterator[Table]:
        """Yield the real table with one answer, or two, in another of some groups."""
        moves = [
            (one, other, value)
            for one, other in itertools.permutations(groups, 2)
            for value in self.totals
        ]
        for move in moves:
            if (table := self._moved(self._life.table, move)) is not None:
                yield table
        for first, second in itertools.combinations(moves, 2):
            table = self._moved(self._life.table, first)
            table = table and self._moved(table, second)
            if table is not None:
                yield table

    @staticmethod
    def _moved(table: Table, move: tuple[str, str, str]) -> Table | None:
        one, other, value = move
        if not table[one].get(value):
            return None
        found = {name: dict(counts) for name, counts in table.items()}
        found[one][value] -= 1
        found[other][value] = found[other].get(value, 0) + 1
        return found

    def _ways(self) -> Iterator[Table]:
        """Yield every way to part what is left among the hidden groups."""
        groups = len(self.hidden)
        ways = math.prod(math.comb(n + groups - 1, groups - 1) for n in self._left.values())
        if ways > MOST_WAYS:
            raise RuntimeError(f"{ways} ways are too many")
        shown = {name: dict(counts) for name, counts in self.groups.items() if counts is not None}
        parted = [[*_parts(n, groups)] for n in self._left.values()]
        for chosen in itertools.product(*parted):
            table = dict(shown)
            for at, name in enumerate(self.hidden):
                table[name] = {
                    value: part[at] for value, part in zip(self._left, chosen, strict=True)
                }
            yield table


def _parts(whole: int, groups: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to part a number among so many."""
    if groups == 1:
        yield (whole,)
        return
    for first in range(whole + 1):
        for rest in _parts(whole - first, groups - 1):
            yield (first, *rest)


def attack(rounds: int, seed: int, *, knows_rules: bool = False) -> Counter[str]:
    """Attack so many rounds by chance; return how many cells there were, hidden and recovered."""
    dice = random.Random(seed)
    found: Counter[str] = Counter()
    for number in range(rounds):
        life = lives(dice)
        if sum(map(sum, (counts.values() for counts in life.table.values()))) < SMALLEST:
            continue  # not even its totals are shown
        attacker = Attacker(life, knows_rules=knows_rules)
        found["rounds with hidden groups"] += bool(attacker.hidden)
        found["cells hidden"] += len(attacker.hidden) * len(attacker.totals)
        found["cells shown"] += (len(attacker.groups) - len(attacker.hidden)) * len(attacker.totals)
        try:
            cells = attacker.recovered()
        except RuntimeError as error:
            found["undecided"] += 1
            print(f"round {number}: {error}: {life}")  # noqa: T201
            continue
        if cells:
            found["cells recovered"] += len(cells)
            print(f"round {number}: {cells} of {life}")  # noqa: T201
    return found


def main() -> int:
    """Attack, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--knows-rules", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.rounds} rounds")  # noqa: T201
    found = attack(options.rounds, options.seed, knows_rules=options.knows_rules)
    for name in ("rounds with hidden groups", "cells shown", "cells hidden", "undecided",
                 "cells recovered"):  # fmt: skip
        print(f"{name}: {found[name]}")  # noqa: T201
    return 1 if found["cells recovered"] or found["undecided"] else 0


if __name__ == "__main__":
    sys.exit(main())
