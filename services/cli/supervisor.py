"""Child processes of `minsheng up`: started in order, watched, started again after a crash, stopped in reverse."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from shared.bus.backoff import Backoff
from shared.process import ChildProcess, spawn

POLL_SECONDS = 0.1
STEADY_SECONDS = 30.0
"""A child that lived this long had a good start; the next crash is not counted with earlier ones."""


@dataclass(frozen=True, slots=True)
class Program:
    """One process: its name, its arguments, and where it says that it is ready, by its name."""

    name: str
    arguments: tuple[str, ...]
    """After `python -m services`."""
    ready_url: str | None = None


class Supervisor:
    """Keeps programs running until it is told to stop."""

    def __init__(self, environment: Mapping[str, str], logs: Path, say: Callable[[str], None]) -> None:
        self._environment = dict(environment)
        self._logs = logs
        self._say = say
        self._children: dict[str, ChildProcess] = {}
        self._programs: list[Program] = []
        self._watchers: list[asyncio.Task[None]] = []

    def start(self, program: Program) -> None:
        """Start a program and keep it running."""
        self._programs.append(program)
        self._spawn(program)
        self._watchers.append(asyncio.create_task(self._watch(program), name=f"watch-{program.name}"))

    def _spawn(self, program: Program) -> ChildProcess:
        child = spawn(
            program.name,
            [sys.executable, "-m", "services", *program.arguments],
            log=self._logs / f"{program.name}.log",
            env=self._environment,
        )
        self._children[program.name] = child
        return child

    async def _watch(self, program: Program) -> None:
        backoff = Backoff(first=0.5, longest=30.0)
        while True:
            started = time.monotonic()
            status = await self._children[program.name].wait()
            if time.monotonic() - started > STEADY_SECONDS:
                backoff.reset()
            log = self._children[program.name].log
            self._say(f"{program.name} ended with status {status} and is started again; its log: {log}")
            await backoff.wait()
            self._spawn(program)

    async def until_ready(self, programs: Sequence[Program], timeout: float) -> dict[str, str]:
        """Wait until every program answers its readiness; returns what is missing when `timeout` seconds are over."""
        missing = {program.name: "has not answered yet" for program in programs if program.ready_url}
        deadline = time.monotonic() + timeout
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            while missing and time.monotonic() < deadline:
                for program in programs:
                    if program.name in missing and program.ready_url:
                        trouble = await _trouble(client, program.ready_url, program.name)
                        if trouble is None:
                            del missing[program.name]
                        else:
                            missing[program.name] = trouble
                if missing:
                    await asyncio.sleep(POLL_SECONDS)
        return missing

    async def stop(self) -> None:
        """Stop every program, the last started first; what does not end in time is killed."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for program in reversed(self._programs):
            child = self._children[program.name]
            if child.running:
                await child.stop(signal.SIGTERM, grace=15.0)


async def _trouble(client: httpx.AsyncClient, url: str, name: str) -> str | None:
    try:
        answer = await client.get(url)
    except httpx.HTTPError as error:
        return f"does not answer yet ({type(error).__name__})"
    if answer.status_code != 200:
        return answer.text[:300]
    told = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
    return None if told.get("service") == name else f"{url} is answered by another program"
