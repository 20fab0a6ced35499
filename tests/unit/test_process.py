"""Children that do not outlive their parent."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from shared.process import ChildProcess, EndedEarlyError, spawn
from tests.support.processes import alive, gone, line, python

_SLEEPS = "import time; print('up', flush=True); time.sleep(600)"
_DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
_PARENT = """
import pathlib, sys, time
from shared.process import ChildProcess, EndedEarlyError, spawn
child = spawn("child", [sys.executable, "-c", "import time; time.sleep(600)"], log=pathlib.Path(sys.argv[1]))
print("child", child.pid, flush=True)
time.sleep(600)
"""


async def _printed_up(child: ChildProcess) -> None:
    async with asyncio.timeout(20):
        while True:
            if child.log_tail() == "up":
                return
            await asyncio.sleep(0.01)


async def test_its_output_and_status_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "child.log"
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    child = spawn("child", [sys.executable, "-c", code], log=log)
    assert await child.wait() == 3
    assert child.returncode == 3
    assert not child.running
    assert sorted(child.log_tail().split()) == ["err", "out"]


async def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    for text in ("first", "second"):
        await spawn("child", [sys.executable, "-c", f"print('{text}')"], log=log).wait()
    assert log.read_text() == "second\n"
    assert (tmp_path / "child.log.1").read_text() == "first\n"


async def test_stop_asks_first(tmp_path: Path) -> None:
    child = spawn("child", [sys.executable, "-c", _SLEEPS], log=tmp_path / "log")
    await _printed_up(child)
    assert await child.stop(grace=20) == -signal.SIGTERM


async def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    child = spawn("child", [sys.executable, "-c", _DEAF], log=tmp_path / "log")
    await _printed_up(child)
    assert await child.stop(grace=0.2) == -signal.SIGKILL


async def test_a_waiter_that_gives_up_leaves_the_others_waiting(tmp_path: Path) -> None:
    child = spawn("child", [sys.executable, "-c", _SLEEPS], log=tmp_path / "log")
    patient = asyncio.create_task(child.wait())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(child.wait(), 0.05)
    assert child.running
    assert await child.kill() == -signal.SIGKILL
    assert await patient == -signal.SIGKILL


async def test_work_is_given_up_when_it_ends_first(tmp_path: Path) -> None:
    child = spawn("child", [sys.executable, "-c", "print('no luck'); raise SystemExit(3)"], log=tmp_path / "log")
    with pytest.raises(EndedEarlyError, match=r"child ended with status 3[\s\S]*no luck"):
        await child.while_running(asyncio.Event().wait())


async def test_work_goes_on_while_it_runs(tmp_path: Path) -> None:
    child = spawn("child", [sys.executable, "-c", _SLEEPS], log=tmp_path / "log")
    assert await child.while_running(asyncio.sleep(0.01, "done")) == "done"
    assert child.running
    await child.kill()


async def test_a_command_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        spawn("child", [tmp_path / "missing"], log=tmp_path / "log")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent ended")
async def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    async with python(_PARENT, str(tmp_path / "log")) as parent:
        pid = int(await line(parent, "child "))
        assert alive(pid)
        parent.kill()
        await gone(pid)
