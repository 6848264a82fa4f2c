"""What always holds, looked at from outside: after each step, or now and then where it is dear."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from storage.instant import DAY, HOUR
from tests.chance.carriers import SMS
from tests.chance.story import Untrue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.chance.carriers import Letter
    from tests.chance.scene import Scene, Whose
    from tests.chance.story import Story

Truth = Callable[["Story"], Awaitable[None]]
ALWAYS: list[Truth] = []
SELDOM: list[Truth] = []
PER_DAY, PER_WEEK = 1, 2
QUIET = (20, 8)
STATE, STOPPED = 1, 10
ENDS = {"delivered", "cancelled", "stopped", "unreachable", "expired"}
ECHO = re.compile(r"We have: (?:\d+ )?(w\d+q\d+x)")
SKIPPED = "You skipped: "
# Where a last word is to go stands there until it has left; and of whom a helper was just about to
# sign up, for a quarter of an hour.
SPARED = {
    "outbox": "SELECT text, choices, reason, provider_id, said, CASE WHEN status IN ('queued',"
    " 'held', 'sending', 'unknown') THEN '' ELSE recipient END FROM outbox",
    "pending": "SELECT * FROM pending WHERE act <> 'enrol'",
}
# Who may do what others notice, by the act as it is audited.
MAY = {
    "announcement": {"coordinator", "secretariat"},
    "poll": {"coordinator", "secretariat", "facilitator"},
    "close": {"coordinator", "secretariat", "facilitator"},
    "extend": {"coordinator", "secretariat", "facilitator"},
    "halt": {"coordinator", "secretariat", "facilitator"},
    "reply": {"coordinator", "secretariat", "support"},
    "enrol": {"coordinator", "secretariat", "facilitator", "documenter"},
}


def always(run: Truth) -> Truth:
    """Look at this after each step."""
    ALWAYS.append(run)
    return run


def seldom(run: Truth) -> Truth:
    """Look at this now and then, and at the end."""
    SELDOM.append(run)
    return run


def _need(what: str, held: bool, detail: object = "") -> None:
    if not held:
        raise Untrue(what, detail)


# --- what left ---


@always
async def letters(story: Story) -> None:
    """What left in this step was to whom, when and as often as it may."""
    ledger = story.town.ledger
    fresh, story.heard = ledger.letters[story.heard :], len(ledger.letters)
    if not fresh:
        return
    rows = await _rows_of(story, {letter.row for letter in fresh})
    for letter in fresh:
        whose: Whose = (letter.channel, letter.to)
        story.buttons[whose] += [data for _, data in letter.buttons]
        row = rows.get(letter.row)
        story.log(f"   to {letter.to}: {letter.text[:150]!r}")
        if row is not None:
            _once(story, letter, row)
            if row["kind"] == 1:
                _seldom_enough(story, letter, row)


@always
async def handed(story: Story) -> None:
    """What was handed to a carrier in this step, taken or not, might be said then and to them."""
    ledger = story.town.ledger
    fresh, story.handed = ledger.handed[story.handed :], len(ledger.handed)
    if not fresh:
        return
    rows = await _rows_of(story, {letter.row for letter in fresh})
    for letter in fresh:
        row = rows.get(letter.row)
        if row is not None:
            _stopped(story, letter, row)
            if row["kind"]:
                _agreed(story, letter, row)
                _in_time(letter)
                _in_turn(story, letter, row)


async def _rows_of(story: Story, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    names = ("id", "kind", "member_id", "address_id", "batch_id", "round_id", "question", "status",
             "queued_at", "maybe_twice", "ticket_id")  # fmt: skip
    rows = await story.town.rows(
        f"SELECT {', '.join(names)} FROM outbox WHERE id IN ({', '.join(map(str, ids))})"
    )
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def _once(story: Story, letter: Letter, row: dict[str, Any]) -> None:
    """An attempt leaves once; another follows only where the first did not arrive, or in doubt."""
    taken = story.kept.setdefault("taken", defaultdict(list))[letter.row]
    _need("an attempt left twice", letter.attempt not in [a for a, _ in taken], letter)
    failed = story.kept.get("failed", set())
    in_doubt = [a for a, lost in taken if (letter.row, a) not in failed and not row["maybe_twice"]]
    _need("a message left twice", not in_doubt, letter)
    taken.append((letter.attempt, letter.lost))
    if row["batch_id"] and row["member_id"]:
        had = story.kept.setdefault("had", {})
        key = (row["batch_id"], row["member_id"])
        _need(
            "somebody got a broadcast twice", had.setdefault(key, letter.row) == letter.row, letter
        )


def _stopped(story: Story, letter: Letter, row: dict[str, Any]) -> None:
    """Nothing leaves to whoever has stopped, but what answers a message that came later."""
    at = story.before if letter.asked <= story.mark else story.after
    stopped = _stopped_at(story, (letter.channel, letter.to), at)
    if not stopped:
        return
    _need("a broadcast left after a STOP", row["kind"] == 0, letter)
    _need("an old reply left after a STOP", row["queued_at"] >= stopped, letter)


def _stopped_at(story: Story, whose: Whose, at: Scene) -> int:
    ids = {value: id_ for id_, value in at.values.items()}
    phone = at.tables["addresses"].get((ids.get(whose, 0),), (0, 0, ""))
    person = story.member(story.owner(whose, at), at)
    return max(phone[1], person[STOPPED] if person else 0)


def _agreed(story: Story, letter: Letter, row: dict[str, Any]) -> None:
    """Nobody who has not agreed is written to of our own accord, but with what they asked for."""
    if row["ticket_id"]:
        return
    person = story.member(row["member_id"] or 0)
    _need("a broadcast to nobody", bool(person), letter)
    _need("a broadcast without consent", person[STATE] in ("member", "merged", "erased"), letter)


def _in_time(letter: Letter) -> None:
    """Nothing that nobody has asked for comes at night."""
    hour = letter.at % DAY // HOUR
    _need("a broadcast in quiet hours", QUIET[1] <= hour < QUIET[0], letter)


def _seldom_enough(story: Story, letter: Letter, row: dict[str, Any]) -> None:
    """There is no more of it than is promised."""
    told = story.kept.setdefault("told", defaultdict(dict))[row["member_id"]]
    told.setdefault(letter.row, letter.at // DAY)
    failed = {row_ for row_, _ in story.kept.get("failed", ())}
    days = Counter(day for row_, day in told.items() if row_ not in failed)
    today = letter.at // DAY
    week = sum(count for day, count in days.items() if today - 7 < day <= today)
    _need("too many in a day", days[today] <= PER_DAY, (letter, dict(told)))
    _need("too many in a week", week <= PER_WEEK, (letter, dict(told)))


def _in_turn(story: Story, letter: Letter, row: dict[str, Any]) -> None:
    """By SMS the next question waits for an answer to the last, its close or a day."""
    if row["question"] is None or letter.channel != SMS:
        return
    asked = story.kept.setdefault("asked", {})
    before = asked.get(letter.to)
    asked[letter.to] = (row["round_id"], letter.at, row["member_id"])
    if before is None or before[0] == row["round_id"] or letter.at - before[1] >= DAY:
        return
    if before[2] != row["member_id"]:
        return
    round_ = story.after.tables["rounds"].get((before[0],))
    states = {
        at.tables["dialogs"].get((row["member_id"], before[0]), (0,) * 8)[4]
        for at in (story.before, story.after)
    }
    waits = bool(round_ and round_[1] == "open") and states <= {"asked", "open"}
    _need("two questions at once by SMS", not waits, (letter, before))


# --- what is kept ---


@always
async def statuses(story: Story) -> None:
    """A row's status only goes forward within an attempt, and an end is an end."""
    known = story.kept.setdefault("statuses", {})
    rows = await story.town.rows(
        "SELECT id, status, attempt FROM outbox WHERE settled_at = 0 OR settled_at >= :since"
        " OR id > :last",
        since=story.kept.get("looked", 0), last=max(known, default=0),
    )  # fmt: skip
    story.kept["looked"] = story.town.at
    doubtful = []
    for id_, status, attempt in rows:
        was, at = known.get(id_, (status, attempt))
        _need("an end was none", was not in ENDS or was == status, (id_, was, status))
        _need("an attempt went back", attempt >= at, (id_, at, attempt))
        if was == "sent" and attempt == at and status in ("held", "sending", "unknown"):
            doubtful.append((id_, was, status))
        known[id_] = (status, attempt)
    _need("a status went back", not doubtful, doubtful)


