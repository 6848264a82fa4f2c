"""The database server goes away under load, hangs, or has a process that stands still."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from storage.opening import migrate, place
from tests.peers.fake_twilio import FakeTwilio
from tests.postgres_server import NoServer, running
from tests.processes.fleet import fleet, until

NUMBERS = [f"+1202555{at:04d}" for at in range(40)]
OPTIONS = ("--option", "Taps", "--option", "Price", "--option", "Drains")
ANSWER_SECONDS = 12.0  # 10, and a busy machine


@pytest.fixture(scope="module")
def server():
    """Run a server of our own, to be stopped."""
    try:
        with running() as found:
            yield found
    except NoServer as error:
        if os.environ.get("REQUIRE_PEERS") == "1":
            pytest.fail(str(error))
        pytest.skip(f"no PostgreSQL here: {error}")


class Crowd:
    """Everybody answers again and again, one message after the other, until it is over."""

    def __init__(self, here, processes):
        self._here = here
        self._dice = random.Random(7)
        self._processes = processes
        self.said = {number: [] for number in NUMBERS}
        self.is_over = False

    def choose(self):
        return self._dice.choice([process for process in self._processes if process.is_up])

    async def one(self, number):
        while not self.is_over:
            digit = self._dice.randint(1, 3)
            self.said[number].append(digit)
            await self._here.deliver(number, str(digit), self.choose)
            await asyncio.sleep(self._dice.uniform(0.2, 0.8))


@asynccontextmanager
async def under_load(tmp_path, server, name):
    """Two processes, a poll that everybody answers without end, and news on the way to them."""
    admin = await asyncpg.connect(f"{server.address}/postgres")
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    storage = f"{server.address}/{name}"
    await migrate(place(storage, tmp_path))
    async with FakeTwilio() as carrier, fleet(tmp_path, storage, sms=carrier.url, rate=200) as here:
        await here.enrol(NUMBERS)
        processes = await asyncio.gather(here.start(port=here.port), here.start())
        await here.cli("poll", "Which first?", *OPTIONS, "--named", "--yes")
        await until(lambda: len(carrier.messages) == len(NUMBERS), 30, "everybody is asked")
        crowd = Crowd(here, processes)
        talking = asyncio.gather(*map(crowd.one, NUMBERS))
        try:
            await asyncio.sleep(1)
            yield here, carrier, crowd, processes
            crowd.is_over = True
            async with asyncio.timeout(40):
                await talking
            await until(lambda: _is_quiet(here), 60, "all has left")
            await _agrees(here, carrier, crowd)
        finally:
            talking.cancel()
            with suppress(asyncio.CancelledError):
                await talking


async def _is_quiet(here):
    (found,) = await here.rows(
        "SELECT COUNT(*) FROM outbox WHERE status NOT IN ('sent', 'delivered')"
    )
    return not found[0]


async def _agrees(here, carrier, crowd):
    """Each message counts once and in its order, each reply came once, nothing is half done."""
    kept = await here.rows(
        "SELECT a.value, i.text, i.state FROM inbound i JOIN addresses a ON a.id = i.address_id"
        " ORDER BY i.id"
    )
    order = {number: [] for number in NUMBERS}
    for number, text, state in kept:
        assert state == "done"
        order[number].append(int(text))
    assert order == crowd.said
    echoes = Counter(f["To"] for f in carrier.creates if "We have:" in f["Body"])
    assert echoes == Counter({number: len(said) for number, said in crowd.said.items()})
    answers = await here.rows(
        "SELECT a.value, s.value FROM answers s JOIN member_addresses m USING (member_id)"
        " JOIN addresses a ON a.id = m.address_id"
    )
    assert {number: int(value) for number, value in answers} == {
        number: said[-1] for number, said in crowd.said.items()
    }


def _answered(here, since):
    """Return the statuses of the webhooks' answers since then, and the longest that one took."""
    found = here.answers[since:]
    return Counter(status for status, _ in found), max(seconds for _, seconds in found)


def _with_children(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [pid, *map(int, children.split())]


async def test_the_server_is_stopped_and_started(tmp_path, server):
    """Meanwhile webhooks answer 503 in time; afterwards everything is done once, by itself."""
    async with under_load(tmp_path, server, "stopped") as (here, _, _, processes):
        since = len(here.answers)
        await asyncio.to_thread(server.stop, signal.SIGINT)
        try:
            await asyncio.sleep(ANSWER_SECONDS)
            statuses, longest = _answered(here, since)
        finally:
            await asyncio.to_thread(server.start)
        assert statuses[503]
        assert set(statuses) <= {200, 503}
        assert longest < ANSWER_SECONDS
        assert {process.is_up for process in processes} == {True}
        since = len(here.answers)
        await until(
            lambda: Counter(s for s, _ in here.answers[since:])[200] > 100, 20, "it goes on"
        )


async def test_the_server_hangs(tmp_path, server):
    """A server that says nothing is as good as away: 503 in time, and nothing is lost."""
    async with under_load(tmp_path, server, "hung") as (here, _, _, _):
        frozen = _with_children(server.pid)
        since = len(here.answers)
        for process in frozen:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)
        try:
            await asyncio.sleep(ANSWER_SECONDS)
            statuses, longest = _answered(here, since)
            assert statuses[503]
            assert longest < ANSWER_SECONDS
        finally:
            for process in frozen:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)


async def test_a_process_stands_still(tmp_path, server):
    """Whatever a frozen process holds is given up by the server: its peers go on for everybody."""
    async with under_load(tmp_path, server, "frozen") as (_, _, crowd, processes):
        frozen, other = processes
        frozen.signal(signal.SIGSTOP)
        crowd._processes = [other]
        spoken = {number: len(said) for number, said in crowd.said.items()}
        await until(
            lambda: all(len(crowd.said[n]) > spoken[n] + 2 for n in NUMBERS),
            45,
            "everybody goes on",
        )
        frozen.signal(signal.SIGCONT)
        crowd._processes = processes
        await asyncio.sleep(1)
