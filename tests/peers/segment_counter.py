"""Twilio's own counter of SMS parts (npm: sms-segments-calculator), kept in one node process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PEERS = Path(__file__).parents[2] / ".peers"
_PACKAGE = _PEERS / "node_modules" / "sms-segments-calculator"
_PROGRAM = """
const { SegmentedMessage } = require("sms-segments-calculator");
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const found = new SegmentedMessage(JSON.parse(line));
  console.log(JSON.stringify([found.encodingName, found.segmentsCount]));
});
"""


@contextmanager
def counter() -> Iterator[Callable[[str], tuple[str, int]]]:
    """Return a function that says a text's encoding and how many parts carry it."""
    _require()
    node = subprocess.Popen(
        ["node", "-e", _PROGRAM], cwd=_PEERS, text=True, encoding="utf-8",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert node.stdin is not None
    assert node.stdout is not None
    asked, told = node.stdin, node.stdout

    def count(text: str) -> tuple[str, int]:
        asked.write(json.dumps(text) + "\n")
        asked.flush()
        encoding, parts = json.loads(told.readline())
        return encoding, parts

    try:
        yield count
    finally:
        asked.close()
        node.wait(10)
        told.close()


def _require() -> None:
    """Skip, or fail under REQUIRE_PEERS=1, saying what is missing."""
    found = {"node": shutil.which("node"), "sms-segments-calculator": _PACKAGE.exists()}
    missing = ", ".join(name for name, there in found.items() if not there)
    if not missing:
        return
    reason = f"missing: {missing} (run `make peers`; node 20 or newer)"
    if os.environ.get("REQUIRE_PEERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
