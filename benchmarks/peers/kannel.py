"""Kannel as a bare gateway between HTTP and Debian's fake operator: it keeps nothing on disk."""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from benchmarks.broadcast import TEXT
from benchmarks.peers.place import load, program, running, until_listening
from benchmarks.place import free_port, get, sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGES = 20_000
CONNECTIONS = 16
QUIET = ("-v", "4")  # only what ends it: by default it writes many lines about each message
CONFIG = """
group = core
admin-port = {admin}
admin-password = bench
admin-interface = 127.0.0.1
smsbox-interface = 127.0.0.1
smsbox-port = {boxes}
box-allow-ip = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake
port = {operator}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
http-request-retry = 3
http-queue-delay = 1

group = sendsms-user
username = bench
password = bench
concatenation = true

group = sms-service
keyword = default
catch-all = true
omit-empty = true
get-url = "http://127.0.0.1:{sink}/received?from=%p&to=%P&text=%b&id=%I"
"""
CONFIGURATION = (
    "bearerbox and smsbox, messages and receipts in memory, smsc = fake;"
    f" out: GET /cgi-bin/sendsms on {CONNECTIONS} connections until the operator has all;"
    " in: from the operator until the sink has all; it checks, records and answers nothing"
)


def measure() -> dict[str, float]:
    """Return its rates out and in. Raises Missing."""
    program("/usr/sbin/bearerbox"), program("/usr/sbin/smsbox"), _operator()
    names = ("admin", "boxes", "operator", "sendsms")
    with tempfile.TemporaryDirectory() as name, sink() as port_of_sink:
        ports = {name: free_port() for name in names}
        config = Path(name) / "kannel.conf"
        config.write_text(CONFIG.format(sink=port_of_sink, **ports))
        with _gateway(config, ports):
            out = _out(Path(name), ports)
            in_ = _in(ports, port_of_sink)
    return {"kannel_out_per_s": out, "kannel_in_per_s": in_}


def _operator() -> str:
    return program("/usr/lib/kannel/test/fakesmsc")


@contextlib.contextmanager
def _gateway(config: Path, ports: dict[str, int]) -> Iterator[None]:
    with running("/usr/sbin/bearerbox", *QUIET, str(config)):
        until_listening(ports["boxes"])
        with running("/usr/sbin/smsbox", *QUIET, str(config)):
            until_listening(ports["sendsms"])
            yield


def _talk(ports: dict[str, int], *words: str) -> tuple[str, ...]:
    return (_operator(), *QUIET, "-H", "127.0.0.1", "-r", str(ports["operator"]), *words)


def _out(folder: Path, ports: dict[str, int]) -> float:
    """Return messages a second from the first request until the operator has the last."""
    talking = _talk(ports, "-i", "3600", "-m", "2", "12025550123 12345 text hello")
    with running(*talking):
        _until(lambda: "online" in _status(ports), 30)
        load(folder, ports["sendsms"], CONNECTIONS, _requests(MESSAGES // 10))
        before = _sent(ports)
        seconds = MESSAGES / load(folder, ports["sendsms"], CONNECTIONS, _requests(MESSAGES))
        accepted_at = time.perf_counter()
        _until(lambda: _sent(ports) - before >= MESSAGES, 60)
        return MESSAGES / (seconds + time.perf_counter() - accepted_at)


def _requests(count: int) -> Iterator[bytes]:
    for number in range(count):
        words = {
            "username": "bench", "password": "bench", "from": "12345",
            "to": f"+1202555{number % 10_000:04d}", "text": TEXT,
        }  # fmt: skip
        line = f"GET /cgi-bin/sendsms?{urlencode(words)} HTTP/1.1"
        yield f"{line}\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _in(ports: dict[str, int], port_of_sink: int) -> float:
    """Return messages a second from the operator's first until the sink has the last."""
    before, began = int(get(port_of_sink, "/count")), time.perf_counter()
    with running(*_talk(ports, "-i", "0", "-m", str(MESSAGES), "12025550123 12345 text 2")):
        _until(lambda: int(get(port_of_sink, "/count")) - before >= MESSAGES, 120)
        return MESSAGES / (time.perf_counter() - began)


def _status(ports: dict[str, int]) -> str:
    return get(ports["admin"], "/status.xml?password=bench").decode()


def _sent(ports: dict[str, int]) -> int:
    found = re.search(r"<sms>.*?<sent><total>(\d+)", _status(ports), re.DOTALL)
    assert found
    return int(found[1])


def _until(holds: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise RuntimeError("Kannel did not finish in time")
        time.sleep(0.02)
