"""Python processes of one's own that tests start, talk to by lines and kill."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil

from tests.support.places import PROJECT


@asynccontextmanager
async def python(code: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process running `code`, its stdout piped; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, *arguments), stdout=asyncio.subprocess.PIPE, cwd=PROJECT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line(process: asyncio.subprocess.Process, start: str, *, timeout: float = 60.0) -> str:
    """What follows `start` in the next line that begins with it; raises `EOFError` when it ended instead."""
    assert process.stdout is not None
    async with asyncio.timeout(timeout):
        async for text in process.stdout:
            if text.decode().startswith(start):
                return text.decode().removeprefix(start).strip()
    raise EOFError(f"The process ended with status {await process.wait()} and never printed {start!r}.")


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which only waits to be reaped, does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def gone(pid: int, *, timeout: float = 20.0) -> None:
    """Return once the process has ended; raises `TimeoutError`."""
    async with asyncio.timeout(timeout):
        while True:
            if not alive(pid):
                return
            await asyncio.sleep(0.02)
