"""Files through the whole importer into a real intake."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from services.importer import cli
from services.importer.importing import import_file
from services.importer.journal import Counts, JournalError
from services.importer.keys import ChannelKeys
from services.importer.mapping import MappingError
from services.importer.options import Moment, Options
from shared import ports
from shared.privacy.keys import KeyRing, new_key
from shared.process import ChildProcess, spawn
from shared.settings import new_keys
from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.web import health
from shared.web.channels import channel_key
from shared.web.health import Readiness
from shared.web.server import HttpServer
from tests.support.intake import Replica, count, intake_settings, told
from tests.support.places import PROJECT

SETTINGS = intake_settings()
KEYS = ChannelKeys([], SETTINGS.channel_ring)
DATA = PROJECT.parent / "shared" / "data"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data is not at {DATA}")


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    await migrate("intake", database)
    engine = create_engine(database)
    yield engine
    await engine.dispose()


@pytest.fixture
async def server(engine: AsyncEngine) -> AsyncIterator[HttpServer]:
    server = HttpServer(Replica(engine, SETTINGS).api, port=0, name="intake")
    await server.start()
    yield server
    await server.stop()


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def message(nth: int, **changes: Any) -> dict[str, Any]:
    row = {"message_id": nth, "subject": f"第{nth}件", "submitted_at": "2026-01-02 03:04:05", "body": f"\n\t事情{nth}"}
    return {**row, **changes}


def options(file: Path, server: HttpServer, **changes: Any) -> Options:
    chosen = {"channel": "website-0001", "state": file.with_suffix(".state"), "report": file.with_suffix(".csv")}
    return Options(**{"file": file, "url": server.url, "keys": KEYS, "batch": 7, **chosen, **changes})


async def test_every_row_becomes_a_case_or_is_refused_with_its_reason(
    server: HttpServer, engine: AsyncEngine, tmp_path: Path
) -> None:
    rows = [message(nth) for nth in range(1, 41)]
    rows[4]["body"] = ""
    rows[9]["subject"] = "长" * 201
    rows[19] = rows[18]
    rows[29] = {**rows[28], "body": "同号不同事"}
    rows[34]["submitted_at"] = "昨天"
    file = write(tmp_path / "x.jsonl", rows)
    moments: list[Moment] = []
    summary = await asyncio.to_thread(import_file, options(file, server), moments.append)
    assert summary.stopped is None
    assert summary.counts == Counts(cases=35, repeated=1, refused=4)
    assert summary.counts.rows == len(rows)
    assert await count(engine, "requests") == await count(engine, "outbox") == 35
    assert (moments[-1].position, moments[-1].counts) == (file.stat().st_size, summary.counts)
    assert summary.report is not None
    with summary.report.open(encoding="utf-8-sig", newline="") as report:
        refused = {row["row"]: (row["id"], row["reason"]) for row in csv.DictReader(report)}
    assert list(refused) == ["5", "10", "30", "35"]
    assert refused["5"] == ("", "the row has no text to become the body")
    assert refused["10"][1].startswith("invalid-request: subject: ")
    assert refused["30"][0] == "29"
    assert "request-differs" in refused["30"][1]
    assert "case_id=" in refused["30"][1]


async def test_the_same_command_again_posts_nothing_twice(
    server: HttpServer, engine: AsyncEngine, tmp_path: Path
) -> None:
    file = write(tmp_path / "x.jsonl", [message(nth, body="" if nth == 3 else "事") for nth in range(1, 21)])
    first = await asyncio.to_thread(import_file, options(file, server))
    again = await asyncio.to_thread(import_file, options(file, server))
    assert again.counts == first.counts == Counts(cases=19, refused=1)
    assert (again.resumed, again.report) == (20, first.report)
    anew = await asyncio.to_thread(import_file, options(file, server, restart=True))
    assert anew.counts == Counts(repeated=19, refused=1)
    assert await count(engine, "requests") == 19


async def test_a_stopped_import_goes_on(engine: AsyncEngine, tmp_path: Path) -> None:
    file = write(tmp_path / "x.jsonl", [message(nth) for nth in range(1, 101)])
    server = HttpServer(Replica(engine, SETTINGS).api, port=0, name="intake")
    await server.start()
    port = server.port
    chosen = options(file, server, patience=0.0, in_flight=1)
    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Future[None]] = []

    def stop_half_way(moment: Moment) -> None:
        if moment.counts.cases >= 40 and not stopping:
            stopping.append(asyncio.run_coroutine_threadsafe(server.stop(), loop))  # type: ignore[arg-type]
            stopping[0].result(30)  # type: ignore[call-arg]

    stopped = await asyncio.to_thread(import_file, chosen, stop_half_way)
    assert stopped.stopped is not None
    assert "goes on where it stopped" in stopped.stopped
    assert 40 <= stopped.counts.cases < 100
    again = HttpServer(Replica(engine, SETTINGS).api, port=port, name="intake")
    await again.start()
    finished = await asyncio.to_thread(import_file, chosen)
    await again.stop()
    assert finished.stopped is None
    assert finished.resumed == stopped.counts.rows
    assert finished.counts == Counts(cases=100)
    assert await count(engine, "requests") == 100


async def test_the_state_of_a_changed_file_is_refused(server: HttpServer, tmp_path: Path) -> None:
    file = write(tmp_path / "x.jsonl", [message(1)])
    await asyncio.to_thread(import_file, options(file, server))
    write(file, [message(2)])
    with pytest.raises(JournalError, match="--restart"):
        await asyncio.to_thread(import_file, options(file, server))


async def test_the_command(server: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = SETTINGS.channel_keys
    assert keys is not None
    monkeypatch.setenv("MINSHENG_CHANNEL_KEYS", keys.get_secret_value())
    root = typer.Typer()
    root.command("import")(cli.import_)
    root.command("other")(lambda: None)
    runner = CliRunner()

    async def run(*arguments: str) -> tuple[int, str]:
        result = await asyncio.to_thread(runner.invoke, root, ["import", *arguments, "--url", server.url])
        return result.exit_code, result.output

    good = write(tmp_path / "good.jsonl", [message(nth) for nth in range(1, 4)])
    status, output = await run(str(good), "--channel", "website-0001")
    assert (status, "3" in output) == (0, True)
    bad = write(tmp_path / "bad.jsonl", [message(9, body="")])
    status, output = await run("--channel", "website-0001", str(bad))
    assert status == cli.REFUSED
    assert "bad.jsonl.refused.csv" in output.replace("\n", "")
    status, output = await run(str(tmp_path / "none.jsonl"))
    assert (status, "can't be read" in output) == (1, True)
    unknown = write(tmp_path / "unknown.jsonl", [message(11)])
    status, output = await run(str(unknown), "--channel", "nowhere-0001")
    assert (status, "has no channel nowhere-0001" in output, "%" in output) == (1, True, False)
    assert not unknown.with_name("unknown.jsonl.refused.csv").exists()
    # The corrected command is not "of another import": nothing had been posted.
    status, output = await run(str(unknown), "--channel", "website-0001")
    assert status == 0
    status, output = await run(str(unknown), "--channel", "website-0002")
    assert (status, "--channel changed since" in output.replace("\n", " ")) == (1, True)
    status, output = await run(str(unknown), "--columns")
    assert (status, "message_id" in output, "channel_request_id" in output) == (0, True, True)
    status, output = await run("--mappings")
    assert (status, "baltimore-311" in output, "submitted_at" in output) == (0, True, True)
    empty = tmp_path / "empty.csv"
    empty.touch()
    status, output = await run(str(empty))
    assert (status, "has no rows" in output) == (1, True)


@pytest.mark.parametrize("rows", [[message(1)], [message(1), message(2)]])
async def test_a_mapping_that_names_an_absent_column_is_refused_before_the_first_row(
    server: HttpServer, engine: AsyncEngine, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    file = write(tmp_path / "x.jsonl", [{**row, "tel": "13900000001"} for row in rows])
    written = tmp_path / "own.yaml"
    written.write_text(
        "name: own\nfields:\n  channel_request_id: {column: message_id}\n  body: {column: body}\n"
        "  phone: {column: phone}\n"
    )
    with pytest.raises(MappingError, match=r"no column phone.*tel.*optional"):
        await asyncio.to_thread(import_file, options(file, server, mapping=str(written)))
    assert await count(engine, "requests") == 0
    # A member that only a later line has is there all the same.
    write(file, [*rows, {**message(9), "phone": "13900000001"}])
    summary = await asyncio.to_thread(import_file, options(file, server, mapping=str(written)))
    assert summary.counts.cases == len(rows) + 1


async def test_where_no_row_can_be_read_each_is_refused_with_its_reason(server: HttpServer, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"message_id": 007, "subject": "a"}\n{"message_id": 1, "message_id": 2}\n')
    summary = await asyncio.to_thread(import_file, options(file, server))
    assert summary.counts == Counts(refused=2)
    assert summary.report is not None
    told = summary.report.read_text(encoding="utf-8-sig")
    assert "1,,it is not JSON" in told
    assert "2,,it has a member twice" in told


async def test_ids_that_are_long_numbers_are_cases_of_their_own(server: HttpServer, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    literals = ["20241124083012345678901", "20241124083012345678902", "1e3", "true", "2.0241124083012346e22", "-0"]
    row = '{{"message_id": {}, "subject": "路灯", "submitted_at": "2026-01-02 03:04:05", "body": "坏了"}}\n'
    file.write_text("".join(row.format(literal) for literal in literals))
    summary = await asyncio.to_thread(import_file, options(file, server))
    assert summary.counts == Counts(cases=2, refused=4)


async def test_a_missing_key_is_told_before_the_first_row(
    server: HttpServer, engine: AsyncEngine, tmp_path: Path
) -> None:
    file = write(tmp_path / "x.jsonl", [message(1)])
    other = ChannelKeys([channel_key(SETTINGS.channel_ring, "wechat-0001")], None)
    with pytest.raises(ValueError, match="no key for the channel website-0001"):
        await asyncio.to_thread(import_file, options(file, server, keys=other))
    strange = ChannelKeys([channel_key(KeyRing.parse(new_key("other")), "website-0001")], None)
    summary = await asyncio.to_thread(import_file, options(file, server, keys=strange))
    assert "refuses the key of channel website-0001" in str(summary.stopped)
    assert (summary.counts, await count(engine, "requests")) == (Counts(), 0)


async def test_another_address_is_told_from_intakes(server: HttpServer, tmp_path: Path) -> None:
    api = FastAPI()
    api.include_router(health.router("routing", Readiness(), registry=CollectorRegistry()))
    other = HttpServer(api, port=0, name="routing")
    await other.start()
    file = write(tmp_path / "x.jsonl", [message(1)])
    summary = await asyncio.to_thread(import_file, options(file, other))
    await other.stop()
    assert "is not intake's address" in str(summary.stopped)


class Forgetful:
    """An application in front of intake: requests reach it, but from one post on no answer comes back."""

    def __init__(self, app: FastAPI, good: int) -> None:
        self._app = app
        self._good = good
        self.held = asyncio.Event()
        self.mending = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.mending.is_set() or not scope.get("path", "").endswith("/batch"):
            await self._app(scope, receive, send)
            return
        self._good -= 1
        if self._good >= 0:
            await self._app(scope, receive, send)
            return

        async def nowhere(_: Any) -> None:
            return None

        await self._app(scope, receive, nowhere)
        self.held.set()
        await self.mending.wait()


async def test_after_kill_9_of_the_importer_every_row_is_counted_as_what_it_is(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    front = Forgetful(Replica(engine, SETTINGS).api, good=3)
    server = HttpServer(cast("FastAPI", front), port=0, name="intake")
    await server.start()
    rows = [message(nth) for nth in range(1, 101)]
    # One request thrice: in what is answered, in what is lost, and in what follows.
    rows[30] = rows[90] = rows[3]
    rows[40]["body"] = ""
    file = write(tmp_path / "x.jsonl", rows)
    # This one was a case before the import began, and is repeated whatever happens.
    before = await asyncio.to_thread(
        import_file, options(write(tmp_path / "before.jsonl", [rows[25]]), server, state=tmp_path / "before")
    )
    assert before.counts == Counts(cases=1)
    keys = SETTINGS.channel_keys
    assert keys is not None
    command = [
        "import",
        str(file),
        "--channel",
        "website-0001",
        "--url",
        server.url,
        "--batch",
        "10",
        "--in-flight",
        "2",
    ]
    importer = spawn(
        "importer",
        [sys.executable, "-m", "services", *command],
        log=tmp_path / "importer.log",
        env={**os.environ, "MINSHENG_CHANNEL_KEYS": keys.get_secret_value()},
        cwd=PROJECT,
    )
    await importer.while_running(front.held.wait())
    await importer.kill()
    front.mending.set()
    summary = await asyncio.to_thread(
        import_file, Options(file=file, url=server.url, keys=KEYS, channel="website-0001", batch=10)
    )
    await server.stop()
    assert 0 < summary.resumed < len(rows)
    assert summary.counts == Counts(cases=96, repeated=3, refused=1)
    assert await count(engine, "requests") == 97


async def test_after_kill_9_of_intake_every_row_is_counted_as_what_it_is(database: str, tmp_path: Path) -> None:
    await migrate("intake", database)
    port = ports.pick(0, "intake", remedy="")
    environment = {
        **os.environ,
        **new_keys("test"),
        "MINSHENG_INTAKE_DATABASE": database.replace("postgresql+asyncpg", "postgresql"),
        # No broker is there: intake takes requests all the same.
        "MINSHENG_KAFKA": f"127.0.0.1:{ports.pick(0, 'no broker', remedy='')}",
        "MINSHENG_INTAKE_PORT": str(port),
        "MINSHENG_DATA_DIR": str(tmp_path),
    }

    def start() -> ChildProcess:
        return spawn(
            "intake",
            [sys.executable, "-m", "services", "intake"],
            log=tmp_path / "intake.log",
            env=environment,
            cwd=PROJECT,
        )

    rows = [message(nth) for nth in range(1, 2_501)]
    file = write(tmp_path / "x.jsonl", rows)
    ring = KeyRing.parse(environment["MINSHENG_CHANNEL_KEYS"])
    chosen = Options(
        file=file, url=f"http://127.0.0.1:{port}", keys=ChannelKeys([], ring), channel="website-0001", batch=50
    )
    intake = start()
    loop = asyncio.get_running_loop()
    kills = [1_500, 300]

    def kill(moment: Moment) -> None:
        nonlocal intake
        if kills and moment.counts.cases >= kills[-1]:
            kills.pop()
            asyncio.run_coroutine_threadsafe(intake.kill(), loop).result(30)

            async def again() -> ChildProcess:
                return start()

            intake = asyncio.run_coroutine_threadsafe(again(), loop).result(30)

    summary = await asyncio.to_thread(import_file, chosen, kill)
    await intake.stop()
    assert (kills, summary.stopped) == ([], None)
    assert summary.counts == Counts(cases=len(rows))


@real_data
@pytest.mark.parametrize(
    ("name", "mapping", "channel"),
    [
        ("citizen_messages.jsonl", "messages", "website-0001"),
        ("citizen_messages_labelled.jsonl", "messages", "website-0002"),
        ("service_requests_311.csv", "baltimore-311", None),
    ],
)
async def test_real_files_completely(
    server: HttpServer, engine: AsyncEngine, tmp_path: Path, name: str, mapping: str, channel: str | None
) -> None:
    chosen = Options(
        file=DATA / name,
        url=server.url,
        keys=KEYS,
        channel=channel,
        state=tmp_path / "state",
        report=tmp_path / "refused.jsonl",
    )
    summary = await asyncio.to_thread(import_file, chosen)
    with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
        rows = sum(1 for _ in (csv.DictReader(file) if name.endswith(".csv") else file))
    refused = (tmp_path / "refused.jsonl").read_text().splitlines() if summary.report else []
    assert (summary.mapping, summary.stopped) == (mapping, None)
    assert summary.counts.rows == rows
    assert summary.counts.refused == len(refused)
    assert summary.counts.cases == await count(engine, "requests") == len(await told(engine))
    # What these files hold is known: all of it is fit to be a case.
    assert summary.counts.refused + summary.counts.repeated <= 1
    print(name, summary)
