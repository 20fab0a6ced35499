"""`minsheng dead-letters` on a real database, with letters that strangers wrote."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from services.cli import running
from services.cli.commands import root
from shared.store.engine import create_engine
from shared.store.migration import migrate


async def test_what_strangers_wrote_is_shown_as_it_is(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await migrate("routing", database)
    engine = create_engine(database)
    async with engine.begin() as connection:
        await connection.execute(
            sa.text(
                'INSERT INTO dead_letters (consumer, topic, topic_id, partition, "offset", type, headers, state, '
                "reason) "
                "VALUES ('routing', 'minsheng.requests', :id, 0, 7, '[/red]:boom:[link]', '[]', 'failed', '[bold]:x:')"
            ),
            {"id": uuid4()},
        )
    await engine.dispose()
    monkeypatch.setenv("MINSHENG_ROUTING_DATABASE", database.replace("postgresql+asyncpg", "postgresql"))
    monkeypatch.setenv("MINSHENG_DATA_DIR", "/nonexistent")
    # It was made when another test first loaded the command line, for the terminal that there was then.
    monkeypatch.setattr(running.out, "width", 200)
    result = await asyncio.to_thread(CliRunner().invoke, root(), ["dead-letters", "list", "-s", "routing"])
    assert result.exit_code == 0, result.output
    for text in ("[/red]:boom:[link]", "[bold]:x:", "minsheng.requests[0]@7"):
        assert text in result.output
