"""Which databases `minsheng up --simulate` plays with."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
import typer

from services.cli.whole import be_demonstration
from shared.store.engine import create_engine
from shared.store.migration import migrate
from tests.support.intake import Replica, intake_settings, posted


async def real_request(database: str) -> None:
    engine = create_engine(database)
    replica = Replica(engine, intake_settings())
    async with replica.channel() as channel:
        assert (await channel.post("/v1/requests", json=posted())).status_code == 202
    await engine.dispose()


async def test_a_database_with_real_requests_is_refused(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    await migrate("intake", database)
    await real_request(database)
    with pytest.raises(typer.Exit):
        await be_demonstration(database, embedded=False)
    assert "real people's cases" in capsys.readouterr().err.replace("\n", " ")
    engine = create_engine(database)
    async with engine.connect() as connection:
        mark = await connection.scalar(
            sa.text("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()")
        )
    await engine.dispose()
    assert mark is None
    # The embedded one is never for real requests.
    await be_demonstration(database, embedded=True)


async def test_an_empty_database_becomes_one_for_play_and_stays_so(database: str) -> None:
    await migrate("intake", database)
    await be_demonstration(database, embedded=False)
    await real_request(database)
    await be_demonstration(database, embedded=False)
