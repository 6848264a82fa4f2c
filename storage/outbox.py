"""The outbox: every message that leaves, each one row with its own status.

`claims` says what is being sent, `settling` what became of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from storage.database import GATE, OUTBOX, sql, sql_among, sql_chosen

if TYPE_CHECKING:
    from storage.database import Row, Tx

Status = Literal[
    "queued", "held", "sending", "unknown", "sent", "delivered", "undelivered", "failed",
    "expired", "stopped", "unreachable", "cancelled",
]  # fmt: skip

REPLY, TOLD, SOLICITED = 0, 1, 2
DEEPEST = 10_000

# As ix_outbox_waiting has it: a query that says so word for word is served by that index.
WAITING = "status IN ('queued', 'held', 'sending', 'unknown')"

_REPLY = sql(
    "INSERT INTO outbox (kind, member_id, address_id, recipient, channel, text, choices,"
    " language, round_id, question, picture, edits, ticket_id, queued_at, expires_at) VALUES (0,"
    " :member_id, :address_id, :recipient, :channel, :text, :choices, :language, :round_id,"
    " :question, :picture, :edits, :ticket_id, :now, :expires_at)"
)
_QUOTE = sql(
    "INSERT INTO outbox (kind, member_id, address_id, channel, text, language, ticket_id,"
    " queued_at, expires_at) VALUES (:kind, :member_id, :address_id, :channel, :text, :language,"
    " :ticket_id, :now, :expires_at)"
)
_RELEASE = sql_chosen(
    "UPDATE outbox SET status = 'queued', until_at = 0 WHERE id IN [SELECT id FROM outbox"
    " WHERE status = 'held' AND until_at <= :now AND reason <> 'restored'"
    " ORDER BY until_at LIMIT :most]"
)
_RELEASE_TURN = sql(
    "UPDATE outbox SET status = 'queued', until_at = 0 WHERE member_id = :member_id"
    f" AND {WAITING} AND status = 'held' AND reason = 'turn'"
)
_RELEASE_ROUND = sql(
    "UPDATE outbox SET status = 'queued', until_at = 0 WHERE status = 'held' AND reason = 'turn'"
    " AND member_id IN (SELECT d.member_id FROM dialogs d WHERE d.round_id = :round_id)"
)
# A row is never held for longer than its time to live: so it is found by `until_at`. Only what
# a restore holds may be: where its time was extended it goes on waiting for a coordinator.
_EXPIRE = sql_chosen(
    "UPDATE outbox SET status = 'expired', settled_at = :now, recipient = '' WHERE id IN ["
    "SELECT id FROM outbox WHERE status = 'held' AND until_at <= :now AND expires_at <= :now"
    " LIMIT :most]"
)
# Only what nobody sends stays queued past its time: of a channel that is no longer there. It is
# looked for where the channel's next would leave, since that is what has waited longest.
_OVERDUE = sql(
    "SELECT q.id FROM (SELECT id, expires_at FROM outbox WHERE status = 'queued'"
    " AND channel = :channel AND kind = :kind ORDER BY until_at, id LIMIT :most) q"
    " WHERE q.expires_at <= :now"
)
_NEXT_CHANNEL = sql(
    "SELECT channel FROM outbox WHERE status = 'queued' AND channel > :behind"
    " ORDER BY channel LIMIT 1"
)
_EXPIRE_QUEUED = sql_among(
    "UPDATE outbox SET status = 'expired', settled_at = :now, recipient = ''"
    " WHERE id IN ({ids}) AND status = 'queued'"
)
_STOP = sql(
    "UPDATE outbox SET status = 'stopped', settled_at = :now, recipient = ''"
    f" WHERE member_id = :member_id AND {WAITING} AND status IN ('queued', 'held')"
)
_STOP_ADDRESS = sql(
    "UPDATE outbox SET status = 'stopped', settled_at = :now, recipient = ''"
    " WHERE address_id = :address_id AND kind = 0 AND address_id IS NOT NULL"
    " AND status IN ('queued', 'held')"
)
_HALT = sql(
    "UPDATE outbox SET status = 'cancelled', settled_at = :now WHERE batch_id = :batch_id"
    " AND status IN ('queued', 'held')"
)
_EXTEND = sql(
    "UPDATE outbox SET expires_at = :expires_at WHERE batch_id = :batch_id"
    " AND status IN ('queued', 'held')"
)
_BY_STATUS = sql("SELECT status, COUNT(*) FROM outbox WHERE batch_id = :batch_id GROUP BY status")
_HELD_BY = sql(
    "SELECT reason, COUNT(*), MIN(until_at) FROM outbox WHERE batch_id = :batch_id"
    " AND status = 'held' GROUP BY reason ORDER BY reason"
)
_DEPTH = sql(
    "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE channel = :channel"
    " AND status = 'queued' AND kind = 0 LIMIT :most) r),"
    " (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE channel = :channel"
    " AND status = 'queued' AND kind > 0 LIMIT :most) b)"
)
_OLDEST = sql(
    "SELECT COALESCE(MIN(o.queued_at), 0) FROM (SELECT queued_at FROM outbox"
    " WHERE channel = :channel AND status = 'queued' ORDER BY kind, until_at, id LIMIT 1) o"
)
# What may have left before is as one that is being sent, though it is queued once more.
_UNSEEN = sql(
    "SELECT round_id, question, CASE WHEN maybe_twice THEN 'unknown' ELSE status END, id"
    f" FROM outbox WHERE member_id = :member_id AND {WAITING} AND question IS NOT NULL"
    " ORDER BY id DESC LIMIT 5"
)
_BLANK_ROUND = sql(
    # Segments too: one option's echo may take two and another's one. And what an echo replaced:
    # it is a question's message, which tells the round.
    "UPDATE outbox SET text = '', choices = '', said = '', edits = '', round_id = NULL,"
    " question = NULL, segments = 0,"
    " status = CASE WHEN status IN ('queued', 'held') THEN 'cancelled' ELSE status END"
    " WHERE round_id = :round_id AND round_id IS NOT NULL AND kind = 0"
)
_BLANK_SOME = sql_chosen(
    "UPDATE outbox SET text = '', choices = '', said = '', edits = '', round_id = NULL,"
    " question = NULL, segments = 0 WHERE id IN [SELECT id FROM outbox WHERE round_id = :round_id"
    " AND round_id IS NOT NULL AND kind = 0"
    " AND status NOT IN ('queued', 'held', 'sending', 'unknown') LIMIT :most]"
)
_BLANK_MEMBER = sql(
    "UPDATE outbox SET text = '', choices = '', picture = '', said = '', recipient = ''"
    " WHERE address_id = :address_id"
    " AND kind = 0 AND address_id IS NOT NULL"
)
_BLANK_TICKETS = sql(
    "UPDATE outbox SET text = '', said = '', ticket_id = NULL WHERE ticket_id IS NOT NULL"
    " AND ticket_id IN (SELECT id FROM tickets WHERE member_id = :member_id)"
)
_BLANK_TICKETS_OF = sql(
    "UPDATE outbox SET text = '', said = '', ticket_id = NULL WHERE ticket_id IS NOT NULL"
    " AND ticket_id IN (SELECT id FROM tickets WHERE address_id = :address_id)"
)
_ERASE = sql(
    "UPDATE outbox SET status = 'cancelled', settled_at = :now, recipient = ''"
    f" WHERE member_id = :member_id AND {WAITING} AND status IN ('queued', 'held')"
)
_BLANK_QUOTES = sql(
    "UPDATE outbox SET text = '', said = '', ticket_id = NULL"
    " WHERE address_id IN (SELECT address_id FROM member_addresses WHERE member_id = :member_id)"
    " AND ticket_id IS NOT NULL"
)
# Who leads a round with names may have been told this one's.
_BLANK_NAMES = sql(
    "UPDATE outbox SET text = '', said = '' WHERE kind = 0 AND round_id IS NOT NULL"
    " AND question IS NULL AND status NOT IN ('queued', 'held', 'sending', 'unknown')"
    " AND round_id IN (SELECT r.id FROM rounds r JOIN forms f ON f.id = r.form_id"
    " WHERE f.privacy = 'named' AND r.closes_at > 0 AND EXISTS (SELECT 1 FROM answers a"
    " WHERE a.round_id = r.id AND a.member_id = :member_id))"
)
_PRUNE = sql_chosen(
    "DELETE FROM outbox WHERE id IN [SELECT id FROM outbox WHERE kind = 0"
    " AND queued_at < :before AND status NOT IN ('queued', 'held', 'sending')"
    " ORDER BY queued_at LIMIT :most]"
)
# What was sent about a ticket is no reply, and its words are somebody's all the same.
_PRUNE_TICKETS = sql_chosen(
    "DELETE FROM outbox WHERE id IN [SELECT id FROM outbox WHERE ticket_id IS NOT NULL"
    " AND queued_at < :before AND status NOT IN ('queued', 'held', 'sending') LIMIT :most]"
)


async def reply(
    tx: Tx,
    *,
    member_id: int | None,
    address_id: int | None,
    recipient: str,
    channel: str,
    text: str,
    choices: str,
    language: str,
    round_id: int | None,
    question: int | None,
    now: int,
    expires_at: int,
    ticket_id: int | None = None,
    picture: str = "",
    edits: str = "",
) -> None:
    """Queue one direct reply. `question` is the one it opens in `round_id`, if any.

    `ticket_id` is the ticket of whose words some stand in it. `picture` is what goes with the
    text, as `charts` writes it; `edits` the provider's id of the message that it replaces.
    """
    await tx.post(
        _REPLY, member_id=member_id, address_id=address_id, recipient=recipient, channel=channel,
        text=text, choices=choices, language=language, round_id=round_id, question=question,
        ticket_id=ticket_id, picture=picture, edits=edits, now=now, expires_at=expires_at,
    )  # fmt: skip
    await tx.notify(OUTBOX)


async def quote(
    tx: Tx,
    *,
    kind: int,
    member_id: int | None,
    address_id: int,
    channel: str,
    text: str,
    language: str,
    ticket_id: int | None,
    now: int,
    expires_at: int,
) -> None:
    """Queue a message, about a ticket if any, to one person, who did not ask for it just now."""
    await tx.post(
        _QUOTE, kind=kind, member_id=member_id, address_id=address_id, channel=channel, text=text,
        language=language, ticket_id=ticket_id, now=now, expires_at=expires_at,
    )  # fmt: skip
    await tx.notify(OUTBOX)


async def blank_tickets(tx: Tx, member_id: int) -> None:
    """Blank what coordinators were told of a person's tickets; before these are."""
    await tx.post(_BLANK_TICKETS, member_id=member_id)


