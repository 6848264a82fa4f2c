"""A poll that everybody was asked, and the signed webhooks that bring their answers."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

from benchmarks.place import SID, TOKEN, fill, opened
from bot.alliance import alliance_of
from bot.config import load
from handlers import poll
from storage import audience
from storage.instant import HOUR, clock

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/hooks/sms"


class Webhooks:
    """Makes the requests as Twilio would; what all of them begin with is hashed once."""

    def __init__(self, port: int) -> None:
        url = f"http://127.0.0.1:{port}{PATH}"
        self._same = f"AccountSid={SID}&ApiVersion=2010-04-01&Body="
        self._head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: "
        )
        signed = f"{url}AccountSid{SID}ApiVersion2010-04-01Body"
        self._begun = hmac.new(TOKEN.encode(), signed.encode(), "sha1")

    def answer(self, label: str, number: int, person: int) -> bytes:
        """Return the request that brings a person's answer, as a message of its own."""
        sid = f"SM{label}{number:026d}"
        digit, phone = 1 + number % 3, f"1202555{person:04d}"
        mac = self._begun.copy()
        mac.update(
            f"{digit}From+{phone}MessageSid{sid}NumMedia0NumSegments1SmsStatusreceivedTo+15005550006".encode()
        )
        body = (
            f"{self._same}{digit}&From=%2B{phone}&MessageSid={sid}&NumMedia=0&NumSegments=1"
            "&SmsStatus=received&To=%2B15005550006"
        )
        signature = base64.b64encode(mac.digest()).decode()
        return f"{self._head}{signature}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def open_poll(folder: Path, people: int) -> None:
    """Ask so many people, as if the question had reached them."""
    database = await fill(folder, "sms", people)
    alliance = alliance_of(load(folder / "config.toml"))
    form = poll.form(alliance, "Which first?", ["Taps", "Price", "Drains"], named=False)
    now = clock()
    round_, _ = await database.write(
        lambda tx: poll.poll(
            tx, alliance, audience.All(), form, closes_at=now + 72 * HOUR, by=None, now=now
        )
    )
    await database.write(lambda tx: tx.run("UPDATE batches SET state = 'queued'"))
    await database.write(
        lambda tx: tx.run(
            "INSERT INTO dialogs (member_id, round_id, address_id, question, state, opened_at)"
            " SELECT member_id, CAST(:round_id AS BIGINT), address_id, 0, 'open',"
            " CAST(:now AS BIGINT) FROM member_addresses",
            round_id=round_.id, now=now,
        )
    )  # fmt: skip
    await database.close()


async def check(folder: Path, people: int, messages: int, unanswered: int = 0) -> None:
    """Raise RuntimeError unless each person has one answer, and each message was echoed.

    Of a message that was not answered nobody can tell whether it was kept.
    """
    database = await opened(folder)
    answers = await database.read(lambda tx: tx.row("SELECT COUNT(*) FROM answers"))
    echoes = await database.read(lambda tx: tx.row("SELECT COUNT(*) FROM outbox WHERE kind = 0"))
    await database.close()
    found = (int(answers[0]), int(echoes[0]))  # type: ignore[index]
    if found[0] > people or not messages - unanswered <= found[1] <= messages:
        raise RuntimeError(f"{found[0]} answers of {people}, {found[1]} echoes of {messages}")
    if not unanswered and found[0] < people:
        raise RuntimeError(f"{found[0]} answers of {people}")
