"""The audience expression, such as `nima and not (type:donor or lang:fr)`: parsed and printed.

Pure: whether what it names exists is for those who have a database.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, assert_never, get_args

from handlers.dialog.text import INVISIBLE, fold
from storage.audience import All, And, Audience, Field, Not, Or, Platform, Term
from storage.errors import BadAudience

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 2_000
MOST_TERMS = 200
DEEPEST = 50

_FIELDS: dict[str, Field] = {field: field for field in get_args(Field)}
_KEYWORDS = {"and", "or", "not", "all"}
_BARE = re.compile(r'[^\s()":,;\\]+')
_TOKEN = re.compile(
    rf'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<bare>{_BARE.pattern})|(?P<sign>\S)|(?P<end>$))',
    re.DOTALL,
)
# One sign for one, so that places in the text stay the same.
_TIDY = dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"), '"') | dict.fromkeys(
    INVISIBLE, " "
)


def parse(text: str) -> Audience:
    """Read an expression; an empty one is everybody. Raises BadAudience, saying where."""
    if len(text) > LONGEST:
        raise BadAudience(f"The audience is too long: {LONGEST:,} characters at most.")
    parser = _Parser(text)
    if parser.token.kind == "end":
        return All()
    tree = parser.alternatives(0)
    if parser.token.kind != "end":
        raise parser.error()
    if len(show(tree)) > LONGEST:  # what is kept as text must be readable again
        raise BadAudience("The audience is too long: use shorter names.")
    return tree


def split(text: str) -> tuple[str, str]:
    """Part `audience: text` at the first colon that does not belong to a term.

    Raises BadAudience where there is none.
    """
    parser = _Parser(text)
    while parser.token.kind != ":":
        if parser.token.kind == "end":
            raise BadAudience("Write a colon between the audience and the text.")
        is_field = parser.token.value.casefold() in _FIELDS
        parser.step()
        if is_field and parser.token.kind == ":":
            parser.step()
            parser.step()
    return text[: parser.token.at].strip(), text[parser.token.at + 1 :].strip()


class _Token(NamedTuple):
    """A piece of the text; its kind is bare, quoted, end, a keyword or the sign itself."""

    kind: str
    value: str
    at: int


class _Parser:
    """Walks the text once, one token ahead: or < and < not < brackets and names."""

    def __init__(self, text: str) -> None:
        self._text = text.translate(_TIDY)
        self._end = 0
        self._terms = 0
        self.step()

    def step(self) -> None:
        """Go to the next token; the last is always an end."""
        found = _TOKEN.match(self._text, self._end)
        assert found is not None  # noqa: S101  # any sign matches, and so does the end
        kind = found.lastgroup or "end"
        self._end = found.end()
        value = found[kind].casefold()
        is_word = kind == "sign" or (kind == "bare" and value in _KEYWORDS)
        self.token = _Token(value if is_word else kind, found[kind], found.start(kind))

    def error(self, hint: str = "") -> BadAudience:
        """Return what to raise where the present token does not fit."""
        rest = " ".join(self._text[self.token.at :].split())
        if not rest:
            return BadAudience("I can't read the audience: something is missing at its end.")
        shown = rest if len(rest) <= 24 else rest[:21] + "..."
        return BadAudience(f"I can't read the audience at '{shown}'{hint}")

    def alternatives(self, depth: int) -> Audience:
        """Read parts with `or` between them."""
        parts = self._parts("or", lambda: self._both(depth))
        return parts[0] if len(parts) == 1 else Or(parts)

    def _both(self, depth: int) -> Audience:
        parts = self._parts("and", lambda: self._one(depth))
        return parts[0] if len(parts) == 1 else And(parts)

    def _parts(self, word: str, read: Callable[[], Audience]) -> tuple[Audience, ...]:
        parts = [read()]
        while self.token.kind == word:
            self.step()
            parts.append(read())
        return tuple(parts)

    def _one(self, depth: int) -> Audience:
        if depth > DEEPEST:
            raise BadAudience(f"The audience is nested too deeply: {DEEPEST} brackets at most.")
        kind = self.token.kind
        if kind == "not":
            self.step()
            return Not(self._one(depth + 1))
        if kind != "(":
            return self._name()
        self.step()
        tree = self.alternatives(depth + 1)
        if self.token.kind != ")":
            raise self.error()
        self.step()
        return tree

    def _name(self) -> Audience:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise BadAudience(f"The audience has too many parts: {MOST_TERMS} at most.")
        first = self.token
        if first.kind == "all":
            self.step()
            return All()
        if first.kind not in {"bare", "quoted"}:
            raise self.error()
        word = self._value()
        if first.kind == "quoted" or self.token.kind != ":":
            return Platform(word)
        field = _FIELDS.get(word)
        if field is None:
            self.token = first
            raise self.error(f". A term begins with {':, '.join(_FIELDS)}:")
        self.step()
        return Term(field, self._value(field))

    def _value(self, field: Field | None = None) -> str:
        """Take a value, bare or quoted; after a colon a keyword is one too."""
        kind, value, _ = self.token
        if kind == "quoted":
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        key = _key(value, field)
        if not key or kind not in {"bare", "quoted", *_KEYWORDS}:
            raise self.error()
        self.step()
        return key


def _key(value: str, field: Field | None = None) -> str:
    """Return a value as the database has it: codes in lower case, organisations' keys folded."""
    return fold(value) if field == "org" else " ".join(value.casefold().split())


def show(tree: Audience) -> str:
    """Return the canonical text of a tree, which parses to an equal one."""
    match tree:
        case All():
            return "all"
        case Platform(code):
            return _shown(code, reserved=code in _KEYWORDS or code in _FIELDS)
        case Term(field, value):
            return f"{field}:{_shown(value)}"
        case Not(part):
            return f"not {_bracketed(part)}"
        case And(parts):
            return " and ".join(map(_bracketed, parts)) or "all"
        case Or(parts):
            shown = (show(part) if isinstance(part, And) else _bracketed(part) for part in parts)
            return " or ".join(shown) or "not all"
        case never:
            assert_never(never)


def _bracketed(tree: Audience) -> str:
    return f"({show(tree)})" if isinstance(tree, And | Or) else show(tree)


def _shown(value: str, *, reserved: bool = False) -> str:
    if _BARE.fullmatch(value) and not reserved:
        return value
    escaped = re.sub(r'(["\\])', r"\\\1", value)
    return f'"{escaped}"'