@always
async def stops(story: Story) -> None:
    """A STOP stops at once, and nothing undoes it but a START, or being forgotten."""
    whose, sense = story.whose, story.sense
    if whose is not None and sense == "stop":
        ids = {value: id_ for id_, value in story.after.values.items()}
        known = story.owner(whose) or whose in ids
        bars = {row[1] for row in story.after.tables["barred"].values()}
        held = _stopped_at(story, whose, story.after) or "stopped" in bars or not known
        _need("a STOP did not stop", bool(held), whose)
        story.kept.setdefault("stops", {})
    if whose is not None and sense == "start":
        _need("a START did not start", not _stopped_at(story, whose, story.after), whose)
    for key, person in story.before.tables["members"].items():
        now = story.after.tables["members"].get(key, person)
        # Whoever parts is as the person is of whom they were a part.
        here = {person[STATE], now[STATE]} <= {"member", "joining"}
        freed = here and person[STOPPED] and not now[STOPPED]
        if freed:
            theirs = whose in story.phones_of(key[0]) | story.phones_of(key[0], story.before)
            _need("a STOP was undone", theirs and story.sense == "start", (key, whose))


@always
async def pending(story: Story) -> None:
    """A confirmation ends at the third wrong code."""
    for row in story.after.tables["pending"].values():
        _need("too many tries", row[5] <= 2, row)


