"""Files through the whole importer into a real intake."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from services.importer import cli
from services.importer.importing import Moment, Options, import_file
from services.importer.journal import Counts, JournalError
from services.importer.keys import ChannelKeys
from shared.store.engine import create_engine
from shared.store.migration import migrate
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
    root.add_typer(cli.app, name="import")
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
    assert status == cli.REFUSED


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
