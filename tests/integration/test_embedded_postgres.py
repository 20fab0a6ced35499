"""The embedded PostgreSQL over stops, crashes and what they leave behind."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from shared.ports import PortTakenError
from shared.store.embedded import SYSTEM_USER, EmbeddedPostgres, EmbeddedPostgresError
from tests.support.places import scratch
from tests.support.processes import alive, gone, line, python

_PARENT = """
import asyncio, pathlib, sys
import asyncpg
from shared.store.embedded import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
    await server.start()
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
    await connection.execute("INSERT INTO kept VALUES (1)")
    print("server", server.process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch("embedded-postgres") as path:
        yield path


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    running = EmbeddedPostgres(folder)
    await running.start()
    yield running
    await running.stop()


async def _execute(server: EmbeddedPostgres, *statements: str) -> None:
    connection = await asyncpg.connect(server.url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _kept(server: EmbeddedPostgres) -> list[int]:
    connection = await asyncpg.connect(server.url)
    try:
        return [row["value"] for row in await connection.fetch("SELECT value FROM kept ORDER BY value")]
    finally:
        await connection.close()


async def _setting(server: EmbeddedPostgres, name: str) -> str:
    connection = await asyncpg.connect(server.url)
    try:
        return str(await connection.fetchval("SELECT current_setting($1)", name))
    finally:
        await connection.close()


async def test_data_is_kept_over_stop_and_start_on_the_same_port(server: EmbeddedPostgres) -> None:
    await _execute(server, "CREATE TABLE kept (value int)", "INSERT INTO kept VALUES (1)")
    address = server.url
    await server.stop()
    assert server.process is not None
    assert not alive(server.process.pid)
    await server.start()
    assert server.url == address
    assert await _kept(server) == [1]


async def test_committed_data_is_kept_over_a_crash_under_open_connections(server: EmbeddedPostgres) -> None:
    await _execute(server, "CREATE TABLE kept (value int)")
    connection = await asyncpg.connect(server.url)
    await connection.execute("INSERT INTO kept VALUES (1)")
    await connection.execute("BEGIN")
    await connection.execute("INSERT INTO kept VALUES (2)")
    await server.kill()
    await server.start()
    assert await _kept(server) == [1]
    connection.terminate()


async def test_it_commits_to_the_disk(server: EmbeddedPostgres) -> None:
    assert await _setting(server, "fsync") == "on"
    assert await _setting(server, "synchronous_commit") == "on"
    assert await _setting(server, "full_page_writes") == "on"


async def test_only_the_password_opens_it_and_only_its_owner_reads_that(server: EmbeddedPostgres, folder: Path) -> None:
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url, password="guessed")
    assert [str(address) for address in _listening(server)] == ["127.0.0.1"]


def _listening(server: EmbeddedPostgres) -> list[str]:
    assert server.process is not None
    connections = psutil.Process(server.process.pid).net_connections(kind="all")
    return [
        connection.laddr.ip if connection.laddr else "" for connection in connections if connection.status == "LISTEN"
    ]


async def test_its_log_holds_no_statement_and_no_value(server: EmbeddedPostgres, folder: Path) -> None:
    await _execute(server, "CREATE TABLE people (phone text PRIMARY KEY)", "INSERT INTO people VALUES ('13800000000')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await _execute(server, "INSERT INTO people VALUES ('13800000000')")
    log = (folder / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "13800000000" not in log


async def test_a_wrong_password_file_is_explained(server: EmbeddedPostgres, folder: Path) -> None:
    await server.stop()
    (folder / "password").write_text("another")
    with pytest.raises(EmbeddedPostgresError, match="password"):
        await EmbeddedPostgres(folder).start()


async def test_a_taken_port_is_named_with_the_remedy(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"Port {port} .*--database-port"):
            await EmbeddedPostgres(folder, port=port).start()


async def test_a_port_lost_in_a_race_is_picked_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shared import ports

    with socket.create_server(("127.0.0.1", 0)) as other:
        lost: list[int] = [other.getsockname()[1]]
        honest = ports.pick
        monkeypatch.setattr(
            ports, "pick", lambda wanted, what, *, remedy: lost.pop() if lost else honest(wanted, what, remedy=remedy)
        )
        server = EmbeddedPostgres(folder)
        await server.start()
        try:
            assert server.port != other.getsockname()[1]
            await _execute(server, "SELECT 1")
        finally:
            await server.stop()


async def test_a_folder_in_use_is_refused(server: EmbeddedPostgres, folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=str(folder)):
        await EmbeddedPostgres(folder).start()
    await _execute(server, "SELECT 1")


async def test_an_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    (folder / "cluster.new").mkdir()
    (folder / "cluster.new" / "PG_VERSION").write_text("18\n")
    (folder / "cluster.password").write_text("half")
    server = EmbeddedPostgres(folder)
    await server.start()
    try:
        await _execute(server, "SELECT 1")
    finally:
        await server.stop()
    assert not (folder / "cluster.new").exists()
    assert not (folder / "cluster.password").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent ended")
async def test_it_goes_down_with_its_killed_parent(folder: Path) -> None:
    async with python(_PARENT, str(folder)) as parent:
        pid = int(await line(parent, "server "))
        assert alive(pid)
        parent.kill()
        await gone(pid)


async def test_it_goes_on_at_once_where_a_killed_parent_left_it(folder: Path) -> None:
    async with python(_PARENT, str(folder)) as parent:
        await line(parent, "server ")
        parent.kill()
        await parent.wait()
    server = EmbeddedPostgres(folder)
    await server.start()
    try:
        assert await _kept(server) == [1]
    finally:
        await server.stop()


async def test_it_goes_on_after_parent_and_server_were_killed_together(folder: Path) -> None:
    async with python(_PARENT, str(folder)) as parent:
        pid = int(await line(parent, "server "))
        parent.send_signal(signal.SIGSTOP)  # stopped, so that it can't reap: the server stays a zombie meanwhile
        os.kill(pid, signal.SIGKILL)
        parent.kill()
        await parent.wait()
    server = EmbeddedPostgres(folder)
    await server.start()
    try:
        assert await _kept(server) == [1]
    finally:
        await server.stop()


async def test_a_server_of_nobody_that_still_runs_is_ended_first(server: EmbeddedPostgres, folder: Path) -> None:
    # What a killed parent leaves where no kernel ends its children: the lock is free, the server runs.
    await _execute(server, "CREATE TABLE kept (value int)", "INSERT INTO kept VALUES (1)")
    assert server.process is not None
    server._release_lock()
    successor = EmbeddedPostgres(folder)
    await successor.start()
    try:
        assert not alive(server.process.pid)
        assert await _kept(successor) == [1]
    finally:
        await successor.stop()


@contextmanager
def _stranger(*, zombie: bool) -> Iterator[int]:
    """A process of the same system user as the server: PostgreSQL takes any such for a postmaster."""
    user = pwd.getpwnam(SYSTEM_USER).pw_uid if os.geteuid() == 0 else None
    process = subprocess.Popen(["true"] if zombie else ["sleep", "600"], user=user)
    try:
        if zombie:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("zombie", [True, False], ids=["zombie", "stranger"])
async def test_a_pid_file_that_names_another_process_is_not_believed(
    server: EmbeddedPostgres, folder: Path, zombie: bool
) -> None:
    await _execute(server, "CREATE TABLE kept (value int)", "INSERT INTO kept VALUES (1)")
    await server.kill()
    pid_file = folder / "cluster" / "postmaster.pid"
    with _stranger(zombie=zombie) as pid:
        pid_file.write_text(f"{pid}\n" + pid_file.read_text().partition("\n")[2])
        await server.start()
        assert await _kept(server) == [1]
        assert zombie or alive(pid)
