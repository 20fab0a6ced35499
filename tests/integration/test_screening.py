"""Putting weights in force, going back, and intake following, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from services.intake.screening import model, releases, rules
from services.intake.screening.cli import app
from services.intake.screening.in_force import ScreenInForce
from services.intake.screening.releases import SHIPPED, NothingBeforeError
from services.intake.screening.screen import shipped
from shared.store.engine import create_engine
from shared.store.migration import migrate

NO_RULES = rules.Rules([], None, "none")
ALARMED = "路灯坏了"


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    await migrate("intake", database)
    engine = create_engine(database)
    yield engine
    await engine.dispose()


def weights(version: str, *, bias: float = 0.0) -> bytes:
    """Weights that say the same of every text."""
    joint = (*(0.0,) * model.SIGNS, bias)
    return model.dump(replace(shipped(), version=version, runs={"灯": 1.0}, joint=joint, threshold=0.5))


async def _promote(engine: AsyncEngine, content: bytes | None) -> str:
    async with engine.begin() as connection:
        return await releases.promote(connection, content, "wang")


async def _back(engine: AsyncEngine) -> str:
    async with engine.begin() as connection:
        return await releases.roll_back(connection, "wang")


async def test_going_back_goes_one_step_further_each_time(engine: AsyncEngine) -> None:
    for version in ("a", "b", "c"):
        assert await _promote(engine, weights(version)) == version
    assert await _back(engine) == "b"
    assert await _back(engine) == "a"
    assert await _promote(engine, weights("d")) == "d"
    assert [await _back(engine) for _ in range(2)] == ["a", SHIPPED]
    with pytest.raises(NothingBeforeError):
        await _back(engine)
    async with engine.connect() as connection:
        history = await releases.history(connection)
        assert await releases.current(connection) == SHIPPED
    assert [(one.version, one.back) for one in reversed(history)] == [
        ("a", False),
        ("b", False),
        ("c", False),
        ("b", True),
        ("a", True),
        ("d", False),
        ("a", True),
        (SHIPPED, True),
    ]


async def test_with_nothing_promoted_there_is_nothing_to_go_back_to(engine: AsyncEngine) -> None:
    with pytest.raises(NothingBeforeError):
        await _back(engine)
    assert await _promote(engine, None) == SHIPPED
    with pytest.raises(NothingBeforeError):
        await _back(engine)


async def test_promotions_at_once_form_one_line(engine: AsyncEngine) -> None:
    await asyncio.gather(*(_promote(engine, weights(f"v{n}")) for n in range(6)))
    assert len({await _back(engine) for _ in range(6)}) == 6
    with pytest.raises(NothingBeforeError):
        await _back(engine)


async def test_intake_follows_what_is_promoted_and_goes_back_with_it(engine: AsyncEngine) -> None:
    screen = ScreenInForce(shipped(), NO_RULES)
    await screen.follow(engine)
    assert screen.screen.weights is shipped()
    assert not screen.judge(None, ALARMED).urgent
    await _promote(engine, weights("alarmed", bias=5.0))
    await screen.follow(engine)
    finding = screen.judge(None, ALARMED)
    assert (finding.urgent, finding.version) == (True, "alarmed/none")
    await _back(engine)
    await screen.follow(engine)
    assert screen.judge(None, ALARMED).version == f"{shipped().version}/none"


async def test_weights_that_can_not_be_used_leave_those_in_use(engine: AsyncEngine) -> None:
    screen = ScreenInForce(shipped(), NO_RULES)
    await _promote(engine, weights("good", bias=5.0))
    await screen.follow(engine)
    await _promote(engine, weights("spoilt"))
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE screening_weights SET content = '\\x00' WHERE version = 'spoilt'"))
    await screen.follow(engine)
    assert screen.judge(None, ALARMED).version == "good/none"
    assert screen.trouble is not None
    assert "spoilt" in screen.trouble
    await _promote(engine, weights("mended"))
    await screen.follow(engine)
    assert screen.trouble is None
    assert screen.judge(None, ALARMED).version == "mended/none"


async def test_a_file_that_is_no_weights_changes_nothing(engine: AsyncEngine) -> None:
    with pytest.raises(model.WeightsError):
        await _promote(engine, b"nothing")
    async with engine.connect() as connection:
        assert await releases.current(connection) == SHIPPED


async def test_the_commands(engine: AsyncEngine, database: str, tmp_path: Path) -> None:
    file = tmp_path / "new.json.gz"
    file.write_bytes(weights("2026-11-25.new"))
    bad = tmp_path / "bad.json.gz"
    bad.write_bytes(b"{}")

    async def said(*arguments: str) -> tuple[int, str]:
        run = CliRunner(env={"MINSHENG_INTAKE_DATABASE": database, "COLUMNS": "200"})
        # A command runs its own loop, so it needs a thread of its own.
        result = await asyncio.to_thread(run.invoke, app, list(arguments))
        return result.exit_code, result.output

    assert (await said("rollback"))[0] == 1
    assert await said("promote", str(file)) == (0, "in force: 2026-11-25.new\n")
    status, told = await said("promote", str(bad))
    assert status == 1
    assert "weights file" in told
    assert (await said("promote"))[0] == 1
    status, told = await said("list")
    assert status == 0
    assert "2026-11-25.new" in told
    assert shipped().version in told
    assert await said("rollback") == (0, f"in force: {SHIPPED}\n")
