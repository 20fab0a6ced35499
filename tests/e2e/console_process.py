"""The console as its own process, as it is deployed, and tokens that sign in there."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from shared import ports
from shared.privacy.keys import KeyRing, new_key
from shared.process import ChildProcess, spawn
from shared.web.auth import Role, Staff, issue_token
from tests.support.places import PROJECT

START_SECONDS = 60.0
KEYS = new_key("test")
RING = KeyRing.parse(KEYS)

_RUN = "from services.console.app import app\nfrom shared.hosting import run\nrun(app)"


def token(
    role: Role = Role.SUPERVISOR,
    *,
    name: str = "林晓",
    unit: str | None = None,
    seconds: float = 3600,
    issued_ago: float = 0,
) -> str:
    """A staff token for the console under test."""
    return issue_token(
        RING,
        Staff("s0001", name, role, unit),
        now=datetime.now(UTC) - timedelta(seconds=issued_ago),
        lifetime=timedelta(seconds=seconds),
    )


@dataclass
class ConsoleProcess:
    """A running console."""

    url: str
    process: ChildProcess

    def log(self) -> str:
        """All that it has logged."""
        return self.process.log.read_text(encoding="utf-8")


@asynccontextmanager
async def running_console(folder: Path, urls: Mapping[str, str], **settings: str) -> AsyncIterator[ConsoleProcess]:
    """A console that reads from the services at `urls`, stopped at the end. `settings` are `MINSHENG_*` without it."""
    port = settings.get("console_port") or str(ports.pick(0, "the console", remedy="try again"))
    given = {
        "staff_keys": KEYS,
        "console_port": port,
        "data_dir": str(folder),
        "console_refresh_seconds": "0.5",
        **{f"{service}_url": url for service, url in urls.items()},
        **settings,
    }
    env = {name: value for name, value in os.environ.items() if not name.startswith("MINSHENG_")}
    env |= {f"MINSHENG_{name.upper()}": value for name, value in given.items()}
    env["PYTHONPATH"] = str(PROJECT)
    process = spawn("console", [sys.executable, "-c", _RUN], log=folder / "console.log", env=env, cwd=folder)
    console = ConsoleProcess(f"http://127.0.0.1:{port}", process)
    try:
        await process.while_running(_ready(console.url))
        yield console
    finally:
        await process.stop()


async def _ready(url: str) -> None:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                if (await client.get(f"{url}/readyz")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
