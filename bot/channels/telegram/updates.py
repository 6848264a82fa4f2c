"""Telegram's updates as events; what can't be read becomes Unreadable and stalls nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import structlog
from telegram import CallbackQuery, ChatMemberUpdated, Message, Update, User

from bot.channels.base import Event, GroupCommand, GroupMoved, Inbound, Reachable, Unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.channels.base import InboundKind

log = structlog.get_logger()

# Exactly what Telegram is asked for; anything else it keeps to itself.
KINDS: Final[tuple[str, ...]] = ("message", "edited_message", "callback_query", "my_chat_member")
# What a bot that asked for more in the past may still be sent.
UNASKED: Final[tuple[str, ...]] = (
    "channel_post",
    "edited_channel_post",
    "business_message",
    "edited_business_message",
)
PRIVATE: Final = "private"
GROUPS: Final = ("group", "supergroup")
START: Final = re.compile(r"/start(?:@\w+)?(?:\s+(?P<payload>.*?))?\s*", re.DOTALL)
PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
COMMAND: Final = re.compile(r"/\w{1,32}(?:@(?P<bot>\w+))?(?:\s|$)")
UNFIT: Final = re.compile("[\0\ud800-\udfff]")


def update_id(update: object) -> int | None:
    """Return an update's number, or None for what is not an update."""
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def read(update: dict[str, Any], channel: str, username: str, raw: str = "") -> Sequence[Event]:
    """Return the events in one update; `username` is the bot's, or "" where not known.

    `raw` is the update as it came, where it came alone.
    """
    number = update["update_id"]
    known = {key: update[key] for key in ("update_id", *KINDS, *UNASKED) if key in update}
    try:
        return _Reader(channel, username, number).events(Update.de_json(known))
    except Exception as error:  # noqa: BLE001 - whatever the library makes of it, the next must pass
        # The exception's text may hold what the person wrote.
        log.warning("telegram.unreadable", channel=channel, update=number, why=type(error).__name__)
        return [Unreadable(channel, f"u:{number}", _clean(raw or json.dumps(update)))]


