"""Inbound messages: each counted once, by its channel and the keyed hash of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from storage.database import sql, sql_chosen

if TYPE_CHECKING:
    from storage.database import Row, Tx

State = Literal["done", "failed", "replayed", "unreadable"]

_ADD = sql(
    "INSERT INTO inbound (channel, key, address_id, member_id, round_id, kind, text, choice,"
    " media, state, error, at) VALUES (:channel, :key, :address_id, :member_id,"
    " (SELECT r.id FROM rounds r WHERE r.id = :round_id), :kind,"
    " :text, :choice, :media, :state, :error, :now)"
    " ON CONFLICT (channel, key) DO NOTHING RETURNING id"
)
_POST = sql(
    "INSERT INTO inbound (channel, key, address_id, member_id, round_id, kind, text, choice,"
    " media, at) VALUES (:channel, :key, :address_id, :member_id,"
    " (SELECT r.id FROM rounds r WHERE r.id = :round_id), :kind, :text, :choice, :media, :now)"
)
_SEEN = sql("SELECT 1 FROM inbound WHERE channel = :channel AND key = :key")
_BELONGS = sql("UPDATE inbound SET round_id = :round_id WHERE channel = :channel AND key = :key")
_FAILED = sql(
    "SELECT i.id, i.channel, i.key, a.value, i.kind, i.text, i.choice, i.media, i.at"
    " FROM inbound i JOIN addresses a ON a.id = i.address_id"
    " WHERE i.state = 'failed' AND i.id > :after ORDER BY i.id LIMIT :most"
)
_PUT_STATE = sql("UPDATE inbound SET state = :state, error = :error WHERE id = :id")
_BLANK_ROUND = sql(
    "UPDATE inbound SET text = '', choice = '', media = '', error = '', round_id = NULL,"
    " state = CASE state WHEN 'failed' THEN 'done' ELSE state END"
    " WHERE round_id = :round_id AND round_id IS NOT NULL"
)
_BLANK_SOME = sql_chosen(
    "UPDATE inbound SET text = '', choice = '', media = '', error = '', round_id = NULL"
    " WHERE id IN [SELECT id FROM inbound WHERE round_id = :round_id AND round_id IS NOT NULL"
    " AND state <> 'failed' LIMIT :most]"
)
_BLANK = sql(
    "UPDATE inbound SET text = '', choice = '', media = '', error = ''"
    " WHERE channel = :channel AND key = :key"
)
_BLANK_ADDRESS = sql(
    "UPDATE inbound SET text = '', choice = '', media = '', error = ''"
    " WHERE address_id = :address_id AND address_id IS NOT NULL"
)
_PRUNE = sql_chosen(
    "UPDATE inbound SET text = '', choice = '', media = '', error = ''"
    " WHERE id IN [SELECT id FROM inbound WHERE at < :before"
    " AND (text <> '' OR choice <> '' OR media <> '') ORDER BY at LIMIT :most]"
)


async def add(
    tx: Tx,
    *,
    channel: str,
    key: str,
    address_id: int | None,
    member_id: int | None,
    round_id: int | None,
    kind: str,
    text: str,
    choice: str,
    media: str,
    now: int,
    state: State = "done",
    error: str = "",
) -> int | None:
    """Keep an inbound message and return its id, or None if it was here before."""
    row = await tx.row(
        _ADD, channel=channel, key=key, address_id=address_id, member_id=member_id,
        round_id=round_id, kind=kind, text=text, choice=choice, media=media, state=state,
        error=error, now=now,
    )  # fmt: skip
    return int(row[0]) if row else None


async def post(
    tx: Tx,
    *,
    channel: str,
    key: str,
    address_id: int,
    member_id: int | None,
    round_id: int,
    kind: str,
    text: str,
    choice: str,
    media: str,
    now: int,
) -> None:
    """Keep a message that `addresses.sender` has not seen; a round there is none of is 0.

    Raises Conflict, as the unit ends, where another process was faster.
    """
    await tx.post(
        _POST, channel=channel, key=key, address_id=address_id, member_id=member_id,
        round_id=round_id, kind=kind, text=text, choice=choice, media=media, now=now,
    )  # fmt: skip


async def seen(tx: Tx, channel: str, key: str) -> bool:
    """Tell whether a message, by the hash of its key, was here before."""
    return bool(await tx.rows(_SEEN, channel=channel, key=key))


async def belongs(tx: Tx, channel: str, key: str, round_id: int) -> None:
    """Let a message that is kept belong to a round, whose close blanks it."""
    await tx.post(_BELONGS, channel=channel, key=key, round_id=round_id)


async def failed(tx: Tx, after: int, most: int) -> list[Row]:
    """Return failed messages (id, channel, key, value, kind, text, choice, media, at)."""
    return await tx.rows(_FAILED, after=after, most=most)


async def put_state(tx: Tx, inbound_id: int, state: State, error: str = "") -> None:
    """Say what became of an inbound message."""
    await tx.post(_PUT_STATE, id=inbound_id, state=state, error=error)


async def blank(tx: Tx, channel: str, key: str) -> None:
    """Blank one message, by its keyed hash."""
    await tx.post(_BLANK, channel=channel, key=key)


async def blank_round(tx: Tx, round_id: int) -> None:
    """Blank whatever arrived while a round's question was the one to answer."""
    await tx.post(_BLANK_ROUND, round_id=round_id)


async def blank_some(tx: Tx, round_id: int, most: int) -> int:
    """Blank some of it while the round is still open, save what may be handled again."""
    return await tx.run(_BLANK_SOME[tx.engine], round_id=round_id, most=most)


async def blank_address(tx: Tx, address_id: int) -> None:
    """Blank whatever an address wrote."""
    await tx.post(_BLANK_ADDRESS, address_id=address_id)


async def prune(tx: Tx, before: int, most: int) -> int:
    """Blank the texts that came before an instant, a bounded number at once."""
    return await tx.run(_PRUNE[tx.engine], before=before, most=most)
