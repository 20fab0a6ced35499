"""`minsheng offsets reset` on a real database."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from services.cli.commands import root
from shared.store.engine import application_of, asyncpg_dsn, create_engine
from shared.store.migration import migrate

TOPICS = ("minsheng.requests", "minsheng.followups")


async def test_it_is_refused_while_the_service_runs_and_for_topics_that_there_are_not(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate("routing", database)
    engine = create_engine(database)
    async with engine.begin() as connection:
        for topic in TOPICS:
            await connection.execute(
                sa.text("INSERT INTO offsets VALUES ('routing', :topic, 0, :id, 5)"), {"topic": topic, "id": uuid4()}
            )

    async def left() -> list[str]:
        async with engine.connect() as connection:
            return sorted(await connection.scalars(sa.text("SELECT topic FROM offsets")))

    monkeypatch.setenv("MINSHENG_ROUTING_DATABASE", database.replace("postgresql+asyncpg", "postgresql"))
    monkeypatch.setenv("MINSHENG_DATA_DIR", "/nonexistent")
    monkeypatch.setenv("LANG", "C")

    async def reset(*more: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, root(), ["offsets", "reset", "-s", "routing", *more])
        return result.exit_code, result.output.replace("\n", " ")

    worker = await asyncpg.connect(
        asyncpg_dsn(database), server_settings={"application_name": application_of("routing")}
    )
    status, told = await reset()
    assert (status, "routing runs: 1 connections" in told) == (1, True)
    assert await left() == sorted(TOPICS)
    await worker.close()
    status, told = await reset("--topic", "minsheng.nix")
    assert (status, "no offset of a topic 'minsheng.nix'; it has minsheng.followups, minsheng.requests" in told) == (
        1,
        True,
    )
    assert await left() == sorted(TOPICS)
    assert await reset("--topic", TOPICS[0]) == (0, "1 offsets forgotten; start the service's workers ")
    assert await left() == [TOPICS[1]]
    assert (await reset())[0] == 0
    assert await left() == []
    await engine.dispose()
