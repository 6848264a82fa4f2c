"""The audit: the providers' ledger, which nothing of ours wrote, against what the database says."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.faults.ledger import read
from tests.faults.people import ECHO, GOODBYE, OPTIONS, QUESTION, has

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.ledger import Entry
    from tests.faults.world import World

# Seconds within which what was in flight at a fault may have been: its answer was on the way,
# or waited to be settled.
IN_FLIGHT = 2.0
FINAL = {"delivered": 2, "undelivered": 2, "sent": 1}
NOTHING_LEFT = ("stopped", "expired", "cancelled", "unreachable")
# What makes the database, or a server, forget what was answered just before.
BREAKS = ("kill", "power", "freeze", "thaw", "away", "full", "read_only", "clock")

ROWS = (
    "SELECT o.id, o.batch_id, o.kind, o.member_id, o.address_id, a.value AS address, o.channel,"
    " o.status, o.reason, o.attempt, o.provider_id, o.maybe_twice, o.text, o.recipient"
    " FROM outbox o LEFT JOIN addresses a ON a.id = o.address_id ORDER BY o.id"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the outbox."""

    id: int
    batch: int | None
    kind: int
    member: int | None
    address_id: int | None
    address: str | None
    channel: str
    status: str
    reason: str
    attempt: int
    provider_id: str
    maybe_twice: bool
    text: str
    recipient: str


