"""A message with its picture: sendPhoto, which uploads one once and names it from then on."""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from telegram.error import TelegramError

from bot.channels.base import Again, Refused, Sent
from bot.channels.telegram.outcome import outcome
from bot.channels.telegram.sending import keyboard
from bot.channels.telegram.transport import ApiError, NoAnswer

if TYPE_CHECKING:
    from yarl import URL

    from bot.channels.base import Outcome, Outgoing, Picture
    from bot.channels.telegram.transport import Transport

LONGEST_CAPTION: Final = 1_024  # Source: core.telegram.org/bots/api#sendphoto (2026-11)
TOO_LARGE: Final = 413
REMEMBERED: Final = 1_000


class Photos:
    """Sends pictures. What each is called at Telegram is kept in memory, for those sent last."""

    def __init__(self, method: URL, transport: Transport) -> None:
        self._method = method
        self._transport = transport
        # "" for one that Telegram does not take.
        self._names: OrderedDict[str, str] = OrderedDict()

    def shows(self, message: Outgoing) -> bool:
        """Tell whether a message can go with its picture; else its text goes alone."""
        picture = message.picture
        fits = len(message.text) <= LONGEST_CAPTION
        return picture is not None and fits and self._names.get(picture.name) != ""

    async def send(self, message: Outgoing, picture: Picture) -> Outcome:
        """Send a message with its picture.

        Where the picture is refused the message is to be sent again: by the name that Telegram
        gave it if that was not an upload yet, else without it.
        Source: core.telegram.org/bots/api#sending-files (2026-11).
        """
        name = self._names.get(picture.name, "")
        fields: dict[str, Any] = {"chat_id": message.to, "caption": message.text}
        if message.choices:
            fields["reply_markup"] = keyboard(message.choices)
        try:
            if name:
                wanted = json.dumps(fields | {"photo": name}).encode()
                answer = await self._transport.send(self._method, wanted)
            else:
                kind, wanted = _form(fields, picture.png)
                answer = await self._transport.send(self._method, wanted, kind)
        except TelegramError as error:
            return self._refused(picture, error, named=bool(name))
        number = answer.get("message_id") if isinstance(answer, dict) else None
        if number is None:
            return outcome(NoAnswer("malformed answer"))
        if given := _name(answer):
            self._remember(picture, given)
        return Sent(str(number))

    def _refused(self, picture: Picture, error: TelegramError, *, named: bool) -> Outcome:
        found = outcome(error)
        large = isinstance(error, ApiError) and error.status == TOO_LARGE
        bad = isinstance(error, ApiError) and error.status == 400 and isinstance(found, Refused)
        if not large and (not bad or (isinstance(found, Refused) and found.effect)):
            return found
        if named:
            self._names.pop(picture.name, None)
        else:
            self._remember(picture, "")
        return Again(str(error), seconds=0)

    def _remember(self, picture: Picture, name: str) -> None:
        self._names[picture.name] = name
        self._names.move_to_end(picture.name)
        if len(self._names) > REMEMBERED:
            self._names.popitem(last=False)


def _name(answer: object) -> str:
    """Return what the largest of a sent picture's sizes is called, "" where that isn't said."""
    try:
        name = answer["photo"][-1]["file_id"]  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return ""
    return name if isinstance(name, str) else ""


def _form(fields: dict[str, Any], png: bytes) -> tuple[str, bytes]:
    """Return the content type and the body of a form that uploads a picture.

    Each field is a part; what is no text is JSON.
    """
    between = secrets.token_hex(16)
    parts = [
        f'--{between}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        f"{value if isinstance(value, str) else json.dumps(value)}\r\n".encode()
        for name, value in fields.items()
    ]
    photo = (
        f'--{between}\r\nContent-Disposition: form-data; name="photo"; filename="result.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    whole = b"".join([*parts, photo.encode(), png, f"\r\n--{between}--\r\n".encode()])
    return f"multipart/form-data; boundary={between}", whole