@always
async def roles(story: Story) -> None:
    """Whoever does what others notice holds a role that may."""
    for act, by, _, _ in story.since.acts:
        if act not in MAY or by is None:
            continue
        held = {role for _, role in story.roles(by, story.before)}
        _need("an act without a role", bool(held & MAY[act]), (act, by, held))


@always
async def closed(story: Story) -> None:
    """What a closed round has counted stays as it is."""
    for key, row in story.before.tables["rounds"].items():
        now = story.after.tables["rounds"].get(key)
        if row[1] == "closed":
            _need("a closed round changed", now == row, (row, now))


@always
async def echoes(story: Story) -> None:
    """What people were told that we have of them is remembered, to be compared."""
    said: dict[tuple[str, int], tuple[int, str]] = story.kept.setdefault("said", {})
    _follow(story, said)
    if story.whose is None:
        return
    member_id = story.owner(story.whose)
    for _, _, _, text in story.since.replies:
        for poll in story.polls:
            found = ECHO.search(text)
            if poll.word in text and found and found[1] in poll.words:
                said[poll.word, member_id] = (story.number, str(poll.words.index(found[1]) + 1))
            elif poll.word in text and text.startswith(SKIPPED):
                said[poll.word, member_id] = (story.number, "")


def _follow(story: Story, said: dict[tuple[str, int], tuple[int, str]]) -> None:
    """Let what was said of somebody be of whom they have become, or of nobody."""
    for key, now in story.after.tables["members"].items():
        was = story.before.tables["members"].get(key)
        if was is None or was[STATE] == now[STATE]:
            continue
        theirs = [(word, who) for word, who in said if who == key[0]]
        for word, who in theirs:
            if not story.kept.get(f"closed {word}"):
                told = said.pop((word, who))
                if now[STATE] == "merged":
                    elder = min(
                        (story.owner(w) for w in story.phones_of(who, story.before)), default=0
                    )
                    said[word, elder] = max(told, said.get((word, elder), (0, "")))