class Audit:
    """One run's books, compared. `wrong` says what does not agree, `facts` counts what was seen."""

    def __init__(self, world: World, entries: list[Entry], tables: dict[str, list[Any]]) -> None:
        self._world = world
        self._entries = entries
        self._rows = [Row(*row) for row in tables["outbox"]]
        self._tables = tables
        self._taken = self._of("taken")
        self._accepted = {(e["channel"], e["key"]) for e in self._of("accepted")}
        self.wrong: list[str] = []
        self.facts: dict[str, int] = {}

    def _of(self, *what: str) -> list[Entry]:
        return [entry for entry in self._entries if entry["what"] in what]

    def all(self) -> None:
        """Compare everything."""
        self._inbound()
        self._replies()
        self._statuses()
        self._sms_once()
        self._telegram_once()
        self._everybody()
        self._totals()
        self._stopped()
        self._strangers()
        self._acts()
        self._count()

    def _say(self, what: str) -> None:
        self.wrong.append(what)

    def _check(self, found: Any, expected: Any, what: str) -> None:
        if found != expected:
            self._say(f"{what}: {found} where the ledger has {expected}")

    # --- what came in ---

    def _inbound(self) -> None:
        """Every message that was answered 200 is there once, and was handled."""
        kept = self._tables["inbound"]
        by_channel = Counter(row[0] for row in kept)
        taken = Counter(channel for channel, _ in self._accepted)
        said = Counter(entry["channel"] for entry in self._of("said"))
        for channel in self._world.carriers:
            self._check(by_channel[channel], taken[channel], f"inbound by {channel}")
            self._check(said[channel], taken[channel], f"accepted of what was said by {channel}")
        for row in kept:
            if row[1] != "done":
                self._say(f"an inbound message is {row[1]}: {row[2]}")

    def _replies(self) -> None:
        """Every message had its one reply: the echo of an answer, or what was asked for."""
        wanted: Counter[int] = Counter()
        for entry in self._of("said"):
            if (entry["channel"], entry["key"]) in self._accepted:
                wanted[entry["person"]] += 1
        found: Counter[int] = Counter()
        ids = {(p.channel, p.address): p.id for p in self._world.people.all}
        for row in self._rows:
            if row.kind == 0 and row.address is not None:
                found[ids[row.channel, row.address]] += 1
        for person in set(wanted) | set(found):
            if not self._world.people.all[person - 1].is_member:
                continue
            self._check(found[person], wanted[person], f"replies to person {person}")

    # --- what went out ---

    def _statuses(self) -> None:
        """Each row's status is what the provider said of its last attempt, and nothing else."""
        self._by_attempt = {
            (e["row"], e["attempt"]): e for e in self._taken if e["channel"] == "sms"
        }
        told: dict[str, list[Entry]] = defaultdict(list)
        for entry in self._of("told"):
            told[entry["id"]].append(entry)
        refused = {(e["row"], e["attempt"]): e["code"] for e in self._of("refused")}
        by_id = {(e["channel"], e["id"]): e for e in self._taken}
        for row in self._rows:
            if row.channel == "telegram":
                self._telegram_status(row, by_id)
            else:
                self._sms_status(row, told, refused, by_id)

    def _sms_status(
        self,
        row: Row,
        told: dict[str, list[Entry]],
        refused: dict[tuple[int, int], int],
        by_id: dict[tuple[str, str], Entry],
    ) -> None:
        if row.reason == "earlier attempt":
            taken = [e for (at, _), e in self._by_attempt.items() if at == row.id]
        else:
            found = self._by_attempt.get((row.id, row.attempt))
            taken = [found] if found else []
        if row.provider_id and ("sms", row.provider_id) not in by_id:
            self._say(f"row {row.id} has a provider's id that there is not")
        if row.status in NOTHING_LEFT or (not taken and row.status == "failed"):
            arrived = [e for e in taken if self._best(told[e["id"]]) != "undelivered"]
            if arrived and row.status != "failed":
                self._say(f"row {row.id} is {row.status} and was taken")
            if row.status in ("failed", "stopped") and row.attempt:
                code = refused.get((row.id, row.attempt))
                if row.status == "failed" and str(code) != row.reason:
                    self._say(f"row {row.id} failed for {row.reason!r}, refused was {code}")
            return
        if not taken:
            self._say(f"row {row.id} is {row.status} ({row.reason}), and was never taken")
            return
        expected = self._best(e for entry in taken for e in told[entry["id"]])
        if row.status != expected:
            self._say(f"row {row.id} is {row.status} ({row.reason}), its receipts say {expected}")
        if row.provider_id and row.provider_id not in {e["id"] for e in taken}:
            self._say(f"row {row.id} has the id of another message")

    @staticmethod
    def _best(told: Iterable[Entry]) -> str:
        """Return the status that receipts come to: sent where there are none."""
        best = "sent"
        for entry in told:
            if FINAL.get(entry["status"], 0) > FINAL[best]:
                best = entry["status"]
        return best

    def _telegram_status(self, row: Row, by_id: dict[tuple[str, str], Entry]) -> None:
        if row.status in NOTHING_LEFT:
            return
        if row.status != "sent":
            self._say(f"row {row.id} by telegram is {row.status} ({row.reason})")
            return
        if row.reason == "answered" and row.maybe_twice and not row.provider_id:
            # It was in doubt until its question was answered: that it came is known, not its id.
            asked = [e for e in self._taken if QUESTION in e["text"]]
            if self._person(row) not in {e["person"] for e in asked}:
                self._say(f"row {row.id} by telegram is sent, and was never taken")
            return
        entry = by_id.get(("telegram", row.provider_id))
        if entry is None:
            self._say(f"row {row.id} by telegram is sent, and was never taken")
        elif self._person(row) not in (entry["person"], None):
            self._say(f"row {row.id} has the id of a message to somebody else")

    def _person(self, row: Row) -> int | None:
        for person in self._world.people.all:
            if (person.channel, person.address) == (row.channel, row.address):
                return person.id
        return None

    def _sms_once(self) -> None:
        """No row was taken twice, but after the carrier had said that it did not arrive."""
        undelivered = {e["id"] for e in self._of("told") if e["status"] == "undelivered"}
        arrived = Counter(
            e["row"] for e in self._taken if e["channel"] == "sms" and e["id"] not in undelivered
        )
        doubled = {row: times for row, times in arrived.items() if times > 1}
        self.facts["sms_doubled"] = len(doubled)
        for row, times in doubled.items():
            self._say(f"row {row} was sent {times} times: {self._story(row)}")

    def _story(self, row: int) -> str:
        return ", ".join(
            f"{e['what']} {e['attempt']} {e.get('mood', '')} {e['at']:.3f}"
            for e in self._entries
            if e.get("row") == row
        )

    def _telegram_once(self) -> None:
        """What came twice was in flight at a fault, or had no good answer, and is marked so."""
        ours = {row.provider_id for row in self._rows if row.channel == "telegram"}
        marks: Counter[tuple[int | None]] = Counter()
        for row in self._rows:
            if row.channel == "telegram" and row.maybe_twice:
                marks[(self._person(row),)] += max(row.attempt - 1, 1)
        faults = [e["at"] for e in self._of("fault") if e["kind"] in BREAKS]
        extras = [e for e in self._taken if e["channel"] == "telegram" and e["id"] not in ours]
        self.facts["telegram_twice"] = len(extras)
        self.facts["marked"] = sum(row.maybe_twice for row in self._rows)
        for person, times in Counter((e["person"],) for e in extras).items():
            if times > marks[person]:
                self._say(f"person {person[0]} got {times} more by telegram, not marked")
        for entry in extras:
            near = any(-IN_FLIGHT < at - entry["at"] < IN_FLIGHT for at in faults)
            if entry["mood"] == "well" and not near:
                self._say(f"a message by telegram came twice without a cause at {entry['at']}")

    def _everybody(self) -> None:
        """Nobody is missed: every member has one row of every broadcast that was due."""
        batches = {row[0]: row for row in self._tables["batches"]}
        stopped = {e["person"] for e in self._of("said") if e["text"] == "STOP"}
        have: Counter[tuple[int, int | None]] = Counter(
            (row.batch, row.member) for row in self._rows if row.batch
        )
        for (batch, member), times in have.items():
            if times > 1:
                self._say(f"member {member} has {times} rows of broadcast {batch}")
        for person in self._world.people.all:
            unwilling = person.id in stopped or person.nature in ("refuses", "dead", "landline")
            if person.is_member and not unwilling:
                for batch in batches:
                    self._check(have[batch, person.id], 1, f"rows of {person.id} in {batch}")
        usual = {p.id for p in self._world.people.all if p.nature == "usual"} - stopped
        for row in self._rows:
            lost = row.status not in ("sent", "delivered", "undelivered")
            if row.batch and row.member in usual and lost:
                self._say(f"row {row.id} of member {row.member} is {row.status} ({row.reason})")

    # --- what it comes to ---

    def _totals(self) -> None:
        """The poll's totals are everybody's last answers."""
        last: dict[int, int] = {}
        for entry in self._of("said"):
            if entry["answer"] and (entry["channel"], entry["key"]) in self._accepted:
                last[entry["person"]] = entry["answer"]
        counts = Counter(last.values())
        shown = self._world.shown
        if not shown:
            return
        self._check(shown["answers"], len(last), "answers")
        for at, option in enumerate(shown["options"], 1):
            self._check(option["count"], counts[at], f"answers {OPTIONS[at - 1]!r}")
        self.facts["answers"] = len(last)

    def _stopped(self) -> None:
        """Whoever said STOP heard of it, and nothing after."""
        confirmed: dict[int, int] = {}
        for entry in self._taken:
            person = entry["person"]
            if has(entry["text"], GOODBYE):
                confirmed.setdefault(person, entry["n"])
            elif person in confirmed and not self._is_late_echo(entry):
                self._say(f"person {person} got a message after their STOP was confirmed")
        stops = {
            e["person"]
            for e in self._of("said")
            if e["text"] == "STOP" and (e["channel"], e["key"]) in self._accepted
        }
        self._check(set(confirmed), stops, "people whose STOP was confirmed")

    def _is_late_echo(self, entry: Entry) -> bool:
        """Tell whether this answers what came before a STOP by a clock that was ahead then."""
        return self._world.plan.kind == "clock" and has(entry["text"], ECHO)

    def _strangers(self) -> None:
        """Whoever agreed is a member, once."""
        members = Counter(row[0] for row in self._tables["members"])
        known = sum(p.is_member or p.agreed for p in self._world.people.all)
        self._check(members["member"], known, "members")
        if len(set(self._tables["addresses"])) != len(self._tables["addresses"]):
            self._say("an address is there twice")

    def _acts(self) -> None:
        """What was announced by the command line is there once, or not at all where it failed."""
        texts = Counter(
            entry["text"]
            for row in self._tables["batches"]
            for entry in self._of("announced")
            if entry["text"] in row[2]
        )
        acts = Counter(row[0] for row in self._tables["audit"])
        batches = Counter(row[1] for row in self._tables["batches"])
        self._check(acts["announcement"], batches["announcement"], "announcements in the audit")
        self._check(acts["poll"], batches["poll"], "polls in the audit")
        for entry in self._of("announced"):
            least = 0 if entry["code"] else 1
            if not least <= texts[entry["text"]] <= 1:
                self._say(f"{texts[entry['text']]} broadcasts where one exited {entry['code']}")

    def _count(self) -> None:
        self.facts |= {
            "people": len(self._world.people.all),
            "taken": len(self._taken),
            "accepted": len(self._accepted),
            "rows": len(self._rows),
        }


TABLES = {
    "outbox": ROWS,
    "inbound": "SELECT channel, state, error FROM inbound",
    "batches": "SELECT id, kind, texts FROM batches",
    "members": "SELECT state FROM members",
    "addresses": "SELECT channel || ' ' || value FROM addresses",
    "audit": "SELECT act FROM audit",
}


async def audit(world: World) -> Audit:
    """Compare a run's ledger with its database."""
    tables = {
        name: [tuple(row) for row in await world.place.rows(statement)]
        for name, statement in TABLES.items()
    }
    found = Audit(world, read(world.ledger.path), tables)
    found.all()
    return found


async def keep(world: World) -> None:
    """Write what the database says into the run's folder, to be looked at."""
    tables = ("outbox", "attempts", "inbound", "dialogs", "answers", "batches", "pace", "audit")
    with (world.folder / "tables").open("w", encoding="utf-8") as file:
        for table in tables:
            for row in await world.place.rows(f"SELECT * FROM {table}"):
                file.write(f"{table} {tuple(row)}\n")
