from __future__ import annotations

import asyncio
import pkgutil
from datetime import datetime, timedelta
from types import SimpleNamespace

import apscheduler.schedulers.base
import pytest
from structlog.testing import capture_logs

from scheduler import clock as clock_module
from scheduler import jobs
from scheduler.clock import Clock, found
from storage.errors import Busy, Closed
from tests.bot.sending.office import until


def job(run, every=0.01):
    """Return a job as a module of `scheduler.jobs` is one."""
    return SimpleNamespace(__name__="a job", EVERY=every, run=run)


def test_every_file_of_the_folder_is_a_job():
    """A new job is one new file: it says how often, and what."""
    names = {module.__name__ for module in found()}
    assert names == {f"scheduler.jobs.{m.name}" for m in pkgutil.iter_modules(jobs.__path__)}
    assert {"scheduler.jobs.start_due", "scheduler.jobs.close_rounds"} <= names
    for module in found():
        assert module.EVERY > 0
        assert asyncio.iscoroutinefunction(module.run)


async def ended(ticking):
    """Let a clock tick no more."""
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)


async def test_each_job_is_run_at_its_pace_with_the_clock_s_instant(post, monkeypatch):
    """At once, since something may be long due, and again and again."""
    runs = []

    async def run(database, alliance, now):
        runs.append((database, alliance, now))

    monkeypatch.setattr(clock_module, "found", lambda: [job(run)])
    clock = Clock(post.database, post.alliance, lambda: 77)
    ticking = asyncio.create_task(clock.run())
    await until(lambda: len(runs) >= 3)
    await ended(ticking)
    assert runs[0] == (post.database, post.alliance, 77)


async def test_a_slow_job_is_run_at_once_however_seldom(post, monkeypatch):
    """A program that is restarted each half hour still prunes each hour."""
    ran = asyncio.Event()

    async def run(database, alliance, now):
        ran.set()

    monkeypatch.setattr(clock_module, "found", lambda: [job(run, every=3_600)])
    clock = Clock(post.database, post.alliance)
    ticking = asyncio.create_task(clock.run())
    async with asyncio.timeout(2):
        await ran.wait()
    await ended(ticking)


async def test_a_job_is_never_run_twice_at_once(post, monkeypatch, caplog):
    """A long tick puts off the next one."""
    at_once, most, runs = [0], [0], [0]

    async def run(database, alliance, now):
        runs[0] += 1
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        await asyncio.sleep(0.05)
        at_once[0] -= 1

    monkeypatch.setattr(clock_module, "found", lambda: [job(run)])
    clock = Clock(post.database, post.alliance)
    ticking = asyncio.create_task(clock.run())
    await until(lambda: runs[0] >= 3)
    await ended(ticking)
    assert most == [1]


@pytest.mark.parametrize(
    ("error", "event"),
    [(Busy("locked"), "job_waits"), (ValueError("a bug"), "job_failed"), (Closed("over"), None)],
)
async def test_a_job_that_fails_stops_no_clock(post, error, event):
    """It is logged, and runs again at its next tick; at the end of the program it is silent."""

    async def run(database, alliance, now):
        raise error

    with capture_logs() as logs:
        await Clock(post.database, post.alliance).tick("a job", run)
    assert [entry["event"] for entry in logs] == ([event] if event else [])


async def test_a_clock_set_back_holds_up_no_job(post, monkeypatch):
    """The machine's clock is set back by an hour: what is due is done now, not in an hour."""
    wrong_by = [timedelta()]

    class Wall(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + wrong_by[0]

    runs = []

    async def run(database, alliance, now):
        runs.append(now)

    monkeypatch.setattr(clock_module, "found", lambda: [job(run, every=0.05)])
    monkeypatch.setattr(clock_module, "LOOK", 0.01)
    for module in (clock_module, apscheduler.schedulers.base):
        monkeypatch.setattr(module, "datetime", Wall)
    ticking = asyncio.create_task(Clock(post.database, post.alliance).run())
    await until(lambda: len(runs) >= 2)
    wrong_by[0] = timedelta(hours=-1)
    before = len(runs)
    await until(lambda: len(runs) >= before + 5)
    await ended(ticking)


async def test_a_stopped_clock_ticks_no_more(post, monkeypatch):
    """Nothing begins after the end."""
    runs = []

    async def run(database, alliance, now):
        runs.append(now)

    monkeypatch.setattr(clock_module, "found", lambda: [job(run)])
    clock = Clock(post.database, post.alliance)
    ticking = asyncio.create_task(clock.run())
    await until(lambda: runs)
    await ended(ticking)
    await asyncio.sleep(0.02)
    count = len(runs)
    await asyncio.sleep(0.05)
    assert len(runs) == count
