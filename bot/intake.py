"""Intake: one event from a channel, one unit of work. Durable when `accept` returns."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from bot import faults, notices, numbers
from bot.alliance import numbers_of, tariffs_of
from bot.channels.base import (
    GroupCommand,
    GroupMoved,
    Inbound,
    Reachable,
    Receipt,
    Unreadable,
)
from bot.receipts import settle
from handlers.dialog import forgetting, routing
from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.text import clean, plain, read_digits
from handlers.dialog.turn import Reply, Turn
from storage import addresses, barred, inbound, outbox, rounds, tickets
from storage.errors import StorageError, SwitchboardError
from storage.instant import DAY, HOUR, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bot.channels.base import Channel, Event
    from handlers.dialog.turn import Alliance
    from storage.addresses import Sender
    from storage.database import Database, Tx

log = structlog.get_logger()

APOLOGY = msg("Sorry, something went wrong with your message. We will look into it.")
TOO_MANY = msg(
    "You have sent many messages. {alliance} will not answer for a while.", alliance=ALLIANCE
)


class Intake:
    """Takes what the channels bring, and answers through the outbox.

    `count(channel, outcome)` is told of each message: accepted, duplicate or failed.
    """

    def __init__(
        self,
        database: Database,
        alliance: Alliance,
        channels: Mapping[str, Channel],
        count: Callable[[str, str], None],
        now: Callable[[], int] = clock,
    ) -> None:
        self._database = database
        self._alliance = alliance
        self._channels = channels
        self._tariffs = tariffs_of(channels)
        self._numbers = numbers_of(channels, alliance.country)
        self._count = count
        self._now = now

    async def accept(self, events: Sequence[Event]) -> None:
        """Deal with events in their order; each is durable when this returns.

        Raises StorageError: what was not dealt with comes again from the provider.
        """
        for event in events:
            await self._accept(event, self._now())

    async def _accept(self, event: Event, now: int) -> None:
        match event:
            case Inbound():
                await self._message(event, now)
            case Receipt():
                await self._database.write(lambda tx: settle(tx, event, now))
            case Reachable():
                await self._database.write(lambda tx: notices.reachable(tx, event))
            case GroupCommand():
                link = await self._link(event.channel)
                await self._database.write(
                    lambda tx: notices.group_command(tx, self._alliance, event, link, now)
                )
            case GroupMoved():
                await self._database.write(
                    lambda tx: notices.group_moved(tx, self._alliance, event)
                )
            case Unreadable():
                await self._database.write(
                    lambda tx: notices.unreadable(tx, self._alliance, event, now)
                )

    async def _link(self, channel: str) -> str:
        """Return where to write to us privately: a link if the channel has one, else our name."""
        link = getattr(self._channels[channel], "link", None)
        try:
            return await link("") if link else self._alliance.name
        except SwitchboardError:  # it can't be asked now: the group is answered all the same
            return self._alliance.name

    # --- messages ---

    async def _message(self, raw: Inbound, now: int) -> None:
        event = _cleaned(raw)
        try:
            fresh = await self._database.write(lambda tx: self._turn(tx, event, now), abreast=True)
            outcome = "accepted" if fresh else "duplicate"
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  a handler's mistake must not lose the message
            trace = faults.where(error)
            log.error(  # noqa: TRY400  its words may hold what the person wrote
                "handler_failed", channel=event.channel, kind=event.kind, trace=trace
            )
            await self._database.write(lambda tx: self._failed(tx, event, now, trace))
            outcome = "failed"
        self._count(event.channel, outcome)
        if event.callback:
            await self._channels[event.channel].acknowledge(event)

    async def _turn(self, tx: Tx, event: Inbound, now: int) -> bool:
        """Deal with one message; False for one that was here before."""
        key = self._alliance.keyed(event.channel, event.key)
        if event.kind == "not_a_person":
            return await self._keep_only(tx, event, key, now)
        sender, bar = await self._who(tx, event, key, now)
        if sender is None or sender.seen:
            return False
        carried = routing.pressed(event.choice)
        await inbound.post(
            tx,
            channel=event.channel,
            key=key,
            address_id=sender.address_id,
            member_id=sender.member_id or None,
            round_id=carried[0] if carried else sender.round_id,
            kind=event.kind,
            text=event.text,
            choice=event.choice,
            media=event.media,
            now=now,
        )
        await self.run(tx, event, sender, bar, now, key)
        return True

    async def run(
        self, tx: Tx, event: Inbound, sender: Sender, bar: str, now: int, key: str,
        *, replayed: bool = False,
    ) -> None:  # fmt: skip
        """Route a message that is kept under the hash of its key, and queue the replies."""
        traits = self._channels[event.channel].traits
        turn = Turn(
            tx=tx,
            now=now,
            alliance=self._alliance,
            sender=sender,
            text=event.text,
            kind=event.kind,
            choice=event.choice,
            media=event.media,
            opt_out=event.opt_out,
            barred=bar,
            key=key,
            one_question=traits.one_question,
            pictures=traits.pictures,
            message=event.message,
            phone_language=event.language,
            draw=_code,
            tariffs=self._tariffs,
            numbers=self._numbers,
            replayed=replayed,
        )
        await routing.route(turn)
        await self._answer(tx, turn, event)

    async def sender(
        self, tx: Tx, channel: str, value: str, round_id: int, key: str = ""
    ) -> Sender | None:
        """Return who an address is, if known, and let nothing change that until the unit ends.

        No other message of theirs is dealt with meanwhile, and the round they stand in can't
        close.
        """
        await tx.lock("phone", self._alliance.keyed(channel, value))
        while True:
            found = await addresses.sender(tx, channel, value, round_id, key)
            if found is None or not found.closes_at or await rounds.hold(tx, found.round_id):
                return found

    async def _who(self, tx: Tx, event: Inbound, key: str, now: int) -> tuple[Sender | None, str]:
        """Find who wrote, and why they are barred if they are; None for a message seen before."""
        carried = routing.pressed(event.choice)
        round_id = carried[0] if carried else 0
        hashed = self._alliance.keyed(event.channel, event.sender)
        sender = await self.sender(tx, event.channel, event.sender, round_id, key)
        if sender is not None and (sender.member_id or sender.seen):
            return sender, ""
        bar = await barred.reason(tx, hashed) or ""
        if sender is None and bar:
            found = await addresses.sender(tx, event.channel, addresses.hidden(hashed), 0, key)
            sender = found._replace(value=event.sender) if found else None
        if sender is None:
            # Of somebody who said no nothing comes back by a message that is delivered twice.
            if await inbound.seen(tx, event.channel, key):
                return None, ""
            await addresses.add(tx, event.channel, event.sender, now)
            sender = await addresses.sender(tx, event.channel, event.sender)
        return sender, bar

    async def _keep_only(self, tx: Tx, event: Inbound, key: str, now: int) -> bool:
        """Keep what no person wrote; it is never answered."""
        added = await inbound.add(
            tx, channel=event.channel, key=key, address_id=None, member_id=None, round_id=None,
            kind=event.kind, text=event.text, choice="", media=event.media, now=now,
        )  # fmt: skip
        return added is not None

    async def _failed(self, tx: Tx, event: Inbound, now: int, trace: str) -> None:
        """Keep a message whose handling raised, for `switchboard replay`, and apologise."""
        key = self._alliance.keyed(event.channel, event.key)
        sender, bar = await self._who(tx, event, key, now)
        if sender is None:
            return
        added = await inbound.add(
            tx, channel=event.channel, key=key, address_id=sender.address_id,
            member_id=sender.member_id or None, round_id=await _meant(tx, event, sender),
            kind=event.kind, text=event.text, choice=event.choice,
            media=event.media, now=now, state="failed", error=trace,
        )  # fmt: skip
        if added is None:
            return
        await tickets.alert(tx, "a message could not be handled: see switchboard replay", now, DAY)
        turn = Turn(tx=tx, now=now, alliance=self._alliance, sender=sender, text="")
        turn.forgotten = bool(bar) and not sender.member_id
        turn.say(APOLOGY)
        if turn.forgotten:
            await forgetting.hide(turn)
        await self._answer(tx, turn, event)

    # --- replies ---

    async def _answer(self, tx: Tx, turn: Turn, event: Inbound) -> None:
        """Queue the replies, as many as an address may have, and count them."""
        sender = turn.sender
        replies = self._allowed(turn, event)
        hour_at, hour, day_at, day = _counters(sender, turn.now)
        limits = self._alliance.manners
        left = min(limits.replies_per_hour - hour, limits.replies_per_day - day)
        if replies and left < len(replies):
            replies = replies[: max(left, 0)]
            if left >= 0:
                notice = TOO_MANY.say(turn.language, alliance=self._alliance.name)
                replies.append(Reply(notice, forgotten=turn.forgotten))
                await tickets.alert(tx, "loop: an address writes without end", turn.now, HOUR)
        await addresses.heard(
            tx, sender.address_id, turn.now, hour_at, hour + len(replies), day_at,
            day + len(replies),
        )  # fmt: skip
        for reply in replies:
            await self._queue(tx, turn, event, reply)

    def _allowed(self, turn: Turn, event: Inbound) -> list[Reply]:
        """Return the replies, none to a number outside the channel's countries."""
        countries = self._channels[event.channel].traits.countries
        if countries and not numbers.is_in(event.sender, countries):
            return []
        return turn.replies

    async def _queue(self, tx: Tx, turn: Turn, event: Inbound, reply: Reply) -> None:
        kept = not reply.forgotten
        await outbox.reply(
            tx,
            member_id=(turn.sender.member_id or None) if kept else None,
            address_id=turn.sender.address_id if kept else None,
            recipient="" if kept else event.sender,
            channel=event.channel,
            text=plain(reply.text),
            choices=json.dumps(reply.choices, ensure_ascii=False) if reply.choices else "",
            language=turn.language,
            round_id=reply.round_id,
            question=reply.question,
            ticket_id=reply.ticket,
            picture=reply.picture,
            edits=reply.edits,
            now=turn.now,
            expires_at=turn.now + DAY,
        )


