"""Failures of the outside world, told in one line that says what to do."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from services.cli.commands import root
from services.cli.supervisor import Program, Supervisor
from shared.ports import pick
from shared.settings import new_keys
from shared.web import health
from shared.web.health import Readiness
from shared.web.server import HttpServer


def invoked(*arguments: str, **environment: str) -> str:
    base = {**new_keys("k1"), "MINSHENG_DATA_DIR": "/nonexistent", "LANG": "C"}
    result = CliRunner().invoke(root(), list(arguments), env={**base, **environment})
    assert result.exit_code == 1
    assert not isinstance(result.exception, Exception), result.exception
    told: str = result.output.replace("\n", " ")
    return told


def test_a_database_that_is_away_is_named() -> None:
    port = pick(0, "no database", remedy="")
    url = f"postgresql://me:secret@127.0.0.1:{port}/"
    for command in (("dead-letters", "list", "-s", "routing"), ("migrate", "routing")):
        told = invoked(*command, MINSHENG_DATABASE=url)
        assert f"PostgreSQL can't be reached at 127.0.0.1:{port}" in told
        assert "MINSHENG_DATABASE" in told
        assert "secret" not in told
        assert "PostgreSQL" in invoked(*command, MINSHENG_DATABASE=url, LANG="zh_CN.UTF-8")


def test_a_broker_that_is_away_is_named_once() -> None:
    port = pick(0, "no broker", remedy="")
    told = invoked("topics", "plan", MINSHENG_KAFKA=f"127.0.0.1:{port}")
    assert f"Kafka can't be reached at 127.0.0.1:{port}" in told
    assert told.count("KafkaConnectionError") <= 1
    assert "MINSHENG_KAFKA" in told


def test_an_address_given_by_an_option_is_told_by_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = str(tmp_path_factory.mktemp("up"))
    port = pick(0, "no database", remedy="")
    ports = [part for name in ("console", "intake", "routing", "followup", "analytics", "simulator")
             for part in (f"--{name}-port", str(pick(0, name, remedy="")))]  # fmt: skip
    told = invoked(
        "up", "--data-dir", folder, *ports, "--kafka", "127.0.0.1:1", "--database", f"postgresql://127.0.0.1:{port}/"
    )
    assert f"PostgreSQL can't be reached at 127.0.0.1:{port}" in told
    assert "--database" in told
    assert "MINSHENG_DATABASE" not in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--intake-port", "8000"], "--console-port and --intake-port are both 8000"),
        (["--routing-port", "7000", "--kafka-port", "7000"], "--kafka-port and --routing-port are both 7000"),
    ],
)
def test_ports_that_are_the_same_are_told_before_anything_starts(
    options: list[str], told: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("up") / "data"
    assert told in invoked("up", "--data-dir", str(folder), *options)
    assert not folder.exists()


async def test_ready_is_what_answers_by_its_name(tmp_path_factory: pytest.TempPathFactory) -> None:

    api = FastAPI()
    api.include_router(health.router("intake", Readiness(), registry=CollectorRegistry()))
    server = HttpServer(api, port=0, name="intake")
    await server.start()
    try:
        supervisor = Supervisor({}, tmp_path_factory.mktemp("logs"), print)
        intake, console = (Program(name, (name,), f"{server.url}/readyz") for name in ("intake", "console"))
        assert await supervisor.until_ready([intake], 5) == {}
        missing = await supervisor.until_ready([intake, console], 0.5)
        assert list(missing) == ["console"]
        assert "another program" in missing["console"]
    finally:
        await server.stop()
