"""Migrations, run by Alembic. `HEAD` lets a start see without Alembic that none is due."""

HEAD = "0001"
