"""Mutants: small mistakes put into a file's functions, one at a time, and into its numbers."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
RECKONED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult, ast.Mod: ast.FloorDiv, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
JOINED: dict[type[ast.boolop], type[ast.boolop]] = {ast.And: ast.Or, ast.Or: ast.And}
Function = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: the which of its file it is, where, in what function ("" in none), and what.

    `statement` is the line on which its statement begins. It is the `nth` of those in its function
    that look alike.
    """

    file: str
    number: int
    line: int
    function: str
    what: str
    was: str
    is_: str
    statement: int
    nth: int = 1

    @property
    def key(self) -> str:
        """What tells it from others, whatever is changed elsewhere in the file."""
        return f"{self.file} {self.function} {self.what} {self.was} => {self.is_} #{self.nth}"


class _Mutator(ast.NodeTransformer):
    """Finds every mistake that can be made, and makes the one that is `wanted`, if any."""

    def __init__(self, file: str, wanted: int | None = None) -> None:
        self.file = file
        self.wanted = wanted
        self.found: list[Mutant] = []
        self._names: list[str] = []
        self._inside = 0
        self._statement = 0

    def visit(self, node: ast.AST) -> Any:
        """Remember where the present statement begins."""
        if isinstance(node, ast.stmt):
            self._statement = node.lineno
        return super().visit(node)

    # --- what is passed over ---

    def visit_If(self, node: ast.If) -> Any:
        """Pass over what is for the types alone."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """Look into a class's methods, not at its fields."""
        self._names.append(node.name)
        node.body = [self.visit(part) if isinstance(part, Function) else part for part in node.body]
        self._names.pop()
        return node

    def visit_FunctionDef(self, node: Any) -> Any:
        """Look at what a function does: not its decorators, annotations or docstring."""
        self._names.append(node.name)
        self._inside += 1
        documented = ast.get_docstring(node, clean=False) is not None
        head, body = (node.body[:1], node.body[1:]) if documented else ([], node.body)
        visited = [self.visit(part) for part in body]
        node.body = head + [part for part in visited if part is not None]
        self._inside -= 1
        self._names.pop()
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  ast's own name

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Look at the value alone."""
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        """Outside a function look at numbers that have a name; inside at any value."""
        if self._inside:
            node.value = self.visit(node.value)
            return node
        named = isinstance(node.targets[0], ast.Name)
        if named and isinstance(node.value, ast.Constant) and _is_number(node.value.value):
            node.value = self._number(node.value)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        """Look at what is put into a text, not at the text."""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                part.value = self.visit(part.value)
        return node

    def visit_Raise(self, node: ast.Raise) -> Any:
        """Leave it out; what it says of itself is left alone."""
        return self._may(node, ast.copy_location(ast.Pass(), node), "left out")

    # --- what is mistaken ---

    def _may(self, node: Any, instead: Any, what: str) -> Any:
        number, function = len(self.found), ".".join(self._names)
        was, is_ = ("", "") if self.wanted is not None else map(ast.unparse, (node, instead))
        line = node.lineno
        statement = line if isinstance(node, ast.stmt) else self._statement
        self.found.append(Mutant(self.file, number, line, function, what, was, is_, statement))
        return ast.copy_location(instead, node) if number == self.wanted else node

    def visit_Expr(self, node: ast.Expr) -> Any:
        """Leave out what is done for its effect."""
        node.value = self.visit(node.value)
        if self._inside and isinstance(node.value, ast.Call | ast.Await):
            return self._may(node, ast.Pass(), "left out")
        return node

    def visit_Return(self, node: ast.Return) -> Any:
        """Return nothing."""
        if node.value is None:
            return node
        node.value = self.visit(node.value)
        if isinstance(node.value, ast.Constant):
            return node  # None is as good as False, and another constant is tried anyway
        return self._may(node, ast.Return(ast.Constant(None)), "returns None")

    def visit_Compare(self, node: ast.Compare) -> Any:
        """Compare otherwise."""
        self.generic_visit(node)
        for at, op in enumerate(node.ops):
            if other := COMPARED.get(type(op)):
                changed = copy.copy(node)
                changed.ops = [*node.ops[:at], other(), *node.ops[at + 1 :]]
                if (result := self._may(node, changed, "compared")) is not node:
                    return result
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """Take and for or."""
        self.generic_visit(node)
        return self._may(node, ast.BoolOp(JOINED[type(node.op)](), node.values), "joined")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """Leave out a not, or a minus."""
        self.generic_visit(node)
        return self._may(node, node.operand, "not left out")

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """Reckon otherwise."""
        self.generic_visit(node)
        if other := RECKONED.get(type(node.op)):
            return self._may(node, ast.BinOp(node.left, other(), node.right), "reckoned")
        return node

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        """Take the one for the other."""
        self.generic_visit(node)
        return self._may(node, ast.IfExp(node.test, node.orelse, node.body), "turned")

    def visit_Constant(self, node: ast.Constant) -> Any:
        """Take another constant."""
        if not self._inside:
            return node
        match node.value:
            case bool():
                return self._may(node, ast.Constant(not node.value), "constant")
            case str():
                return self._may(node, ast.Constant(f"XX{node.value}"), "constant")
        return self._number(node) if _is_number(node.value) else node

    def _number(self, node: ast.Constant) -> Any:
        value: Any = node.value
        return self._may(node, ast.Constant(value + 1), "constant")

    def visit_Break(self, node: ast.Break) -> Any:
        """Go on."""
        return self._may(node, ast.Continue(), "goes on")

    def visit_Continue(self, node: ast.Continue) -> Any:
        """End."""
        return self._may(node, ast.Break(), "ends")

    def visit_match_case(self, node: ast.match_case) -> Any:
        """Look at what a case does, not at what it matches."""
        if node.guard is not None:
            node.guard = self.visit(node.guard)
        node.body = [part for each in node.body if (part := self.visit(each)) is not None]
        return node


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def mutants(file: str, source: str) -> list[Mutant]:
    """Return every mutant of a file."""
    mutator = _Mutator(file)
    mutator.visit(ast.parse(source))
    times: Counter[str] = Counter()
    found = []
    for mutant in mutator.found:
        times[mutant.key] += 1
        found.append(replace(mutant, nth=times[mutant.key]))
    return found


def mutated(mutant: Mutant, source: str, path: Path) -> Any:
    """Return the code of a file with one mistake in it."""
    tree = _Mutator(mutant.file, mutant.number).visit(ast.parse(source))
    return compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)
