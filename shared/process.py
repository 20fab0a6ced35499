"""A child process that does not outlive its parent, logs to a file, and is awaited from any event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

_PR_SET_PDEATHSIG = 1
_LOG_TAIL_BYTES = 4_000


T = TypeVar("T")


class EndedEarlyError(RuntimeError):
    """A child process ended before what was waited for; the message has its status and the end of its log."""


class ChildProcess:
    """One running child, started by `spawn`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._exit: concurrent.futures.Future[int] = concurrent.futures.Future()
        threading.Thread(target=self._reap, name=f"reap-{name}", daemon=True).start()

    def _reap(self) -> None:
        self._exit.set_result(self._process.wait())

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return not self._exit.done()

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._exit.result() if self._exit.done() else None

    async def wait(self) -> int:
        """Wait for the end of the process and return its exit status (negative for a signal)."""
        # Shielded: a waiter that gives up must not cancel the one future that all waiters share.
        return await asyncio.shield(asyncio.wrap_future(self._exit))

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process has ended."""
        self._process.send_signal(number)

    async def stop(self, number: signal.Signals = signal.SIGTERM, *, grace: float = 10.0) -> int:
        """Ask the process to end with `number`, kill it after `grace` seconds; returns the exit status."""
        self.send(number)
        try:
            return await asyncio.wait_for(self.wait(), grace)
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """End the process at once (SIGKILL), as a crash would; returns the exit status."""
        self.send(signal.SIGKILL)
        return await self.wait()

    async def while_running(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which is given up when the process ends first: then raises `EndedEarlyError`."""
        working = asyncio.ensure_future(work)
        ending = asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                raise EndedEarlyError(
                    f"{self.name} ended with status {ending.result()}. Its log, {self.log}, ends with:\n"
                    f"{self.log_tail()}"
                )
            return working.result()
        finally:
            for task in (working, ending):
                task.cancel()
            await asyncio.gather(working, ending, return_exceptions=True)

    def log_tail(self) -> str:
        """The last lines of the log, for an error message."""
        return tail(self.log)


def tail(path: Path) -> str:
    """The last lines (at most 4,000 bytes) of a log file; empty when there is none."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
        return file.read().decode(errors="replace").strip()
    return ""


def spawn(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    on_parent_death: signal.Signals = signal.SIGKILL,
) -> ChildProcess:
    """Start `command` with its output in the file `log`; the log of the run before is kept as `<log>.1`.

    The child has a session of its own, so that Ctrl-C in a terminal reaches the parent alone, which then stops its
    children in order. On Linux the kernel sends it `on_parent_death` when the parent ends in any way, `kill -9`
    included. The kernel takes "parent" to mean the *thread* that spawned: call this on a thread that lives as long as
    the child shall, such as the one that runs the event loop. `user` (root only) is the system user to run as.

    Raises `OSError` when the command can't be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    account = pwd.getpwnam(user) if user is not None else None
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the command is the caller's own, no shell is involved
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,
            preexec_fn=bind_to_parent(on_parent_death),
        )
    return ChildProcess(name, process, log)


def bind_to_parent(number: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` by which the kernel sends the child `number` when its parent ends; None where that is unknown."""
    if sys.platform != "linux":
        return None
    # Everything is looked up before the fork: the child of a threaded process must not import, lock or allocate much.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def preexec() -> None:
        if prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0 or os.getppid() != parent:
            # The parent is gone already, and with it the signal that would have ended this child.
            os._exit(1)

    return preexec
