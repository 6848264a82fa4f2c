"""Doors to knock at: a channel that reads what a case says, and a recording accept."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from prometheus_client import CollectorRegistry

from bot.channels.base import Context
from bot.channels.simulator import DRIVER
from bot.web.doors import build
from bot.web.metrics import Metrics
from storage.errors import BadNumber

BASE = "http://127.0.0.1:8080"


class FakeChannel:
    """Reads every request as `events`, or raises `error`; keeps the requests."""

    def __init__(self, name="sms"):
        self.name = name
        self.events = []
        self.error = None
        self.requests = []
        self.receipts = []

    def parse(self, request):
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        return self.events

    def parse_receipt(self, request):
        self.receipts.append(request)
        return self.events


class Accept:
    """Keeps what it was given, once `gate` is open; raises `error` where there is one."""

    def __init__(self):
        self.events = []
        self.error = None
        self.called = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, events):
        self.called.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.events += events


def read_number(text):
    """Read +1 202 555 01xx, with or without the country's code."""
    digits = re.sub(r"[ ()-]", "", text)
    if not re.fullmatch(r"(\+?1)?20255501\d\d", digits):
        raise BadNumber("write it like +1 202 555 0123")
    return f"+1{digits[-10:]}"


@pytest.fixture
def channel():
    """The one provider's channel, called sms."""
    return FakeChannel()


@pytest.fixture
async def accept():
    """What the doors hand events to."""
    return Accept()


@pytest.fixture
async def simulator():
    """The virtual phones, called phones."""
    settings = DRIVER.settings(driver="simulator")
    return DRIVER.build("phones", settings, Context(BASE, ("US",)))


@pytest.fixture
def metrics():
    """Metrics in a registry of their own."""
    return Metrics(CollectorRegistry())


@pytest.fixture
def problems():
    """What /readyz finds wrong; a case may put an exception or a delay in its place."""
    return []


@pytest.fixture
def app(channel, accept, simulator, metrics, problems):
    """All the doors."""

    async def ready():
        if problems and isinstance(problems[0], Exception):
            raise problems[0]
        return problems

    return build(
        channels={channel.name: channel, simulator.name: simulator},
        accept=accept,
        ready=ready,
        metrics=metrics,
        simulator=simulator,
        numbers=read_number,
    )


@pytest.fixture
async def client(app):
    """A client on this machine."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client