async def blank_tickets_of(tx: Tx, address_id: int) -> None:
    """Blank what coordinators were told of an address's tickets; before these are."""
    await tx.post(_BLANK_TICKETS_OF, address_id=address_id)


async def release(tx: Tx, now: int, most: int) -> int:
    """Queue held rows whose time has come."""
    return await tx.run(_RELEASE[tx.engine], now=now, most=most)


async def release_turn(tx: Tx, member_id: int) -> None:
    """Queue the questions that waited for this person to be free."""
    await tx.post(_RELEASE_TURN, member_id=member_id)
    await tx.notify(OUTBOX)


async def release_round(tx: Tx, round_id: int) -> None:
    """Queue the questions that waited for one of a round that closes."""
    await tx.run(_RELEASE_ROUND, round_id=round_id)
    await tx.notify(OUTBOX)


async def expire(tx: Tx, now: int, most: int) -> int:
    """End held rows whose time to live is over."""
    return await tx.run(_EXPIRE[tx.engine], now=now, most=most)


async def overdue(tx: Tx, now: int, most: int) -> list[int]:
    """Return rows, queued longest on any channel, whose time to live is over.

    It looks at the first `most` of each channel and kind, and finds others once these are gone.
    """
    found: list[int] = []
    channel = ""
    while row := await tx.row(_NEXT_CHANNEL, behind=channel):
        channel = str(row[0])
        for kind in (REPLY, TOLD, SOLICITED):
            rows = await tx.rows(_OVERDUE, channel=channel, kind=kind, now=now, most=most)
            found += [int(row[0]) for row in rows]
    return found


