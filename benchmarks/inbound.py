"""Inbound: a signed webhook with a poll answer, recorded, its echo queued, durable."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from benchmarks.place import SID, TOKEN, configure, fill, free_port, server, sink
from bot.alliance import alliance_of
from bot.config import load
from handlers import poll
from storage import audience
from storage.instant import HOUR, clock

ANSWERS = 8_000
CONNECTIONS = 64


def measure() -> dict[str, float]:
    """Return the rates of the floor and of the program, and their ratio."""
    with tempfile.TemporaryDirectory() as name, sink() as port_of_sink:
        folder, port = Path(name), free_port()
        configure(folder, port, port_of_sink, 10, "sms")
        asyncio.run(_open_poll(folder))
        with server(folder, port, "benchmarks.checking", str(folder / "config.toml")):
            _load(folder, port, "warm", ANSWERS // 8)
            floor = _load(folder, port, "floor", ANSWERS)
        with server(folder, port):
            _load(folder, port, "warm", ANSWERS // 8)
            rate = _load(folder, port, "real", ANSWERS)
        asyncio.run(_all_counted(folder))
    return {
        "inbound_floor_per_s": floor,
        "inbound_per_s": rate,
        "inbound_ratio": rate / floor,
    }


async def _open_poll(folder: Path) -> None:
    """Ask everyone, as if the question had reached them."""
    database = await fill(folder, "sms", ANSWERS)
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
            " SELECT member_id, :round_id, address_id, 0, 'open', :now FROM member_addresses",
            round_id=round_.id, now=now,
        )
    )  # fmt: skip
    await database.close()


async def _all_counted(folder: Path) -> None:
    from storage.opening import open_database, place  # noqa: PLC0415

    database = await open_database(place("sqlite:///bench.db", folder))
    row = await database.read(lambda tx: tx.row("SELECT COUNT(*) FROM answers"))
    echoes = await database.read(lambda tx: tx.row("SELECT COUNT(*) FROM outbox WHERE kind = 0"))
    await database.close()
    if row[0] != ANSWERS or echoes[0] < ANSWERS:  # type: ignore[index]
        raise RuntimeError(f"{row[0]} answers and {echoes[0]} echoes of {ANSWERS}")  # type: ignore[index]


def _load(folder: Path, port: int, label: str, count: int) -> float:
    path = folder / "requests"
    validator, url = RequestValidator(TOKEN), f"http://127.0.0.1:{port}/hooks/sms"
    with path.open("wb") as file:
        for number in range(count):
            fields = {
                "MessageSid": f"SM{label}{number:026d}",
                "AccountSid": SID,
                "From": f"+1202555{number:04d}",
                "To": "+15005550006",
                "Body": str(1 + number % 3),
                "NumMedia": "0",
                "NumSegments": "1",
                "SmsStatus": "received",
                "ApiVersion": "2010-04-01",
            }
            body = urlencode(fields).encode()
            head = (
                f"POST /hooks/sms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n"
                f"X-Twilio-Signature: {validator.compute_signature(url, fields)}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            ).encode()
            file.write(b"%d\n" % (len(head) + len(body)) + head + body)
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(CONNECTIONS), str(path)]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if done["bad"]:
        raise RuntimeError(f"{done['bad']} requests were refused")
    return float(done["good"] / done["seconds"])