def _cleaned(raw: Inbound) -> Inbound:
    """Return a message as it may be stored; most are so already."""
    text, choice, media = clean(raw.text), clean(raw.choice), clean(raw.media)
    if text is raw.text and choice is raw.choice and media is raw.media:
        return raw
    return replace(raw, text=text, choice=choice, media=media)


def _code() -> str:
    return f"{secrets.randbelow(10_000):04d}"


async def _meant(tx: Tx, event: Inbound, sender: Sender) -> int:
    """Return the round that a message, whose handling was undone, belongs to; 0 for none.

    As in `answering`, a digit answers a question that has left but is not settled yet.
    """
    carried = routing.pressed(event.choice)
    if carried:
        return carried[0]
    if sender.coming and read_digits(event.text) is not None:
        for round_id, _, status, _ in await outbox.unseen(tx, sender.member_id):
            if (
                status in ("sending", "unknown")
                and (await rounds.by_id(tx, round_id)).state == "open"
                and await rounds.hold(tx, round_id)
            ):
                return int(round_id)
    return sender.round_id


def _counters(sender: Sender, now: int) -> tuple[int, int, int, int]:
    """Return the present hour and day of an address, and its automatic replies in each."""
    hour_at, hour = (
        (sender.hour_at, sender.hour_replies) if now - sender.hour_at < HOUR else (now, 0)
    )
    day_at, day = (sender.day_at, sender.day_replies) if now - sender.day_at < DAY else (now, 0)
    return hour_at, hour, day_at, day
