"""A CSV file of people to enrol, read and checked; it touches no storage.

What is wrong with a line is told without its number, of which three digits are shown at most.
"""

from __future__ import annotations

import csv
import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.numbers import e164, is_in
from handlers.dialog.text import ascii_digits, clean, fold
from handlers.enrol import Line
from storage.errors import BadInput, BadNumber

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

COLUMNS = ("phone", "consent", "name", "platform", "type", "organisation", "language")
REQUIRED = COLUMNS[:2]
LONGEST_NAME = 80
YES = "yes"


@dataclass(frozen=True, slots=True)
class Known:
    """What a line may name. `platforms` are ids by code, `platform_id` where none is named."""

    country: str
    countries: tuple[str, ...]
    platforms: Mapping[str, int]
    platform_id: int | None
    types: Sequence[str]
    languages: Sequence[str]


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that can't be used, and why."""

    number: int
    why: str
    cells: Sequence[str]


@dataclass(slots=True)
class Roster:
    """What a file holds. `twice` are lines whose number an earlier line has: (line, earlier)."""

    header: Sequence[str]
    delimiter: str
    lines: list[Line] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    twice: list[tuple[int, int]] = field(default_factory=list)


def read(file: Path, known: Known) -> Roster:
    """Read a whole file: UTF-8, parted by commas or semicolons, its first line the header.

    Raises BadInput where it can't be read as such a file at all; OSError.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            first = handle.readline()
            delimiter = ";" if first.count(";") > first.count(",") else ","
            handle.seek(0)
            return _read(csv.reader(handle, delimiter=delimiter, strict=True), delimiter, known)
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8 text: save it as CSV in UTF-8") from None


def _read(reader: Iterator[list[str]], delimiter: str, known: Known) -> Roster:
    records = _numbered(reader)
    _, header = next(records, (1, []))
    columns = _columns(header)
    roster = Roster(header, delimiter)
    earlier: dict[str, int] = {}
    for number, cells in records:
        if not any(cell.strip() for cell in cells):
            continue
        row = dict(zip(columns, cells, strict=False))
        try:
            line = _line(row, cells[len(columns) :], known)
        except BadInput as error:
            roster.bad.append(Bad(number, f"{_tail(row.get('phone', ''))}{error}", cells))
            continue
        if line.phone in earlier:
            roster.twice.append((number, earlier[line.phone]))
        else:
            earlier[line.phone] = number
            roster.lines.append(line)
    return roster


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it begins on. Raises BadInput."""
    begins = 1
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1  # type: ignore[attr-defined]
    except csv.Error as error:
        raise BadInput(f"line {begins} can't be read as CSV: {error}") from None


def _columns(header: Sequence[str]) -> list[str]:
    """Return the names of the columns. Raises BadInput for a missing or an unknown one."""
    columns = [" ".join(cell.lower().split()) for cell in header]
    while columns and not columns[-1]:
        columns.pop()
    for place, name in enumerate(columns, 1):
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, 1, 0.0)[0]
            # a file without its first line: what stands there may be a person's
            shown = f"{name!r}" if re.fullmatch(r"[a-z _-]{1,30}", name) else f"number {place}"
            raise BadInput(
                f"there is no column {shown}; the nearest is {near!r}. The first line names the"
                f" columns: {', '.join(COLUMNS)}"
            )
    for name in COLUMNS:
        if columns.count(name) > 1:
            raise BadInput(f"the column {name!r} is there twice")
        if name in REQUIRED and name not in columns:
            raise BadInput(f"the column {name!r} is missing; {', '.join(REQUIRED)} are needed")
    return columns


def _line(row: Mapping[str, str], beyond: Sequence[str], known: Known) -> Line:
    """Return one person to enrol. Raises BadInput."""
    if any(cell.strip() for cell in beyond):
        raise BadInput("it has more cells than the first line")
    cells = {name: " ".join(clean(cell).split()) for name, cell in row.items()}
    phone = _phone(cells.get("phone", ""), known)
    if fold(cells.get("consent", "")) != YES:
        raise BadInput(f"consent is not {YES!r}")
    platform = _one_of(cells, "platform", list(known.platforms))
    return Line(
        phone=phone,
        name=_short(cells, "name"),
        platform_id=known.platforms[platform] if platform else known.platform_id,
        type=_one_of(cells, "type", known.types),
        organisation=_short(cells, "organisation"),
        language=_one_of(cells, "language", known.languages) or known.languages[0],
    )


def _phone(text: str, known: Known) -> str:
    if not text:
        raise BadNumber("there is no phone number")
    phone = e164(text, known.country)
    if not is_in(phone, known.countries):
        raise BadNumber(f"the number is not one of {', '.join(known.countries)}")
    return phone


def _short(cells: Mapping[str, str], name: str) -> str:
    text = cells.get(name, "")
    if len(text) > LONGEST_NAME:
        raise BadInput(f"{name} is longer than {LONGEST_NAME} characters")
    return text


def _one_of(cells: Mapping[str, str], name: str, known: Sequence[str]) -> str:
    """Return the known code that a cell names, "" for an empty one. Raises BadInput."""
    text = cells.get(name, "").casefold()
    found = next((code for code in known if code.casefold() == text), "")
    if text and not found:
        near = difflib.get_close_matches(text, known, 1, 0.0)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise BadInput(f"there is no such {name}{hint}")
    return found


def _tail(phone: str) -> str:
    digits = re.sub(r"\D", "", ascii_digits(phone))
    return f"(...{digits[-3:]}) " if len(digits) > 5 else ""
