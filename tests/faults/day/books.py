"""The books of a day: the audit of every run, by an alliance with manners and several polls."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from tests.faults.audit import TABLES, Audit
from tests.faults.ledger import read
from tests.faults.people import GOODBYE, has

if TYPE_CHECKING:
    from tests.faults.audit import Row
    from tests.faults.day.people import Poll
    from tests.faults.day.world import Day
    from tests.faults.people import Person

MORE = {
    "batches": "SELECT id, kind, texts, state, round_id FROM batches ORDER BY id",
    "waiting": "SELECT id, reason, until_at FROM outbox WHERE status = 'held'",
    "rounds": "SELECT id, code, state FROM rounds",
}
# What an alliance's manners let wait until the morning.
MANNERS = ("quiet", "cap")
ARRIVED = ("sent", "delivered", "undelivered")


class Books(Audit):
    """See Audit; people join, leave and come back, and some messages wait for the morning."""

    _world: Day

    def __init__(self, world: Day, entries: list[Any], tables: dict[str, list[Any]]) -> None:
        super().__init__(world, entries, tables)
        self._people = {(p.channel, p.address): p for p in world.people.all}
        self._waiting = {row[0]: (row[1], row[2]) for row in tables["waiting"]}
        said = self._of("said")
        self._left = {e["person"] for e in said if e["text"] == "STOP"}
        self._answers = [
            e for e in said if e["answer"] and (e["channel"], e["key"]) in self._accepted
        ]

    def _sms_status(self, row: Row, *books: Any) -> None:
        if not self._is_held(row):
            super()._sms_status(row, *books)

    def _telegram_status(self, row: Row, by_id: Any) -> None:
        if row.reason == "answered" and row.maybe_twice:
            if not self._was_asked(row):
                self._say(f"row {row.id} by telegram is {row.status}, and was never taken")
        elif not self._is_held(row):
            super()._telegram_status(row, by_id)

    def _was_asked(self, row: Row) -> bool:
        """Tell whether a question came whose answer came before what became of it was known."""
        person = self._person(row)
        return any(
            poll.question in entry["text"]
            for entry in self._taken
            for poll in self._world.people.polls
            if entry["person"] == person
        )

    def _is_held(self, row: Row) -> bool:
        """Tell whether a row rightly waits for the morning, and has not left."""
        if row.status != "held" or not row.batch:
            return False
        reason, until = self._waiting[row.id]
        if reason not in MANNERS or until < self._world.ends:
            self._say(f"row {row.id} is held ({reason}) when the day is over")
        if row.channel == "sms" and (row.id, row.attempt) in self._by_attempt:
            self._say(f"row {row.id} is held and was taken")
        self.facts["held"] = self.facts.get("held", 0) + 1
        return True

    def _person(self, row: Row) -> int | None:
        found = self._people.get((row.channel, row.address or ""))
        return found.id if found else None

    # --- broadcasts ---

    def _everybody(self) -> None:
        """Nobody is missed, or told twice: members by each broadcast, respondents by a result."""
        have: dict[int, Counter[int | None]] = defaultdict(Counter)
        for row in self._rows:
            if row.batch:
                have[row.batch][row.member] += 1
        for number, kind, _, state, round_id in self._tables["batches"]:
            for member, times in have[number].items():
                if times > 1:
                    self._say(f"member {member} has {times} rows of broadcast {number}")
            if kind == "result":
                self._respondents(number, round_id)
            elif state == "queued":
                for person in filter(self._is_meant, self._world.people.all):
                    self._check(have[number][person.id], 1, f"rows of {person.id} in {number}")
        self._arrived()

    def _is_meant(self, person: Person) -> bool:
        """Tell whether somebody was a willing member all day long."""
        willing = person.id not in self._left and person.nature in ("usual", "off")
        return person.is_member and willing

    def _arrived(self) -> None:
        halted = {row[0] for row in self._tables["batches"] if row[3] == "halted"}
        meant = {p.id for p in self._world.people.all if self._is_meant(p)}
        for row in self._rows:
            if not row.batch or self._person(row) not in meant or row.status in ARRIVED:
                continue
            if row.status != "held" and not self._is_needless(row, halted):
                self._say(f"row {row.id} of broadcast {row.batch} is {row.status} ({row.reason})")

    def _is_needless(self, row: Row, halted: set[int]) -> bool:
        """Tell whether a row was rightly called off: halted, or a question they had answered.

        It had reached them, and its sender was ended before it knew.
        """
        answered = {entry["person"] for entry in self._answers}
        if row.reason == "answered":
            return self._person(row) in answered
        return row.status == "cancelled" and row.batch in halted

    def _respondents(self, number: int, round_id: int) -> None:
        """The result went to those who answered, and had not left by then."""
        codes = {row[0]: row[1] for row in self._tables["rounds"]}
        polls = {code: number for number, code in self._world.codes.items()}
        wanted = set(self._last(self._poll(polls[codes[round_id]]))) - self._left
        found = {self._person(row) for row in self._rows if row.batch == number}
        self._check(found - self._left, wanted, f"people who heard the result {number}")

    def _poll(self, number: int) -> Poll:
        return self._world.people.polls[number - 1]

    # --- polls ---

    def _last(self, poll: Poll) -> dict[int, int]:
        """Return everybody's last answer to a poll, by person."""
        digits = {poll.answer(digit): digit for digit in range(1, len(poll.options) + 1)}
        return {e["person"]: digits[e["answer"]] for e in self._answers if e["answer"] in digits}

    def _totals(self) -> None:
        """Each poll's totals are everybody's last answers to it."""
        for number, shown in self._world.results.items():
            poll = self._poll(number)
            last = self._last(poll)
            counts = Counter(last.values())
            self._check(shown["answers"], len(last), f"answers to poll {number}")
            for at, option in enumerate(shown["options"], 1):
                self._check(option["count"], counts[at], f"answers {poll.options[at - 1]!r}")
            self.facts[f"answers_{number}"] = len(last)

    # --- leaving, and coming back ---

    def _stopped(self) -> None:
        """Whoever said STOP heard of it, and nothing after, unless they came back."""
        confirmed: dict[int, int] = {}
        away: set[int] = set()
        for entry in self._entries:
            person = entry.get("person")
            if entry["what"] == "said" and entry["text"] == "START":
                away.discard(person)
            elif entry["what"] == "taken" and has(entry["text"], GOODBYE):
                confirmed.setdefault(person, entry["n"])
                away.add(person)
            elif entry["what"] == "taken" and person in away:
                self._say(f"person {person} got a message after their STOP was confirmed")
        stops = {
            e["person"]
            for e in self._of("said")
            if e["text"] == "STOP" and (e["channel"], e["key"]) in self._accepted
        }
        self._check(set(confirmed), stops, "people whose STOP was confirmed")


async def books(world: Day) -> Books:
    """Compare a day's ledger with its database."""
    tables = {
        name: [tuple(row) for row in await world.place.rows(statement)]
        for name, statement in (TABLES | MORE).items()
    }
    found = Books(world, read(world.ledger.path), tables)
    found.all()
    return found
