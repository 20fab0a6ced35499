"""What a service's process says, from its first line to its last: JSON, with its name, and why it can't start."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.ports import pick
from shared.process import ChildProcess, spawn
from shared.settings import new_keys
from tests.support.kernel import until
from tests.support.places import PROJECT


def start(service: str, folder: Path, **settings: str) -> ChildProcess:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MINSHENG_")}
    return spawn(
        service,
        [sys.executable, "-m", "services", service],
        log=folder / f"{service}.log",
        env={**clean, "MINSHENG_DATA_DIR": str(folder), "TERM": "xterm-256color", **settings},
        cwd=PROJECT,
    )


def lines(process: ChildProcess) -> list[dict[str, Any]]:
    """The log's records; every line is one, of this service, without controls."""
    text = process.log.read_text()
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text) is None
    records = [json.loads(line) for line in text.splitlines()]
    assert {record["service"] for record in records} == {process.name}
    assert not [record for record in records if record["event"].startswith("[")]
    return records


@pytest.mark.parametrize(
    ("service", "settings", "reason"),
    [
        ("routing", {}, "MINSHENG_DATABASE is not set"),
        ("followup", {"MINSHENG_DATABASE": "nonsense"}, "Settings (MINSHENG_*) can't be used: database: "),
        ("console", {"MINSHENG_STAFF_KEYS": "a"}, "MINSHENG_STAFF_KEYS can't be read."),
    ],
)
async def test_a_service_that_cannot_start_says_why_in_one_line(
    service: str, settings: dict[str, str], reason: str, tmp_path: Path
) -> None:
    process = start(service, tmp_path, **settings)
    assert await process.wait() == 1
    (told,) = [record for record in lines(process) if record["level"] not in {"debug", "info"}]
    assert (told["event"], told["level"]) == ("service_not_started", "critical")
    assert told["reason"].startswith(reason)
    assert "failure" not in told


@pytest.mark.parametrize("service", ["intake", "console"])
async def test_every_line_is_a_record_of_the_service(service: str, tmp_path: Path) -> None:
    port = pick(0, service, remedy="")
    # Neither a database nor a broker is there: the service starts, and waits.
    away = pick(0, "nobody", remedy="")
    process = start(
        service,
        tmp_path,
        **new_keys("t1"),
        **{
            "MINSHENG_DATABASE": f"postgresql://me@127.0.0.1:{away}/",
            "MINSHENG_KAFKA": f"127.0.0.1:{away}",
            f"MINSHENG_{service.upper()}_PORT": str(port),
        },
    )
    async with httpx.AsyncClient(trust_env=False) as client:

        async def alive() -> bool:
            try:
                told = (await client.get(f"http://127.0.0.1:{port}/healthz")).json()
            except httpx.TransportError:
                assert process.running, process.log_tail()
                return False
            return bool(told["service"] == service and told["demonstration"] is False)

        await until(alive, seconds=60, what="the service lives")
    await process.stop(signal.SIGTERM, grace=30)
    events = [record["event"] for record in lines(process)]
    assert "service_started" in events
    assert events.index("service_started") < len(events) - 1
