"""Values as a day's work has them, for each parameter of each statement, over `history`.

A parameter that stands nowhere here has no realistic value, and fails the tests that ask for
one. So does a statement whose values find nothing: whoever adds one says what its values are.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from typing import TYPE_CHECKING

import storage
from storage import recipients
from storage.audience import All, And, Not, Or, Platform, Term, holds
from storage.batches import Batch
from tests.storage.history import DAY, NOW, last_batch, last_round

if TYPE_CHECKING:
    from storage.database import Engine

# Rooms that hold no statements of the daily work, with the reason.
LEFT_OUT = {
    "migrations": "Alembic's, once a release",
    "schema": "no statements",
    "moving": "reads and writes everything: that is its work",
    "releasing": "after a restore, by a coordinator, over all that is held",
    "restored": "as above",
    "postgres.units": "what the server knows of its own transactions",
    "postgres.migrating": "before anything else runs",
    "sqlite.carrying": "a restore, which looks at everything",
    "sqlite.replacing": "as above",
}
# Statements whose cost grows, with what and why.
_ROUND = "all of one round, as it closes"
_BATCH = "all of one batch, when a coordinator asks for it"
WHOLE = {
    "answers._COUNTS": "all of one round, when its result is asked for",
    "outbox._BLANK_NAMES": "the polls there have ever been, as somebody is erased",
    "answers._PEOPLE": "all of one round, when a coordinator is about to close it",
    "roles._HOLDERS": "all of one team, once a day at most",
    "tickets._WAITING_BELOW": "what waits for an answer, until enough is of these platforms",
    "answers._GROUPS[sector]": _ROUND,
    "answers._GROUPS[type]": _ROUND,
    "answers._KEEP_WHO": _ROUND,
    "answers._FORGET": _ROUND,
    "inbound._BLANK_ROUND": _ROUND,
    "outbox._BLANK_ROUND": _ROUND,
    "outbox._RELEASE_ROUND": _ROUND,
    "outbox._HALT": _BATCH,
    "outbox._EXTEND": _BATCH,
    "outbox._BY_STATUS": _BATCH,
    "outbox._HELD_BY": _BATCH,
    "claims._LAPSED": "all that is being sent: no more than twice what is in flight",
    "dialogs._ENDED": "the polls there have ever been: some hundreds a year",
    "rounds._LATELY": "the polls there have ever been: some hundreds a year",
    # Not here at all: recipients.reach, capped, types, stopped and people are put together for
    # a preview, and count a whole audience.
}
# Statements that find nothing in this history.
EMPTY = {
    "batches._LATEST": "this member has told nobody anything",
    "drafts._ACCEPTED": "nobody has accepted a draft",
    "tickets._CALL": "nobody asked to be called",
    "addresses._MISSES": "they guessed no code",
    "members._BLANK_SELVES": "they were never two",
    "merging._TAKE_BACK": "as above",
    "merging._ELSEWHERE": "they have had one phone",
    "merging._GIVE_WAY": "the two stand alike in the same polls",
    "merging._DIALOGS": "as above",
    "merging._ONE_OF_ELDER": "the younger has had nothing of what waits for the elder",
    "merging._ONE_RESULT": "no result waits",
    "merging._RESPONDENTS": "no poll they answered closed of late",
    "merging._ROLES": "they have none",
    "merging._BATCHES": "they have told nobody anything",
    "merging._ROUNDS": "as above",
    "outbox._BLANK_QUOTES": "they are no coordinator",
    "outbox._BLANK_TICKETS": "no coordinator was told of their question",
    "outbox._BLANK_TICKETS_OF": "as above",
    "outbox._PRUNE_TICKETS": "as above",
    "roles._REVOKE_ALL": "they have none",
    "claims._TOLD": "nobody of them was told anything of late",
    "dialogs._OPEN": "the question was answered long ago",
    "dialogs._BEGIN": "as above",
    "outbox._OVERDUE": "what is queued is in time",
    "outbox._STOP_ADDRESS": "no reply waits",
}

_STATEMENT = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|WITH) ")
# What is filled in later: `put_together` has it whole.
_OPEN = re.compile(r"\{[a-z_]+\}")
_PARAMETER = re.compile(r"(?<!:):([A-Za-z_]\w*)")
# What is done in chunks is done with so few at once.
_FEW = 100


def somebody(people: int) -> int:
    """Return a member for whom a question waits its turn."""
    return people - 998


def common(people: int) -> dict[str, object]:
    """Return the values that mean the same in every statement."""
    person = somebody(people)
    return {
        "member_id": person, "address_id": person, "round_id": last_round(people), "channel": "sms",
        "value": f"+1202555{1_000_000 + person}", "key": f"key{person}", "breakdown": "type",
        "batch_id": last_batch(people), "ticket_id": 50, "question": 0, "platform_id": 5,
        "organisation_id": 7,
        "now": NOW, "at": NOW, "since": NOW - DAY, "before": NOW - 30 * DAY, "until_at": NOW + DAY,
        "lease_until": NOW + DAY, "expires_at": NOW + DAY, "closes_at": NOW + DAY,
        "due_at": NOW, "opened_at": NOW, "answered_at": NOW, "hour_at": NOW, "day_at": NOW,
        "again_at": NOW + DAY, "month_at": 7, "hour_replies": 1, "day_replies": 1, "tries": 1,
        "now_us": NOW * 1000, "length_us": 1000, "wait_us": 1000, "lead_us": 1000,
        "furthest_us": 10**9, "pause": False, "segments": 1, "count": 1,
        "most": _FEW, "most_kind": 2, "after": 0, "last": 100, "cursor": people // 2 + 9,
        "by": 7, "act": "poll", "subject": "batch", "subject_id": 7, "hash": "h7",
        "reason": "stopped", "audience": "all", "texts": "{}", "solicited": False,
        "text": "words", "body": "{}", "name": "form", "privacy": "named",
        "language": "en", "kind": "text", "media": "", "choice": "", "choices": "",
        "error": "", "state": "done", "recipient": "", "scratch": "", "result": "[]",
        "version": "1", "how": "sms", "given_on": "", "alias": "M", "type": "donor",
        "sector": "civil", "level": "", "timezone": "", "code": "0000", "role": "support",
        "form_id": 7, "parent_id": 1, "name_key": "aid7", "low": "aid1", "high": "aid2",
        "old": f"+1202555{1_000_000 + person}", "new": "+12025550100", "number": 7,
        "picture": "", "edits": "", "maybe_twice": False, "open": "sent", "status": "delivered",
        "provider_id": f"SM{100000000000 + person}",
    }  # fmt: skip


def own(people: int) -> dict[str, dict[str, object]]:
    """Return the values that a room (`room.`) or a statement has for itself."""
    person = somebody(people)
    # Of the poll's questions: one whose member is not introduced, one failed, one sent.
    asked = 6 * people
    first, failed, sent = asked + 7, asked + 20, asked + 21
    # Of the broadcast under way: one that is being sent, the next is unknown, another queued.
    sending = (10 * people - people // 4) // 1000 * 1000 + 1000
    some = json.dumps([sending, sending + 1000])
    waits = 10 * people - 7

    def many(*values: object) -> str:
        return json.dumps([[sending + at, *values] for at in range(_FEW)])

    return {
        "addresses.": {"id": person, "state": "dead"},
        "addresses._ADD": {"value": "+12025550100"},
        "audit._COUNTED": {"since": NOW},
        "addresses._LINK": {"address_id": person + 1},
        "batches.": {"id": last_batch(people), "kind": "announcement", "state": "queueing"},
        "claims.": {"id": sending, "ids": some, "rows": many("en", "said", 1)},
        "claims._DEFER": {"id": sending + 1},
        "claims._GIVE_UP": {"id": sending + 1},
        "claims._DOUBTFUL": {"most": 1},
        "claims._LAPSED": {"now": NOW + sending + 1},
        "dialogs.": {"state": "open", "ids": json.dumps([*range(sent, sent + _FEW)])},
        "drafts.": {"digest": "d7"},
        "forms.": {"id": 7},
        "inbound.": {"id": people, "key": f"key{people + person}"},
        "inbound._ADD": {"key": "key new"},
        "inbound._POST": {"key": "key new"},
        "members.": {"id": person},
        "members._SETS[platform_id]": {"value": 5},
        "members._SETS[organisation_id]": {"value": 7},
        "merging.": {"elder": person - 1, "younger": person, "best": 1, "came_from": person},
        "merging._LEAVE": {"elder": person},
        "merging._TICKETS": {"younger": 50},
        "merging._TOLD": {"since": 0},
        "organisations.": {"id": 7},
        "outbox.": {"id": waits, "ids": json.dumps(list(range(waits, waits + 5)))},
        "outbox._BLANK_TICKETS": {"member_id": 50},
        "outbox._EXPIRE": {"most": 1},
        "outbox._NEXT_CHANNEL": {"behind": ""},
        "outbox._OVERDUE": {"kind": 1},
        "outbox._QUOTE": {"kind": 2},
        "outbox._RELEASE": {"most": 1},
        "pending.": {"id": 30, "address_id": 30},
        "platforms.": {"code": "p7", "id": 5},
        "platforms._ADD": {"code": "new"},
        "recipients.": {
            "id": last_batch(people), "before": people // 2, "state": "queueing",
        },
        "roles._OF": {"member_id": 999},
        "roles._REVOKE": {"member_id": 999, "platform_id": 2, "role": "coordinator"},
        "rounds.": {"id": last_round(people) - 1, "code": "P59", "since": NOW - 3 * DAY},
        "rounds._ADD": {"code": "P new"},
        "rounds._CODE": {"code": "P new"},
        "settling.": {
            "id": sending, "attempt": 1, "ids": json.dumps([first]),
            "rows": many(1, "SM1", 1, NOW),
        },
        "settling._ATTEMPT_RECEIPT": {"id": 140, "attempt": 0, "provider_id": "SF7"},
        "settling._LEFT_EARLIER": {"id": waits, "attempt": 0},
        "settling._MOVE_ON": {"id": failed},
        "settling._NEXT_ADDRESS": {"address_id": 1},
        "settling._RECEIPT": {"id": sent, "provider_id": f"SM{100000000000 + sent}"},
        "settling._TRY_AGAIN": {"id": failed, "until_at": 1},
        "tickets.": {"id": 50, "member_id": 50, "address_id": 50, "kind": "question",
                     "ids": "[50, 51]"},
        "tickets._ALERTED": {"text": "When?"},
        "tickets._OVERDUE": {"since": NOW, "most": 3},
    }  # fmt: skip


def values(name: str, text: str, people: int) -> dict[str, object]:
    """Return a statement's values. Raises KeyError for a parameter that has none."""
    room = name.rpartition(".")[0] + "."
    special = own(people)
    known = common(people) | special.get(room, {}) | special.get(name, {})
    return {parameter: known[parameter] for parameter in _PARAMETER.findall(text)}


