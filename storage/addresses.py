"""Addresses: the ways to reach people, and everything a message from one needs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Tx

# "carrier": the person opted out at the carrier; only START from itself lifts it.
# "hidden": somebody of whom nothing is kept; `value` is a keyed hash.
State = Literal["ok", "dead", "blocked", "carrier", "group", "hidden"]


class Sender(NamedTuple):
    """Who wrote: an address, the person it belongs to, and the question they stand at.

    Ids of what there is none of are 0, texts "", instants (ms) 0. `dialog` is what the
    latest question that opened has become, `form` the body of its form, `lead` the platform
    that asks, `scratch` what the question keeps between tries. `waits` says that another
    question waits for its turn, `later` that another was opened after this one, `coming`
    that one has left of which it isn't known yet whether it was sent.
    """

    address_id: int
    channel: str
    value: str
    address_state: State
    address_stopped_at: int
    hour_at: int
    hour_replies: int
    day_at: int
    day_replies: int
    ticket_at: int
    member_id: int
    member_state: str
    alias: str
    language: str
    platform_id: int
    platform: str
    timezone: str
    type: str
    sector: str
    stopped_at: int
    round_id: int
    round_code: str
    form: str
    closes_at: int
    lead: str
    dialog: str
    question: int
    tries: int
    opened_at: int
    answered_at: int
    scratch: str
    waits: bool
    seen: bool
    later: bool
    coming: bool


class Phone(NamedTuple):
    """One address of a person; `came_from` is the member whose it was before they were one."""

    address_id: int
    channel: str
    value: str
    came_from: int | None


_ADD = sql(
    "INSERT INTO addresses (channel, value, created_at) VALUES (:channel, :value, :now)"
    " ON CONFLICT (channel, value) DO UPDATE SET value = addresses.value RETURNING id"
)
_LINK = sql(
    "INSERT INTO member_addresses (member_id, address_id, linked_at)"
    " VALUES (:member_id, :address_id, :now) ON CONFLICT DO NOTHING"
)
# Of several questions the latest sent, answered or not, since its echo says that a digit
# changes the answer. What was set by a form about the person isn't changed that way.
_RANK = "CASE WHEN x.state IN ('asked', 'open') OR y.closes_at > 0 THEN 0 ELSE 1 END"
_SENDER = sql(
    "SELECT a.id, a.channel, a.value, a.state, a.stopped_at, a.hour_at, a.hour_replies,"
    " a.day_at, a.day_replies, a.ticket_at,"
    " COALESCE(m.id, 0), COALESCE(m.state, ''), COALESCE(m.alias, ''),"
    " COALESCE(m.language, ''), COALESCE(m.platform_id, 0), COALESCE(p.name, ''),"
    " COALESCE(p.timezone, ''), COALESCE(m.type, ''), COALESCE(m.sector, ''),"
    " COALESCE(m.stopped_at, 0), COALESCE(d.round_id, 0), COALESCE(r.code, ''),"
    " COALESCE(f.body, ''), COALESCE(r.closes_at, 0), COALESCE(l.name, ''),"
    " COALESCE(d.state, ''),"
    " COALESCE(d.question, 0), COALESCE(d.tries, 0), COALESCE(d.opened_at, 0),"
    " COALESCE(d.answered_at, 0), COALESCE(d.scratch, ''),"
    " EXISTS (SELECT 1 FROM outbox o WHERE o.member_id = m.id"
    " AND o.status IN ('queued', 'held', 'sending', 'unknown')"
    " AND o.status = 'held' AND o.reason = 'turn'),"
    " EXISTS (SELECT 1 FROM inbound i WHERE i.channel = :channel AND i.key = :key),"
    " EXISTS (SELECT 1 FROM dialogs x JOIN rounds y ON y.id = x.round_id"
    " WHERE x.member_id = m.id AND x.round_id <> d.round_id AND y.state = 'open'"
    f" AND {_RANK} = 0 AND (x.opened_at > d.opened_at"
    " OR (x.opened_at = d.opened_at AND x.round_id > d.round_id))),"
    " EXISTS (SELECT 1 FROM outbox o WHERE o.member_id = m.id"
    " AND o.status IN ('queued', 'held', 'sending', 'unknown')"
    " AND (o.status IN ('sending', 'unknown') OR o.maybe_twice)"
    " AND o.kind > 0 AND o.question IS NOT NULL)"
    " FROM addresses a"
    " LEFT JOIN member_addresses ma ON ma.address_id = a.id"
    " LEFT JOIN members m ON m.id = ma.member_id"
    " LEFT JOIN platforms p ON p.id = m.platform_id"
    " LEFT JOIN dialogs d ON d.member_id = m.id AND d.round_id = ("
    "SELECT x.round_id FROM dialogs x JOIN rounds y ON y.id = x.round_id"
    " WHERE x.member_id = m.id AND y.state = 'open'"
    " AND (CAST(:round_id AS BIGINT) = 0 OR x.round_id = :round_id)"
    f" ORDER BY {_RANK}, x.opened_at DESC, x.round_id DESC"
    " LIMIT 1)"
    " LEFT JOIN rounds r ON r.id = d.round_id"
    " LEFT JOIN forms f ON f.id = r.form_id"
    " LEFT JOIN platforms l ON l.id = r.platform_id"
    " WHERE a.channel = :channel AND a.value = :value ORDER BY ma.member_id LIMIT 1"
)
_HEARD = sql(
    "UPDATE addresses SET worked_at = :now, hour_at = :hour_at, hour_replies = :hour_replies,"
    " day_at = :day_at, day_replies = :day_replies,"
    " state = CASE state WHEN 'dead' THEN 'ok' WHEN 'blocked' THEN 'ok' ELSE state END"
    " WHERE id = :id"
)
_ACKED = sql("UPDATE addresses SET ticket_at = :now WHERE id = :id")
_STOP = sql("UPDATE addresses SET stopped_at = :now WHERE id = :id AND stopped_at = 0")
_START = sql(
    "UPDATE addresses SET stopped_at = 0,"
    " state = CASE state WHEN 'carrier' THEN 'ok' ELSE state END WHERE id = :id"
)
# What the carrier stopped stays so: only START from itself lifts it.
_PUT_STATE = sql("UPDATE addresses SET state = :state WHERE id = :id AND state <> 'carrier'")
_HIDE = sql("UPDATE addresses SET value = :value, state = 'hidden', stopped_at = 0 WHERE id = :id")
_SHOW = sql("UPDATE addresses SET value = :value, state = 'ok' WHERE id = :id")
_VALUE = sql("SELECT channel, value FROM addresses WHERE id = :id")
_RENAME = sql(
    "UPDATE addresses SET value = :new WHERE channel = :channel AND value = :old AND NOT EXISTS"
    " (SELECT 1 FROM addresses x WHERE x.channel = :channel AND x.value = :new)"
)
_OF = sql(
    "SELECT a.id, a.channel, a.value FROM member_addresses ma"
    " JOIN addresses a ON a.id = ma.address_id WHERE ma.member_id = :member_id ORDER BY a.id"
)
_LINKED = sql(
    "SELECT a.id, a.channel, a.value, ma.came_from FROM member_addresses ma"
    " JOIN addresses a ON a.id = ma.address_id WHERE ma.member_id = :member_id"
    " ORDER BY ma.linked_at DESC, a.id DESC"
)
_OWNERS = sql("SELECT COUNT(*) FROM member_addresses WHERE address_id = :id")
_MISSES = sql("SELECT misses FROM addresses WHERE id = :id AND missed_at > :since")
_MISSED = sql(
    "UPDATE addresses SET misses = CASE WHEN missed_at > :since THEN misses + 1 ELSE 1 END,"
    " missed_at = CASE WHEN missed_at > :since THEN missed_at ELSE :now END WHERE id = :id"
)
# The address of `{member}` that last worked, of those that can be reached.
BEST = (
    "FROM member_addresses ma JOIN addresses a ON a.id = ma.address_id"
    " WHERE ma.member_id = {member} AND a.state = 'ok' AND a.stopped_at = 0"
    " ORDER BY a.worked_at DESC, a.id LIMIT 1"
)
_BEST = sql(f"SELECT a.id, a.channel {BEST.format(member=':member_id')}")
_KNOWN = sql("SELECT id FROM addresses WHERE channel = :channel AND value = :value")


async def sender(
    tx: Tx, channel: str, value: str, round_id: int = 0, key: str = ""
) -> Sender | None:
    """Return who an address is and where they stand, if the address is known.

    With a `round_id` (from a button) the question of that round, else the latest. With the
    hash of a message's key it also tells whether that message was here before.
    """
    row = await tx.row(_SENDER, channel=channel, value=value, round_id=round_id, key=key)
    return Sender._make(row) if row else None


async def add(tx: Tx, channel: str, value: str, now: int) -> int:
    """Add an address, or find it, and return its id."""
    row = await tx.row(_ADD, channel=channel, value=value, now=now)
    return int(row[0])  # type: ignore[index]


async def known(tx: Tx, channel: str, value: str) -> int | None:
    """Return the id of an address, if it is known."""
    row = await tx.row(_KNOWN, channel=channel, value=value)
    return int(row[0]) if row else None


async def link(tx: Tx, member_id: int, address_id: int, now: int) -> None:
    """Let an address belong to a person."""
    await tx.post(_LINK, member_id=member_id, address_id=address_id, now=now)


async def heard(
    tx: Tx,
    address_id: int,
    now: int,
    hour_at: int,
    hour_replies: int,
    day_at: int,
    day_replies: int,
) -> None:
    """Keep that an address wrote, so works, and how many automatic replies it has had."""
    await tx.post(
        _HEARD, id=address_id, now=now, hour_at=hour_at, hour_replies=hour_replies,
        day_at=day_at, day_replies=day_replies,
    )  # fmt: skip


async def acked(tx: Tx, address_id: int, now: int) -> None:
    """Keep when a free text of an address was last acknowledged."""
    await tx.post(_ACKED, id=address_id, now=now)


async def stop(tx: Tx, address_id: int, now: int) -> None:
    """Keep that this address asked us to stop."""
    await tx.post(_STOP, id=address_id, now=now)


async def start(tx: Tx, address_id: int) -> None:
    """Lift this address's STOP, the carrier's too, since it comes from itself."""
    await tx.post(_START, id=address_id)


async def put_state(tx: Tx, address_id: int, state: State) -> None:
    """Say whether an address can be reached."""
    await tx.post(_PUT_STATE, id=address_id, state=state)


def hidden(hash_: str) -> str:
    """Return what stands for the number of somebody of whom only a keyed hash is kept."""
    return f"#{hash_}"


async def hide(tx: Tx, address_id: int, hash_: str) -> None:
    """Let a keyed hash stand for an address; it goes on counting against loops."""
    await tx.run(_HIDE, id=address_id, value=hidden(hash_))


async def show(tx: Tx, address_id: int, value: str) -> None:
    """Keep an address again, whose person wants to hear from us after all."""
    await tx.run(_SHOW, id=address_id, value=value)


async def value(tx: Tx, address_id: int) -> tuple[str, str] | None:
    """Return the channel and value of an address."""
    row = await tx.row(_VALUE, id=address_id)
    return (row[0], row[1]) if row else None


async def of(tx: Tx, member_id: int) -> list[tuple[int, str, str]]:
    """Return the id, channel and value of each address of a person."""
    rows = await tx.rows(_OF, member_id=member_id)
    return [(int(row[0]), str(row[1]), str(row[2])) for row in rows]


async def linked(tx: Tx, member_id: int) -> list[Phone]:
    """Return each address of a person, the one that was linked last first."""
    return [Phone._make(row) for row in await tx.rows(_LINKED, member_id=member_id)]


async def owners(tx: Tx, address_id: int) -> int:
    """Return how many people an address belongs to."""
    [[found]] = await tx.rows(_OWNERS, id=address_id)
    return int(found)


async def misses(tx: Tx, address_id: int, since: int) -> int:
    """Return how many wrong codes an address has given since an instant, its first after it."""
    row = await tx.row(_MISSES, id=address_id, since=since)
    return int(row[0]) if row else 0


async def missed(tx: Tx, address_id: int, since: int, now: int) -> None:
    """Count a wrong code; those that began before `since` are forgotten."""
    await tx.post(_MISSED, id=address_id, since=since, now=now)


async def best(tx: Tx, member_id: int) -> tuple[int, str] | None:
    """Return the id and channel of the address by which a person is reached, if by any."""
    row = await tx.row(_BEST, member_id=member_id)
    return (int(row[0]), str(row[1])) if row else None


async def rename(tx: Tx, channel: str, old: str, new: str) -> None:
    """Follow a chat that was given another id, unless it is known by that one already."""
    await tx.post(_RENAME, channel=channel, old=old, new=new)
