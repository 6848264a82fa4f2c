"""One message as parameters of sendMessage, always plain text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from bot.channels.telegram.outcome import MARKUP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.channels.base import Choice, Outgoing
    from bot.channels.telegram.transport import ApiError

LONGEST_TEXT: Final = 4_096
LONGEST_DATA: Final = 64
SHORT_LABEL: Final = 12
LINK: Final = re.compile(r"://|\w\.[^\W\d_]{2}")


def fault(message: Outgoing) -> str:
    """Return why Telegram would refuse the message, or "".

    Source: core.telegram.org/bots/api#sendmessage, #inlinekeyboardbutton (2026-11).
    """
    if len(message.text) > LONGEST_TEXT:
        return "too long"
    if any(not 1 <= len(c.data.encode(errors="replace")) <= LONGEST_DATA for c in message.choices):
        return "a button's data is not 1 to 64 bytes"
    return ""


def parameters(message: Outgoing) -> dict[str, Any]:
    """Return what sendMessage takes: no markup, no link preview, one or two buttons a row.

    Telegram would fetch a link to preview it, and so use up a link that works once.
    """
    found: dict[str, Any] = {"chat_id": message.to, "text": message.text}
    if LINK.search(message.text):
        found["link_preview_options"] = {"is_disabled": True}
    if message.choices:
        found["reply_markup"] = {"inline_keyboard": _rows(message.choices)}
    return found


def _rows(choices: Sequence[Choice]) -> list[list[dict[str, str]]]:
    wide = 2 if all(len(c.label) <= SHORT_LABEL for c in choices) else 1
    buttons = [{"text": c.label, "callback_data": c.data} for c in choices]
    return [buttons[i : i + wide] for i in range(0, len(buttons), wide)]


def amended(sent: dict[str, Any], error: ApiError) -> dict[str, Any] | None:
    """Return what to send instead after a refusal, or None where it stands.

    Source: core.telegram.org/bots/api#responseparameters (2026-11).
    """
    if error.moved_to is not None:
        return {**sent, "chat_id": str(error.moved_to)}
    if MARKUP.search(error.description):
        return {k: sent[k] for k in ("chat_id", "text", "reply_markup") if k in sent}
    return None
