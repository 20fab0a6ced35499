from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.store.engine import create_engine
from shared.web.idempotency import Answer, begin, finish, forget_before, idempotency_table
from shared.web.problems import Problem

metadata = sa.MetaData()
table = idempotency_table(metadata)
FIRST = Answer("f1", 202, b'{"case":1}', "application/json")


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


async def test_the_first_answer_is_given_again_once_it_is_committed(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        assert await begin(connection, table, "staff:li", "k", "f1") is None
        await finish(connection, table, "staff:li", "k", FIRST)
    async with engine.begin() as connection:
        assert await begin(connection, table, "staff:li", "k", "f1") == FIRST
    async with engine.begin() as connection:
        with pytest.raises(Problem, match="422"):
            await begin(connection, table, "staff:li", "k", "f2")


async def test_a_key_in_flight_is_refused_until_its_transaction_ends(engine: AsyncEngine) -> None:
    async with engine.connect() as first:
        transaction = await first.begin()
        assert await begin(first, table, "staff:li", "k", "f1") is None
        async with engine.begin() as second:
            with pytest.raises(Problem, match="409"):
                await begin(second, table, "staff:li", "k", "f1")
        await transaction.rollback()
    async with engine.begin() as third:
        assert await begin(third, table, "staff:li", "k", "f2") is None, "what was rolled back never happened"


async def test_the_keys_of_two_callers_never_meet(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await begin(connection, table, "staff:li", "k", "f1")
        await finish(connection, table, "staff:li", "k", FIRST)
        async with engine.begin() as other:
            assert await begin(other, table, "staff:wang", "k", "f2") is None, "while li's is in flight"
    async with engine.begin() as connection:
        assert await begin(connection, table, "staff:wang", "k", "f2") is None, "once li's is answered"


async def test_old_answers_are_forgotten_and_young_ones_kept(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for key in ("old", "young"):
            await finish(connection, table, "s", key, FIRST)
        past = datetime.now(UTC) - timedelta(days=2)
        await connection.execute(table.update().where(table.c.key == "old").values(created_at=past))
        assert await forget_before(connection, table, datetime.now(UTC) - timedelta(days=1)) == 1
        assert await begin(connection, table, "s", "young", "f1") == FIRST
        assert await begin(connection, table, "s", "old", "f2") is None
