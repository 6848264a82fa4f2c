"""RapidSMS with a poll: an answer comes in, is recorded once, and is said back to the sink."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from benchmarks.peers.place import load, output, python, running, until_listening
from benchmarks.place import free_port, get, sink

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWERS = 1_000  # at each number of connections
WARM = 100
AT_ONCE = (1, 4, 16, 64)
CONFIGURATION = (
    "2.2.0, Django 5.2, gunicorn with 2 workers of 2 threads, DEBUG off, no message log,"
    " no sessions, connections to the database kept (SQLite: WAL, synchronous=FULL, BEGIN"
    f" IMMEDIATE), its Kannel backend both ways; the best of {AT_ONCE} connections"
)
GUNICORN = ("--workers", "2", "--worker-class", "gthread", "--threads", "2")
WSGI = "django.core.wsgi:get_wsgi_application()"
COUNT = "from benchmarks.peers.alliance.models import Answer; print(Answer.objects.count())"


def measure(database: str) -> float:
    """Return the answers a second it records and echoes, at its best. Raises Missing."""
    people = WARM + len(AT_ONCE) * ANSWERS
    with tempfile.TemporaryDirectory() as name, sink() as port_of_sink:
        more = {
            "DJANGO_SETTINGS_MODULE": "benchmarks.peers.alliance.project",
            "PEER_DATABASE": database,
            "PEER_SINK": str(port_of_sink),
        }
        output(python(), "-m", "benchmarks.peers.alliance.prepare", str(people), more=more)
        best = _best(Path(name), more)
        recorded = int(output(python(), "-m", "django", "shell", "-v0", "-c", COUNT, more=more))
        said = int(get(port_of_sink, "/count"))
    if not recorded == said == people:
        raise RuntimeError(f"RapidSMS recorded {recorded} and said {said} of {people}")
    return best


def _best(folder: Path, more: dict[str, str]) -> float:
    port = free_port()
    with running(
        python(), "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *GUNICORN, WSGI, more=more
    ):
        until_listening(port)
        load(folder, port, 2, _answers(0, WARM))
        return max(
            load(folder, port, at_once, _answers(WARM + turn * ANSWERS, ANSWERS))
            for turn, at_once in enumerate(AT_ONCE)
        )


def _answers(first: int, count: int) -> Iterator[bytes]:
    """Yield what Kannel asks for each message, each of another person."""
    for number in range(first, first + count):
        words = {"id": f"+1202555{number:04d}", "text": 1 + number % 3, "charset": "UTF-8"}
        line = f"GET /backend/kannel/?{urlencode(words)}&coding=0 HTTP/1.1"
        yield f"{line}\r\nHost: 127.0.0.1\r\n\r\n".encode()
