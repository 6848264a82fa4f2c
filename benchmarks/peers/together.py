"""Every peer beside Switchboard in one run, over the same sink, both configurations printed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.engines import ENGINES, FILE, storage
from benchmarks.peers import broadcaster, kannel, ours, rapidsms
from benchmarks.peers.place import Missing


def measure() -> dict[str, float]:
    """Return each peer's figures and ours. A missing peer has none; with REQUIRE_PEERS it raises.

    Raises: Missing.
    """
    print(f"# Switchboard: {ours.CONFIGURATION}", flush=True)
    figures: dict[str, float] = {}
    for name, peer, compare in COMPARED:
        try:
            figures |= compare()
            print(f"# {name}: {peer}", flush=True)
        except Missing as missing:
            if os.environ.get("REQUIRE_PEERS"):
                raise
            print(f"# {name} is not measured: {missing}", flush=True)
    return figures


def _rapidsms() -> dict[str, float]:
    figures = {}
    for engine in ENGINES:
        with tempfile.TemporaryDirectory() as folder, storage(engine) as url:
            file = f"sqlite://{Path(folder) / 'rapidsms.db'}"
            theirs = rapidsms.measure(file if url == FILE else url)
        with storage(engine) as url:
            rate = ours.answers(url)
        figures[f"rapidsms_in_per_s_{engine}"] = theirs
        figures[f"switchboard_in_per_s_{engine}"] = rate
        figures[f"inbound_over_rapidsms_ratio_{engine}"] = rate / theirs
    return figures


def _broadcaster() -> dict[str, float]:
    theirs = broadcaster.measure()
    figures = {"aiogram_broadcaster_out_per_s": theirs}
    for engine in ENGINES:
        with storage(engine) as url:
            rate = ours.sends(url, "telegram", broadcaster.CHATS)
        figures[f"switchboard_telegram_out_per_s_{engine}"] = rate
        figures[f"outbound_over_aiogram_broadcaster_ratio_{engine}"] = rate / theirs
    return figures


def _kannel() -> dict[str, float]:
    figures = kannel.measure()
    for engine in ENGINES:
        with storage(engine) as url:
            rate = ours.sends(url, "sms", kannel.MESSAGES)
        figures[f"switchboard_sms_out_per_s_{engine}"] = rate
    return figures


COMPARED = (
    ("RapidSMS", rapidsms.CONFIGURATION, _rapidsms),
    ("aiogram-broadcaster", broadcaster.CONFIGURATION, _broadcaster),
    ("Kannel", kannel.CONFIGURATION, _kannel),
)