def named(engine: Engine) -> dict[str, str]:
    """Return every statement that an engine runs day by day, by the name of its constant."""
    other = {"sqlite": "postgres", "postgresql": "sqlite"}[engine]
    found = {}
    for info in pkgutil.walk_packages(storage.__path__, "storage."):
        room = info.name.removeprefix("storage.")
        if room.split(".")[0] in {*LEFT_OUT, other} or room in LEFT_OUT:
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            if not isinstance(value, dict):
                texts = {"": value}
            elif engine in value:
                texts = {"": value[engine]}
            else:
                texts = value
            for key, text in texts.items():
                if isinstance(text, str) and _STATEMENT.match(text) and not _OPEN.search(text):
                    found[f"{room}.{name}{key and f'[{key}]'}"] = text
    return found


class Recorder:
    """A Tx that keeps what it is asked, so that SQL put together at a call can be read too."""

    def __init__(self, engine: Engine, people: int) -> None:
        self.engine = engine
        self.people = people
        self.said: list[tuple[str, dict[str, object]]] = []

    async def rows(self, statement: str, **values: object) -> list[tuple[int, ...]]:
        """Keep it; the last member has the highest number."""
        self.said.append((statement, values))
        return [(self.people,)]

    async def run(self, statement: str, **values: object) -> int:
        """Keep it."""
        self.said.append((statement, values))
        return 1


AUDIENCES = {
    "all": All(),
    "platform": Platform("p1"),
    "type": Term("type", "business"),
    "role": Term("role", "coordinator"),
    "org": Not(Term("org", "aid7")),
    "mixed": And((Or((Term("channel", "sms"), Platform("p7"))), Not(Term("lang", "fr")))),
}


async def put_together(engine: Engine, people: int) -> dict[str, tuple[str, dict[str, object]]]:
    """Return what is put together at a call, for a chunk of a batch and for one member."""
    found = {}
    for label, tree in AUDIENCES.items():
        for kind, before in (("announcement", 0), ("poll", 0), ("result", 2)):
            tx = Recorder(engine, people)
            batch = Batch(
                last_batch(people), kind, last_round(people) - before, None, label, {}, False,
                "queueing", people // 2 - 50, 0, 0, NOW + DAY, None,
            )  # fmt: skip
            await recipients.queue_chunk(tx, batch, tree, NOW, 100)
            found[f"recipients.queue_chunk {kind} {label}"] = tx.said[1]
        tx = Recorder(engine, people)
        await holds(tx, tree, people // 2 - 1)
        found[f"audience.holds {label}"] = tx.said[0]
    return found