def _clean(value: object) -> str:
    """Return a string that any database takes. Raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError("not a string")
    return UNFIT.sub("\ufffd", value)


def _id(value: object) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not an id")
    return str(value)


class _Reader:
    """Reads one update; any exception means that it can't be understood."""

    def __init__(self, channel: str, username: str, number: int) -> None:
        self._channel = channel
        self._username = username
        self._number = number

    def events(self, update: Update) -> Sequence[Event]:
        if update.message is not None:
            return self._message(update.message, edited=False)
        if update.edited_message is not None:
            return self._message(update.edited_message, edited=True)
        if update.callback_query is not None:
            return [self._choice(update.callback_query)]
        if update.my_chat_member is not None:
            return self._reachable(update.my_chat_member)
        impersonal = (
            update.channel_post
            or update.edited_channel_post
            or update.business_message
            or update.edited_business_message
        )
        return [self._not_a_person(impersonal)] if impersonal else []

    def _message(self, message: Message, *, edited: bool) -> Sequence[Event]:
        if message.chat.type in GROUPS:
            return [] if edited else self._group(message)
        if (
            message.chat.type != PRIVATE
            or message.from_user is None
            or message.from_user.is_bot
            or message.business_connection_id
            or message.sender_business_bot
        ):
            return [self._not_a_person(message)]
        if edited:
            return self._edit(message, message.from_user)
        return self._personal(message, message.from_user)

    def _group(self, message: Message) -> Sequence[Event]:
        """Groups are not listened to: only a command there is answered, with a link."""
        chat = _id(message.chat.id)
        if message.migrate_to_chat_id:
            return [GroupMoved(self._channel, _key(message), chat, _id(message.migrate_to_chat_id))]
        command = COMMAND.match(_clean(message.text or ""))
        if command is None or message.from_user is None or message.from_user.is_bot:
            return []
        meant = (command["bot"] or self._username).lower()
        if self._username and meant != self._username.lower():
            return []
        return [GroupCommand(self._channel, _key(message), chat)]

    def _personal(self, message: Message, person: User) -> Sequence[Event]:
        if message.contact is not None:
            return [self._inbound(message, person, "contact", _own_number(message, person))]
        if message.text is not None:
            text = _clean(message.text)
            started = START.fullmatch(text)
            if started is None:
                return [self._inbound(message, person, "text", text)]
            payload = started["payload"] or ""
            code = payload if PAYLOAD.fullmatch(payload) else ""
            return [self._inbound(message, person, "start", code)]
        if media := _media(message):
            caption = _clean(message.caption or "")
            return [self._inbound(message, person, "media", caption, media)]
        return []

    def _edit(self, message: Message, person: User) -> Sequence[Event]:
        """A live location is edited every few seconds without a word: only words count."""
        text = message.text or message.caption
        if not text:
            return []
        return [self._inbound(message, person, "edit", _clean(text), _media(message))]

    def _inbound(
        self, message: Message, person: User, kind: InboundKind, text: str, media: str = ""
    ) -> Inbound:
        return Inbound(
            channel=self._channel,
            key=_key(message),
            sender=_id(person.id),
            text=text,
            kind=kind,
            media=media,
            language=_clean(person.language_code or ""),
        )

    def _not_a_person(self, message: Message) -> Inbound:
        sender = message.from_user.id if message.from_user else message.chat.id
        return Inbound(self._channel, _key(message), _id(sender), "", kind="not_a_person")

    def _choice(self, pressed: CallbackQuery) -> Inbound:
        callback = _clean(pressed.id)
        return Inbound(
            channel=self._channel,
            key=f"c:{callback}",
            sender=_id(pressed.from_user.id),
            text="",
            kind="not_a_person" if pressed.from_user.is_bot else "choice",
            choice=_clean(pressed.data or ""),
            callback=callback,
            language=_clean(pressed.from_user.language_code or ""),
            message=_under(pressed),
        )

    def _reachable(self, change: ChatMemberUpdated) -> Sequence[Event]:
        if change.chat.type != PRIVATE:
            return []
        reachable = {"member": True, "kicked": False}.get(change.new_chat_member.status)
        if reachable is None:
            return []
        # The number tells two changes within one second apart; alone it would be no key.
        key = f"r:{_id(change.chat.id)}:{int(change.date.timestamp())}:{self._number}"
        return [Reachable(self._channel, key, _id(change.chat.id), reachable)]


def _key(message: Message) -> str:
    """Return the same key on every redelivery, and another after every edit."""
    edited = int(message.edit_date.timestamp()) if message.edit_date else 0
    return f"m:{_id(message.chat.id)}:{_id(message.message_id)}:{edited}"


def _under(pressed: CallbackQuery) -> str:
    """Return the id of the message under which a button was pressed, "" where it is out of reach.

    Only one in the person's own chat can be named by its id alone, and an inaccessible one may
    have been deleted. Source: core.telegram.org/bots/api#maybeinaccessiblemessage (2026-11).
    """
    found = pressed.message
    if found is None or not found.is_accessible or found.chat.id != pressed.from_user.id:
        return ""
    return _id(found.message_id)


def _own_number(message: Message, person: User) -> str:
    """Return the shared number where it is the sender's own, else "".

    Anybody can share anybody's contact. Telegram gives its users' numbers in full but
    often without the plus. Source: core.telegram.org/bots/api#contact (2026-11).
    """
    if message.contact is None or message.contact.user_id != person.id:
        return ""
    number = _clean(message.contact.phone_number).lstrip("+")
    return f"+{number}" if number else ""


def _media(message: Message) -> str:
    """Return the id of what was sent; the largest of a photo's sizes; "" for none."""
    if message.venue is not None or message.location is not None:
        place = message.venue.location if message.venue else message.location
        return f"location:{float(place.latitude)},{float(place.longitude)}" if place else ""
    if message.photo:
        return _clean(message.photo[-1].file_id)
    # An animation comes as a document too, so it is asked first.
    for found in (
        message.voice,
        message.audio,
        message.video,
        message.video_note,
        message.animation,
        message.document,
        message.sticker,
    ):
        if found is not None:
            return _clean(found.file_id)
    return ""