async def expire_queued(tx: Tx, rows: list[int], now: int) -> None:
    """End those of some overdue rows that are still queued."""
    await tx.run(_EXPIRE_QUEUED[tx.engine], ids=json.dumps(rows), now=now)


async def stop(tx: Tx, member_id: int | None, address_id: int, now: int) -> None:
    """End what waits for a person, and for the address that said stop."""
    if member_id:
        await tx.run(_STOP, member_id=member_id, now=now)
    await tx.run(_STOP_ADDRESS, address_id=address_id, now=now)
    await tx.notify(GATE)


async def halt(tx: Tx, batch_id: int, now: int) -> int:
    """End what waits of a batch, and return how many."""
    await tx.notify(GATE)
    return await tx.run(_HALT, batch_id=batch_id, now=now)


async def extend(tx: Tx, batch_id: int, expires_at: int) -> None:
    """Let what waits of a batch leave until another instant."""
    await tx.run(_EXTEND, batch_id=batch_id, expires_at=expires_at)


async def unseen(tx: Tx, member_id: int) -> list[Row]:
    """Return (round_id, question, status, row) of questions on their way to a person."""
    return await tx.rows(_UNSEEN, member_id=member_id)


async def by_status(tx: Tx, batch_id: int) -> dict[str, int]:
    """Return how many recipients of a batch have each status."""
    return {str(r[0]): int(r[1]) for r in await tx.rows(_BY_STATUS, batch_id=batch_id)}


