from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.web import health


async def test_healthz_says_that_the_process_is_up(client, problems):
    """Whatever is wrong elsewhere, a process that answers is up."""
    problems.append("storage: the disk is full")
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


@pytest.mark.parametrize(
    ("wrong", "status", "text"),
    [
        ([], 200, "ok"),
        (["disk: 120 MB free"], 503, "disk: 120 MB free\n"),
        (["a\r\nb", "c"], 503, "a b\nc\n"),
        ([OSError("postgresql://user@host")], 503, "could not be checked: OSError\n"),
    ],
)
async def test_readyz_names_each_problem_in_a_line(client, problems, wrong, status, text):
    """Nothing wrong is 200; else 503, and an exception is told by its type alone."""
    problems += wrong
    with capture_logs() as logs:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.text) == (status, text)
    assert "postgresql://" not in str(logs)


async def test_readyz_does_not_wait_for_ever(monkeypatch):
    """A storage that hangs is a problem too."""
    monkeypatch.setattr(health, "READY_SECONDS", 0.01)
    assert await health._problems(asyncio.Event().wait) == ["nothing answered within 0 s"]


async def test_metrics_are_prometheus_text(client, metrics):
    """A monitor reads what was counted."""
    metrics.inbound("sms", "accepted")
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'switchboard_inbound_total{channel="sms",outcome="accepted"} 1.0' in answer.text


async def test_other_paths_are_not_there(client):
    """There is nothing at the root."""
    assert (await client.get("/")).status_code == 404
