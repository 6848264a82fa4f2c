"""Putting a mutant's code in the place of the code that runs, within one process."""

from __future__ import annotations

import ast
import functools
import gc
import sys
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from tests.chance.operators import mutated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chance.operators import Mutant

OURS = ("bot", "handlers", "scheduler", "storage")


class Swap:
    """Knows every function there is by its code. Made before mutants are put in place."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._functions: dict[tuple[str, str, int], list[FunctionType]] = {}
        self._caches: list[Any] = []
        wrapper = type(functools.lru_cache(lambda: None))
        for found in gc.get_objects():
            if isinstance(found, FunctionType) and str(found.__module__).startswith(OURS):
                code = found.__code__
                key = (code.co_filename, code.co_qualname, code.co_firstlineno)
                self._functions.setdefault(key, []).append(found)
            elif isinstance(found, wrapper) and str(found.__module__).startswith(OURS):
                self._caches.append(found)

    def put(self, mutant: Mutant, source: str) -> bool:
        """Put a mutant in place; False where nothing that runs is of its code."""
        path = self._root / mutant.file
        code = mutated(mutant, source, path)
        placed = self._code(mutant, code, str(path)) if mutant.function else _value(mutant, code)
        for cache in self._caches:
            cache.cache_clear()
        return placed

    def _code(self, mutant: Mutant, code: CodeType, path: str) -> bool:
        """Let the functions that hold the mistake run the new code."""
        placed = False
        for part in _within(code):
            for found in self._functions.get((path, part.co_qualname, part.co_firstlineno), ()):
                if found.__code__ != part and len(found.__code__.co_freevars) == len(
                    part.co_freevars
                ):
                    found.__code__ = part
                    placed = True
        return placed


def _within(code: CodeType) -> Iterator[CodeType]:
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield part
            yield from _within(part)


def _value(mutant: Mutant, code: CodeType) -> bool:
    """Give a name of a module another number, wherever it has been imported to."""
    module = _module(mutant.file)
    if module is None or "=" in mutant.was:
        return False
    before = ast.literal_eval(mutant.was)
    after = ast.literal_eval(mutant.is_)
    names = [
        name for name, value in vars(module).items()
        if type(value) is type(before) and value == before and name.upper() == name
        and _line(module, name) == mutant.line
    ]  # fmt: skip
    for name in names:
        for other in list(sys.modules.values()):
            ours = isinstance(other, ModuleType) and str(other.__name__).startswith(OURS)
            if ours and vars(other).get(name) is vars(module)[name] and other is not module:
                setattr(other, name, after)
        setattr(module, name, after)
    return bool(names)


def _module(file: str) -> ModuleType | None:
    return sys.modules.get(file.removesuffix(".py").replace("/", "."))


@functools.cache
def _lines(file: str) -> dict[str, int]:
    with open(file, encoding="utf-8") as source:  # noqa: PTH123  a module says where it lies
        tree = ast.parse(source.read())
    return {
        target.id: node.lineno
        for node in tree.body if isinstance(node, ast.Assign)
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip


def _line(module: ModuleType, name: str) -> int:
    return _lines(str(module.__file__)).get(name, 0)
