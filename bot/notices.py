"""Notices: what a channel brings that is no message of a person and no receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.messages import msg
from handlers.dialog.text import clean
from storage import addresses, inbound, outbox
from storage.instant import HOUR

if TYPE_CHECKING:
    from bot.channels.base import GroupCommand, GroupMoved, Reachable, Unreadable
    from handlers.dialog.turn import Alliance
    from storage.database import Tx

WRITE_PRIVATELY = msg("Please write to me privately: {link}", link="https://t.me/" + "b" * 32)


async def reachable(tx: Tx, event: Reachable) -> None:
    """Mark an address that blocked us or let us in again; the person goes on elsewhere."""
    address_id = await addresses.known(tx, event.channel, event.sender)
    if address_id is not None:
        await addresses.put_state(tx, address_id, "ok" if event.reachable else "blocked")


async def group_command(
    tx: Tx, alliance: Alliance, event: GroupCommand, link: str, now: int
) -> None:
    """Answer a group's first command with a link to write privately; keep but a hash."""
    hidden = _hidden(alliance, event.channel, event.chat)
    if await addresses.known(tx, event.channel, hidden) is not None:
        return
    address_id = await addresses.add(tx, event.channel, hidden, now)
    await addresses.put_state(tx, address_id, "group")
    language = alliance.languages[0]
    await outbox.reply(
        tx, member_id=None, address_id=None, recipient=event.chat, channel=event.channel,
        text=WRITE_PRIVATELY.say(language, link=link), choices="", language=language,
        round_id=None, question=None, now=now, expires_at=now + HOUR,
    )  # fmt: skip


async def group_moved(tx: Tx, alliance: Alliance, event: GroupMoved) -> None:
    """Know a group again under its other id."""
    old = _hidden(alliance, event.channel, event.old)
    new = _hidden(alliance, event.channel, event.new)
    await addresses.rename(tx, event.channel, old, new)


async def unreadable(tx: Tx, alliance: Alliance, event: Unreadable, now: int) -> None:
    """Store raw what can't be read, so that it stalls nothing."""
    await inbound.add(
        tx, channel=event.channel, key=alliance.keyed(event.channel, event.key), address_id=None,
        member_id=None, round_id=None, kind="unreadable", text=clean(event.raw), choice="",
        media="", now=now, state="unreadable",
    )  # fmt: skip


def _hidden(alliance: Alliance, channel: str, chat: str) -> str:
    return addresses.hidden(alliance.keyed(channel, chat))
