"""What an error of the Bot API means for the message that was being sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bot.channels.base import Again, Outcome, Refused, Sent, Unknown
from bot.channels.telegram.transport import ApiError, NeverLeft, reason

if TYPE_CHECKING:
    from telegram.error import TelegramError

    from bot.channels.base import Outgoing

UNAUTHORIZED: Final = (401, 404)
UNAUTHORIZED_SECONDS: Final = 30
DEAD: Final = re.compile(r"chat not found|user is deactivated|peer_id_invalid", re.IGNORECASE)
TOO_LONG: Final = re.compile(r"message is too long", re.IGNORECASE)
UNCHANGED: Final = re.compile(r"message is not modified", re.IGNORECASE)
MARKUP: Final = re.compile(r"can't parse entities", re.IGNORECASE)


def outcome(error: TelegramError) -> Outcome:
    """Return what became of the message. Source: core.telegram.org/bots/api (2026-11)."""
    if isinstance(error, NeverLeft):
        return Again(reason(error), whole_channel=True)
    if not isinstance(error, ApiError):
        return Unknown(reason(error))
    told = error.message
    match error.status:
        case 429:
            return Again(told, seconds=error.retry_after, whole_channel=True)
        case 401 | 404:
            return Again("unauthorized", seconds=UNAUTHORIZED_SECONDS, whole_channel=True)
        case 400 | 403 if not error.readable:
            # Something in between refused: no word about the address.
            return Unknown(told)
        case 403:
            return Refused(told, effect="blocked")
        case 400:
            return _bad_request(error)
        case status if status < 400:
            return Again(told)
        case status if status < 500:
            return Refused(told, alert=True)
        case _:
            return Unknown(told)


def edited(error: TelegramError, message: Outgoing) -> Outcome:
    """Return what became of an edit: one that changes nothing was made before.

    A message that is gone, too old or without a text can't be edited: what it was to say is
    sent as another. Source: core.telegram.org/bots/api#editmessagetext (2026-11) says that it
    fails, github.com/tdlib/telegram-bot-api in what words.
    """
    found = outcome(error)
    if not isinstance(error, ApiError) or error.status != 400 or not isinstance(found, Refused):
        return found
    if UNCHANGED.search(error.description):
        return Sent(message.edits)
    if found.effect:
        return found
    return Again(found.error, anew=True)


def _bad_request(error: ApiError) -> Refused:
    if DEAD.search(error.description):
        return Refused(error.message, effect="dead")
    if TOO_LONG.search(error.description):
        return Refused("too long")
    return Refused(error.message)
