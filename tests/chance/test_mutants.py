"""Mutants: which mistakes are made, and that a mistaken program runs the mistake."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from tests.chance.mutants import ROOT, all_mutants
from tests.chance.operators import mutants, mutated
from tests.chance.swapping import Swap

pytestmark = pytest.mark.sqlite_only

SOURCE = '''
from typing import TYPE_CHECKING
LIMIT = 3
NAME = "n"
if TYPE_CHECKING:
    LIMIT = 4
def f(a: int = 1, *, b: "str" = "x") -> int:
    """Say something."""
    if a < LIMIT and not b:
        g(a + 1)
    return a if b == "x" else 0
'''


def test_each_mistake_is_made_once() -> None:
    """Operators, constants, results and calls are mistaken; docstrings, types and defaults not."""
    found = mutants("x.py", SOURCE)
    assert sorted((m.what, m.was, m.is_) for m in found) == sorted([
        ("constant", "3", "4"),
        ("compared", "a < LIMIT", "a <= LIMIT"),
        ("not left out", "not b", "b"),
        ("joined", "a < LIMIT and (not b)", "a < LIMIT or not b"),
        ("constant", "1", "2"),
        ("reckoned", "a + 1", "a - 1"),
        ("left out", "g(a + 1)", "pass"),
        ("compared", "b == 'x'", "b != 'x'"),
        ("constant", "'x'", "'XXx'"),
        ("constant", "0", "1"),
        ("turned", "a if b == 'x' else 0", "0 if b == 'x' else a"),
        ("returns None", "return a if b == 'x' else 0", "return None"),
    ])  # fmt: skip


def test_a_mutant_differs_in_one_place() -> None:
    """The code of a mutant has its one mistake."""
    [wanted] = [m for m in mutants("x.py", SOURCE) if m.what == "compared" and "LIMIT" in m.was]
    space: dict[str, object] = {"g": lambda _: None}
    exec(mutated(wanted, SOURCE, Path("x.py")), space)  # noqa: S102  it is the code above
    assert space["LIMIT"] == 3


def test_all_mutants_can_be_compiled() -> None:
    """Whatever is mistaken in the program's files is still Python, each told from the others."""
    found = all_mutants(["storage/audience.py", "handlers/dialog/text.py"])
    keys = [mutant.key for mutant, _ in found]
    assert len(keys) == len(set(keys)) > 100
    for mutant, source in found[::10]:
        ast.parse(source)
        mutated(mutant, source, ROOT / mutant.file)


def test_the_mistake_is_what_runs() -> None:
    """Where a mutant is put in place, what calls the function finds its mistake."""
    from handlers.dialog import text  # noqa: PLC0415  it is mistaken in a copy of this process

    found = [
        (m, s) for m, s in all_mutants(["handlers/dialog/text.py"])
        if m.function == "fold" and m.what == "returns None"
    ]  # fmt: skip
    assert text.fold("ABC") == "abc"
    pid = os.fork()
    if not pid:
        code = 1
        try:
            placed = Swap(ROOT).put(*found[0])
            code = 0 if placed and text.fold("ABC") is None else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