async def held(tx: Tx, batch_id: int) -> list[Row]:
    """Return (reason, people, earliest until_at) of a batch's held rows."""
    return await tx.rows(_HELD_BY, batch_id=batch_id)


async def depth(tx: Tx, channel: str) -> dict[int, int]:
    """Return how many replies, and how many others (as TOLD), wait to leave a channel.

    Counted no further than DEEPEST, so that a long queue is not read whole every few seconds.
    """
    [[replies, others]] = await tx.rows(_DEPTH, channel=channel, most=DEEPEST)
    return {REPLY: int(replies), TOLD: int(others)}


async def oldest(tx: Tx, channel: str) -> int:
    """Return when the next row to leave a channel was queued (ms), 0 where none waits."""
    row = await tx.row(_OLDEST, channel=channel)
    return int(row[0]) if row else 0


async def blank_round(tx: Tx, round_id: int) -> None:
    """Blank the echoes of a round, and cut what ties them to it."""
    await tx.run(_BLANK_ROUND, round_id=round_id)


async def blank_some(tx: Tx, round_id: int, most: int) -> int:
    """Blank some of the echoes that have left while the round is still open."""
    return await tx.run(_BLANK_SOME[tx.engine], round_id=round_id, most=most)


async def blank_address(tx: Tx, address_id: int) -> None:
    """Blank every reply to an address."""
    await tx.run(_BLANK_MEMBER, address_id=address_id)


async def blank_names(tx: Tx, member_id: int) -> None:
    """Blank what was said of rounds in which a person answered by name; before that is undone."""
    await tx.post(_BLANK_NAMES, member_id=member_id)


async def erase(tx: Tx, member_id: int, now: int) -> None:
    """Cancel what waits for a person who is forgotten, and blank what they were told of others."""
    await tx.post(_ERASE, member_id=member_id, now=now)
    await tx.post(_BLANK_QUOTES, member_id=member_id)
    await tx.notify(GATE)


async def prune(tx: Tx, before: int, most: int) -> int:
    """Delete replies, and what tickets were about, older than an instant; not what still waits.

    Returns how many of one or the other, `most` at once. What has no known outcome by then
    never will.
    """
    replies = await tx.run(_PRUNE[tx.engine], before=before, most=most)
    return max(replies, await tx.run(_PRUNE_TICKETS[tx.engine], before=before, most=most))
