"""Bringing a service's database to the schema its code needs: the kernel's migrations and the service's own.

Both live in one Alembic history with two branches, so that the kernel can grow without renumbering any service.
"""

from __future__ import annotations

import asyncpg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection, make_url

from shared.store.engine import asyncpg_dsn, create_engine
from shared.store.revisions import KERNEL, folders

_LOCK = 0x6D73_6D67


def config_for(service: str) -> Config:
    """The Alembic configuration of one service: kernel and service versions side by side; a service may have none."""
    config = Config()
    config.set_main_option("script_location", str(KERNEL))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(str, folders(service))))
    return config


async def create_database(url: str) -> bool:
    """Create the database that `url` names where it is missing; returns whether it was created.

    Needs the right to create databases; without it, an administrator creates it and this finds it there.
    """
    name = make_url(url).database
    assert name, "a service's database URL names its database"
    maintenance = asyncpg_dsn(make_url(url).set(database="postgres").render_as_string(hide_password=False))
    connection = await asyncpg.connect(maintenance, timeout=10)
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            return False
        quoted = '"' + name.replace('"', '""') + '"'
        try:
            await connection.execute(f"CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8'")
        except asyncpg.DuplicateDatabaseError:
            return False
        return True
    finally:
        await connection.close()


async def migrate(service: str, url: str) -> list[str]:
    """Apply what is missing; returns the revisions that the database is at. Two at once wait for each other."""
    await create_database(url)
    engine = create_engine(url, pool_size=1, application="minsheng-migrate")
    try:
        async with engine.begin() as connection:
            await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            return await connection.run_sync(_upgrade, config_for(service))
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, config: Config) -> list[str]:
    config.attributes["connection"] = connection
    command.upgrade(config, "heads")
    return sorted(MigrationContext.configure(connection).get_current_heads())
