"""The schema of a PostgreSQL database is brought up to date by a command, and by nothing else."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from storage.migrations import HEAD
from tests.peers.fake_twilio import FakeTwilio
from tests.peers.twilio_prism import free_port
from tests.processes.fleet import fleet, until
from tests.storage.postgres import new_database


@pytest.fixture
async def empty_postgres(postgres_server):
    """Make a database without a table; returns its address."""
    async with new_database(postgres_server) as connection:
        name = await connection.fetchval("SELECT current_database()")
        yield f"{postgres_server}/{name}"


async def test_serve_makes_no_schema(tmp_path, empty_postgres):
    """A database without tables is refused with the command that makes them."""
    async with FakeTwilio() as carrier, fleet(tmp_path, empty_postgres, sms=carrier.url) as here:
        code, _, complained = await here.command("serve")
        assert code == 1
        assert "run `switchboard migrate`" in complained
        assert complained.count("\n") == 1


async def test_a_newer_schema_is_refused(tmp_path, migrated_postgres):
    """What a newer program has made this one leaves alone: `serve` and `migrate` say so."""
    connection = await asyncpg.connect(migrated_postgres)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    async with FakeTwilio() as carrier, fleet(tmp_path, migrated_postgres, sms=carrier.url) as here:
        for command in ("serve", "migrate"):
            code, _, complained = await here.command(command)
            assert code == 1
            assert "newer" in complained
            assert complained.count("\n") == 1


async def test_two_migrate_at_once(tmp_path, empty_postgres):
    """Both succeed, and the schema is there once; what runs then runs on it."""
    async with FakeTwilio() as carrier, fleet(tmp_path, empty_postgres, sms=carrier.url) as here:
        await asyncio.gather(*[here.cli("migrate") for _ in range(3)])
        assert await here.rows("SELECT version_num FROM alembic_version") == [(HEAD,)]
        await here.start(port=here.port)


async def test_the_host_that_can_be_written(tmp_path, migrated_postgres):
    """Of several hosts in the address each process takes the one that is there and can write."""
    there = migrated_postgres.removeprefix("postgresql://tests@")
    host, _, name = there.partition("/")
    storage = f"postgresql://tests@127.0.0.1:{free_port()},{host}/{name}"
    async with FakeTwilio() as carrier, fleet(tmp_path, storage, sms=carrier.url) as here:
        process = await here.start(port=here.port)
        assert await here.text("+12025550123", "JOIN", process) == 200
        await until(lambda: carrier.messages, 10, "it is answered")
