"""What is kept at one moment of everybody, and whose it is: the outside view of storage."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from storage.database import Tx
    from tests.chance.town import Town

# (channel, number or chat).
Whose = tuple[str, str]

MEMBER = (
    "id, state, alias, name, platform_id, type, sector, organisation_id, language, joined_at,"
    " stopped_at, asked_again"
)
ADDRESS = "id, stopped_at, CASE WHEN state IN ('carrier', 'hidden') THEN state ELSE '' END"
# What is shown of an open round stands for a while, and changes with whoever looks.
ROUND = "id, state, closes_at, CASE WHEN state = 'closed' THEN result ELSE '' END, form_id"
# What may change by what somebody writes: table, the columns of its key, the others.
WATCHED = (
    ("members", 1, MEMBER),
    ("addresses", 1, ADDRESS),
    ("member_addresses", 2, "address_id, member_id"),
    ("consents", 1, "id, member_id"),
    ("roles", 3, "member_id, platform_id, role"),
    ("rounds", 1, ROUND),
    ("answers", 3, "member_id, round_id, question, value, at"),
    ("dialogs", 2, "member_id, round_id, address_id, question, state, tries, answered_at, scratch"),
    ("pending", 1, "address_id, id, act, code, body, tries"),
    ("batches", 1, "id, state, round_id, created_by"),
    ("barred", 1, "hash, reason"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effect:
    """One row that came, went or changed; `before` or `after` is None where it was not there."""

    table: str
    key: tuple[Any, ...]
    before: tuple[Any, ...] | None
    after: tuple[Any, ...] | None

    def __str__(self) -> str:
        """Say what became what."""
        return f"{self.table} {self.key}: {self.before} -> {self.after}"


@dataclass(slots=True)
class Scene:
    """All that is watched, by table and key, and where the growing tables end."""

    tables: dict[str, dict[tuple[Any, ...], tuple[Any, ...]]] = field(default_factory=dict)
    values: dict[int, Whose] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)

    def effects(self, later: Scene) -> Iterator[Effect]:
        """Return what has changed by a later moment."""
        for table, rows in self.tables.items():
            now = later.tables[table]
            for key in rows.keys() | now.keys():
                before, after = rows.get(key), now.get(key)
                if before != after and not _is_new_address(table, before, after):
                    yield Effect(table, key, before, after)

    def owners(self) -> dict[int, set[int]]:
        """Return the members of each address."""
        found: dict[int, set[int]] = defaultdict(set)
        for address_id, member_id in self.tables["member_addresses"]:
            found[address_id].add(member_id)
        return found

    def addresses(self, hidden: Callable[[str, str], str]) -> Callable[[Whose], int]:
        """Return how the id of an address is found, also of one that is hidden; 0 for none."""
        ids = {whose: id_ for id_, whose in self.values.items()}

        def find(whose: Whose) -> int:
            return ids.get(whose) or ids.get((whose[0], hidden(*whose)), 0)

        return find


def _is_new_address(table: str, before: Any, after: Any) -> bool:
    """Tell whether nothing but that somebody wrote is told by an address."""
    return table == "addresses" and before is None and after is not None and not any(after[1:])


async def scene(town: Town) -> Scene:
    """Return what is kept now."""

    async def unit(tx: Tx) -> Scene:
        found = Scene()
        for table, keys, columns in WATCHED:
            rows = [tuple(row) for row in await tx.rows(f"SELECT {columns} FROM {table}")]
            found.tables[table] = {row[:keys]: row for row in rows}
        for row in await tx.rows("SELECT id, channel, value FROM addresses"):
            found.values[row[0]] = (row[1], row[2])
        for table in ("inbound", "outbox", "audit"):
            [[found.ends[table]]] = await tx.rows(f"SELECT COALESCE(MAX(id), 0) FROM {table}")
        return found

    return await town.look(unit)


@dataclass(frozen=True, slots=True)
class Since:
    """What the growing tables have had added since a moment."""

    inbound: list[tuple[Any, ...]]
    replies: list[tuple[Any, ...]]
    acts: list[tuple[Any, ...]]


async def since(town: Town, before: Scene) -> Since:
    """Return the messages, replies and audited acts since a moment."""

    async def unit(tx: Tx) -> Since:
        ends = before.ends
        return Since(
            _tuples(await tx.rows(
                "SELECT channel, address_id, state, error, text FROM inbound WHERE id > :id",
                id=ends["inbound"])),
            _tuples(await tx.rows(
                "SELECT channel, address_id, recipient, text FROM outbox"
                " WHERE id > :id AND kind = 0",
                id=ends["outbox"])),
            _tuples(await tx.rows(
                "SELECT act, by_member_id, subject, subject_id FROM audit WHERE id > :id",
                id=ends["audit"])),
        )  # fmt: skip

    return await town.look(unit)


def _tuples(rows: Iterable[Any]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in rows]