@always
async def tallies(story: Story) -> None:
    """What is kept of a poll is what everybody was told last, and so is its result."""
    said = story.kept.get("said", {})
    texts = {row[0]: (row[1], row[2], row[3]) for row in await _polls(story)}
    for poll in story.polls:
        found = next((i for i, (text, _, _) in texts.items() if poll.word in text), 0)
        if not found or story.kept.get(f"closed {poll.word}"):
            continue
        _, state, result = texts[found]
        wanted = {who: v for (word, who), (_, v) in said.items() if word == poll.word and v}
        if state == "open":
            answers = story.after.tables["answers"]
            kept = {key[0]: row[3] for key, row in answers.items() if key[1] == found}
            _need("an answer is not what was told", kept == wanted, (found, kept, wanted))
            continue
        story.kept[f"closed {poll.word}"] = True
        shown = json.loads(result)[0]
        _need("a result does not count all", shown["answers"] == len(wanted), (shown, wanted))
        hidden = poll.anonymous and len(wanted) < 5
        _need("a small figure shows", not (hidden and shown["counts"]), shown)
        if shown["counts"]:
            counts = {value: n for value, n in shown["counts"].items() if n}
            _need("a result counts wrong", counts == Counter(wanted.values()), (shown, wanted))
        for name, counts in shown["groups"].items():
            small = poll.anonymous and counts and sum(counts.values()) < 5
            _need("a small group shows", not small, (name, counts))


async def _polls(story: Story) -> list[tuple[Any, ...]]:
    return await story.town.rows(
        "SELECT r.id, f.body, r.state, r.result FROM rounds r JOIN forms f ON f.id = r.form_id"
        " WHERE r.closes_at > 0"
    )


# --- the dear ones ---


@seldom
async def anonymous(story: Story) -> None:
    """Of a closed anonymous round nothing tells who chose what."""
    town = story.town
    left = await town.rows(
        "SELECT r.id FROM rounds r JOIN forms f ON f.id = r.form_id JOIN answers a ON"
        " a.round_id = r.id WHERE r.state = 'closed' AND f.privacy = 'anonymous'"
    )
    _need("answers outlive their round", not left, left)
    told = await town.rows(
        "SELECT i.id FROM inbound i JOIN rounds r ON r.id = i.round_id JOIN forms f ON"
        " f.id = r.form_id WHERE r.state = 'closed' AND f.privacy = 'anonymous'"
        " AND i.at < r.closed_at AND (i.text <> '' OR i.choice <> '')"
    )
    _need("an answer's words outlive their round", not told, told)
    echoes_ = await town.rows(
        "SELECT id, text FROM outbox WHERE kind = 0 AND text LIKE '%We have:%'"
    )
    for poll in story.polls:
        if poll.anonymous and story.kept.get(f"closed {poll.word}"):
            found = [row for row in echoes_ if any(word in row[1] for word in poll.words)]
            _need("an echo outlives its round", not found, found)


@seldom
async def erased(story: Story) -> None:
    """Of whoever was erased neither number nor words are anywhere."""
    if not story.gone:
        return
    for table in await story.town.tables():
        rows = await story.town.rows(SPARED.get(table, f"SELECT * FROM {table}"))
        text = "\n".join(str(row) for row in rows)
        for word in story.gone:
            if word in text:
                found = [row for row in rows if word in str(row)]
                raise Untrue("something outlives an ERASE", (word, table, found))


@always
async def forgets(story: Story) -> None:
    """Who is erased in this step must be found nowhere from now on, until they write again."""
    for key, now in story.after.tables["members"].items():
        was = story.before.tables["members"].get(key)
        if was is not None and was[STATE] != "erased" and now[STATE] == "erased":
            for whose in story.phones_of(key[0], story.before):
                story.gone[whose[1]] = whose
                for word in story.words.pop(whose, ()):
                    story.gone[word] = whose


@seldom
async def audit(story: Story) -> None:
    """The audit only grows."""
    rows = await story.town.rows("SELECT * FROM audit ORDER BY id")
    before = story.kept.get("audit", [])
    _need("the audit changed", rows[: len(before)] == before)
    story.kept["audit"] = rows


@seldom
async def waits(story: Story) -> None:
    """Each person has one row of a broadcast that waits or left, and a broadcast its audience."""
    twice = await story.town.rows(
        "SELECT batch_id, member_id FROM outbox WHERE batch_id IS NOT NULL AND status IN"
        " ('queued', 'held', 'sending', 'unknown') GROUP BY 1, 2 HAVING COUNT(*) > 1"
    )
    _need("somebody waits for a broadcast twice", not twice, twice)
