"""`minsheng up --simulate`, as a newcomer runs it: ready, one's own request goes all the way, all ends in order."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from services.cli.names import SERVICES
from shared import ports
from shared.process import ChildProcess, spawn
from shared.settings import Settings, development_keys
from shared.web.auth import Role, Staff, channel_key, issue_token
from tests.support.kernel import until

REQUEST = {
    "channel": "website-0001",
    "channel_request_id": "up-1",
    "subject": "咨询身份证补办",
    "body": "身份证丢了，想问一下补办身份证需要带什么材料，多久能拿到？",
    "requester": {"name": "王宁", "phone": "13900000002"},
}


@dataclass(frozen=True, slots=True)
class Up:
    """A running `minsheng up`."""

    process: ChildProcess
    ports: dict[str, int]
    data: Path
    settings: Settings

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    @property
    def staff(self) -> dict[str, str]:
        token = issue_token(
            self.settings.staff_ring, Staff(subject="a", name="a", role=Role.ADMIN), now=datetime.now(UTC)
        )
        return {"Authorization": f"Bearer {token}"}

    @property
    def channel(self) -> dict[str, str]:
        return {"X-Channel-Key": channel_key(self.settings.channel_ring, "website-0001")}


def start(data: Path, chosen: dict[str, int], *options: str) -> ChildProcess:
    arguments = [part for name, port in chosen.items() for part in (f"--{name}-port", str(port))]
    return spawn(
        "up",
        [sys.executable, "-m", "services", "up", "--simulate", "--data-dir", data, *arguments, *options],
        log=data.with_suffix(".log"),
    )


async def is_ready(process: ChildProcess) -> bool:
    assert process.running, process.log_tail()
    return process.log.read_text().rstrip().endswith("ready")


async def started(data: Path) -> tuple[dict[str, int], ChildProcess]:
    """Start on free ports and wait until it is ready; again with others where another process was quicker to one."""
    for _ in range(3):
        chosen = {name: ports.pick(0, name, remedy="") for name in (*SERVICES, "simulator")}
        process = start(data, chosen)
        await until(lambda process=process: is_ready_or_over(process), seconds=180, what="ready")  # type: ignore[misc]
        if process.running:
            return chosen, process
        assert "is taken by another process" in process.log_tail(), process.log_tail()
    raise AssertionError("no free ports were found in three attempts")


async def is_ready_or_over(process: ChildProcess) -> bool:
    return not process.running or await is_ready(process)


@pytest.fixture(scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    data = tmp_path_factory.mktemp("up") / "data"
    chosen, process = await started(data)
    try:
        kept = development_keys(data / "keys.env")
        settings = Settings(
            staff_keys=kept["MINSHENG_STAFF_KEYS"],
            channel_keys=kept["MINSHENG_CHANNEL_KEYS"],
        )
        yield Up(process, chosen, data, settings)
    finally:
        await process.stop(signal.SIGTERM, grace=60)


async def test_a_request_of_ones_own_is_resolved_surveyed_and_counted(up: Up) -> None:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        answer = await client.post(f"{up.url('intake')}/v1/requests", json=REQUEST, headers=up.channel)
        assert answer.status_code == 202, answer.text
        case_id = answer.json()["case_id"]

        async def counted() -> bool:
            facts = await client.get(f"{up.url('analytics')}/v1/cases/{case_id}", headers=up.staff)
            return facts.status_code == 200 and facts.json()["resolutions"] >= 1 and facts.json()["surveys"] >= 1

        await until(counted, seconds=90, what="the case is resolved, surveyed and in analytics")

        async def told() -> bool:
            progress = (await client.get(f"{up.url('intake')}/v1/requests/{case_id}", headers=up.channel)).json()
            return {"received", "assigned", "resolved"} <= {step["code"] for step in progress["steps"]}

        # Intake hears of the case by itself, sooner or later than analytics does.
        await until(told, what="the citizen can read that the case is resolved")

        async def closed() -> bool:
            progress = (await client.get(f"{up.url('intake')}/v1/requests/{case_id}", headers=up.channel)).json()
            return bool(progress["state"] == "closed")

        # Whatever the city's seed: a guest with a number of their own answers clearly.
        await until(closed, seconds=90, what="the citizen's answer closes the case")
        again = await client.post(f"{up.url('intake')}/v1/requests", json=REQUEST, headers=up.channel)
        assert (again.json()["case_id"], again.json()["repeated"]) == (case_id, True)


async def test_nothing_about_a_case_is_open(up: Up) -> None:
    places = [
        ("GET", "intake", "/v1/requests?number=261124-0000001-0"),
        ("POST", "intake", "/v1/requests"),
        ("GET", "routing", "/v1/cases"),
        ("GET", "followup", "/v1/followups"),
        ("POST", "followup", "/v1/callbacks/sms/replies"),
        ("GET", "analytics", "/v1/counts"),
    ]
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        for method, service, path in places:
            answer = await client.request(method, f"{up.url(service)}{path}", json={})
            assert answer.status_code == 401, (service, path, answer.status_code)
            assert answer.headers["content-type"].startswith("application/problem+json")
        # The console asks who it is, in a page; without a session it shows nothing else.
        assert (await client.get(up.url("console"))).status_code == 401


async def test_commands_beside_it_find_it_by_themselves(up: Up, tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MINSHENG_")}

    async def run(*arguments: str) -> tuple[int, str]:
        process = spawn(
            arguments[0],
            [sys.executable, "-m", "services", *arguments],
            log=tmp_path / f"{arguments[0]}.log",
            env={**clean, "MINSHENG_DATA_DIR": str(up.data), "LANG": "C", "COLUMNS": "200"},
        )
        return await process.wait(), process.log.read_text()

    assert stat.S_IMODE((up.data / "deployment.env").stat().st_mode) == 0o600
    for arguments in (("doctor",), ("dead-letters", "list", "-s", "routing"), ("topics", "plan")):
        status, told = await run(*arguments)
        assert (status, "deployment.env" in told) == (0, True), told
    status, told = await run("offsets", "reset", "-s", "routing")
    assert (status, "routing runs" in told) == (1, True), told
    rows = tmp_path / "rows.csv"
    rows.write_text("message_id,subject,submitted_at,body\n1,路灯,2026-11-24 10:00:00,路灯坏了\n")
    status, told = await run("import", str(rows), "--channel", "website-0002")
    assert status == 0, told
    status, told = await run("simulate", "--minutes", "0.05", "--rate", "20", "--profile", "flat")
    assert (status, "own simulator plays" in told, '"refused": {}' in told) == (0, True, True), told


async def test_a_taken_port_is_named(up: Up, tmp_path: Path) -> None:
    process = start(tmp_path / "data", {"intake": up.ports["intake"]})
    assert await process.wait() == 1
    assert f"Port {up.ports['intake']} for intake is taken" in process.log_tail()
    assert "--intake-port" in process.log_tail()


async def test_it_stops_in_order_and_goes_on_where_it_was(up: Up) -> None:
    family = psutil.Process(up.process.pid).children(recursive=True)
    assert len(family) >= len(SERVICES) + 3
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        assert (
            await client.post(f"{up.url('intake')}/v1/requests", json=REQUEST, headers=up.channel)
        ).status_code == 202
        before = await client.get(f"{up.url('analytics')}/v1/counts?by=day", headers=up.staff)
        assert await up.process.stop(signal.SIGTERM, grace=60) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == [], "orphan processes are left"

        second = start(up.data, up.ports, "--rate", "0.001")
        try:
            await until(lambda: is_ready(second), seconds=180, what="ready again")

            async def all_there() -> bool:
                after = await client.get(f"{up.url('analytics')}/v1/counts?by=day", headers=up.staff)
                return _received(after) >= _received(before) > 0

            await until(all_there, seconds=60, what="the counts are there again")
            accepted = await client.post(f"{up.url('intake')}/v1/requests", json=REQUEST, headers=up.channel)
            assert accepted.json()["repeated"] is True
        finally:
            await second.stop(signal.SIGTERM, grace=60)


def _received(answer: httpx.Response) -> int:
    return sum(row["received"] for row in answer.json()["rows"])
