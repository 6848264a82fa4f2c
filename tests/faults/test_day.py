"""A slice of a day of a real alliance, on each engine; the whole of it is `make day`."""

from __future__ import annotations

import os
import random

import pytest

from tests.faults.day.__main__ import Wanted, live
from tests.postgres_server import NoServer

SEED = int(os.environ.get("DAY_SEED", "0")) or random.randrange(1, 1_000_000)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_an_hour_around_the_first_poll(tmp_path, engine):
    """People answer and ask while servers end and start: the carriers' ledger agrees."""
    wanted = Wanted(
        engine=engine, begins=8.9, hours=0.8, speed=240, people=80, seed=SEED, folder=tmp_path,
        is_hasty=True,
    )  # fmt: skip
    try:
        seen = await live(wanted)
    except NoServer as error:
        if os.environ.get("REQUIRE_PEERS") == "1":
            pytest.fail(str(error))
        pytest.skip(f"no PostgreSQL here: {error}")
    wrong = [what for what in seen.wrong if " ms: " not in what]  # this machine may be busy
    assert not wrong, f"DAY_SEED={SEED}: {wrong[:10]}"
    assert seen.facts["taken"] > wanted.people
