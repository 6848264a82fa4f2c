"""One message as parameters of sendMessage or editMessageText, always plain text."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final

from bot.channels.telegram.outcome import MARKUP
from handlers.dialog.asking import CHECK

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


def body(message: Outgoing) -> bytes:
    """Return what sendMessage takes, as JSON."""
    chat, said = encode_basestring_ascii(message.to), _rest(message.text, message.choices)
    return f'{{"chat_id": {chat}, {said}'.encode()


def edit(message: Outgoing) -> bytes:
    """Return what editMessageText takes, as JSON; a message without buttons loses those it had."""
    which = {"chat_id": message.to, "message_id": int(message.edits)}
    return json.dumps(which | _content(message.text, message.choices)).encode()


def parameters(message: Outgoing) -> dict[str, Any]:
    """Return what sendMessage takes."""
    return {"chat_id": message.to, **_content(message.text, message.choices)}


def _content(text: str, choices: Sequence[Choice]) -> dict[str, Any]:
    """Return what is said: no markup, no link preview, one or two buttons a row.

    Telegram would fetch a link to preview it, and so use up a link that works once.
    """
    found: dict[str, Any] = {"text": text}
    if LINK.search(text):
        found["link_preview_options"] = {"is_disabled": True}
    if choices:
        found["reply_markup"] = keyboard(choices)
    return found


# A broadcast says the same again and again.
@lru_cache(maxsize=128)
def _rest(text: str, choices: tuple[Choice, ...]) -> str:
    """Return the parameters behind the first as JSON, with the bracket that ends them all."""
    return json.dumps(_content(text, choices))[1:]


def keyboard(choices: Sequence[Choice]) -> dict[str, list[list[dict[str, str]]]]:
    """Return buttons, in rows that stay as they are when one of them gets its check mark."""
    wide = 2 if all(len(c.label.removeprefix(CHECK)) <= SHORT_LABEL for c in choices) else 1
    buttons = [{"text": c.label, "callback_data": c.data} for c in choices]
    return {"inline_keyboard": [buttons[i : i + wide] for i in range(0, len(buttons), wide)]}


def amended(sent: dict[str, Any], error: ApiError) -> dict[str, Any] | None:
    """Return what to send instead after a refusal, or None where it stands.

    Source: core.telegram.org/bots/api#responseparameters (2026-11).
    """
    if error.moved_to is not None:
        return {**sent, "chat_id": str(error.moved_to)}
    if MARKUP.search(error.description):
        return {k: sent[k] for k in ("chat_id", "text", "reply_markup") if k in sent}
    return None
