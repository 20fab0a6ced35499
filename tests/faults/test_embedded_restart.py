"""`minsheng up` is killed with all that it runs, and started again on what it left behind."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from shared import ports
from shared.process import ChildProcess, spawn
from shared.settings import PREFIX, Settings, development_keys
from tests.faults.plan import Plan
from tests.support.audit import audit
from tests.support.kernel import until
from tests.support.load import Journal, under_load
from tests.support.places import PROJECT, scratch

pytestmark = [pytest.mark.faults]

SERVICES = ("console", "intake", "routing", "followup", "analytics")
PARTITIONS = 4
"""What `minsheng up` chooses where nothing is set."""
READY_SECONDS = 120.0


class Up:
    """`minsheng up` in a folder, with ports of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self.ports = {
            name: ports.pick(0, name, remedy="free a port") for name in (*SERVICES, "simulator", "database", "kafka")
        }
        self._process: ChildProcess | None = None

    async def start(self) -> None:
        """Start it and return once it says that it is ready."""
        options = [part for name, port in self.ports.items() for part in (f"--{name}-port", str(port))]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        log = self._folder / "up.log"
        self._process = spawn(
            "up",
            [sys.executable, "-m", "services", "up", "--data-dir", self._data, *options],
            log=log,
            env=inherited | {"PYTHONPATH": str(PROJECT)},
            cwd=self._folder,
        )

        async def ready() -> bool:
            return "ready" in log.read_text().splitlines()

        await self._process.while_running(until(ready, seconds=READY_SECONDS, what="`minsheng up` is ready"))

    async def kill(self) -> None:
        """End it at once; it has no chance to end what it runs."""
        if self._process is not None:
            await self._process.kill()

    def settings(self) -> Settings:
        """The settings of its services."""
        keys = development_keys(self._data / "keys.env")
        password = (self._data / "postgres" / "password").read_text().strip()
        values: dict[str, Any] = {name.removeprefix(PREFIX).lower(): value for name, value in keys.items()}
        values["kafka"] = f"127.0.0.1:{self.ports['kafka']}"
        values["database"] = f"postgresql://postgres:{password}@127.0.0.1:{self.ports['database']}/"
        values["partitions"] = PARTITIONS
        return Settings(_env_file=None, **values)


# Seen red without executing `_REBUILD` in shared/bus/relay.py, Relay._rebuild_new_topics: the topics of the new broker
# lack what was published to the old one.
async def test_up_killed_and_started_again(plan: Plan) -> None:
    random = plan.random("up")
    journal = Journal()
    with scratch("up") as folder:
        up = Up(folder)
        try:
            await up.start()
            async with under_load(
                up.settings(),
                journal,
                intake=f"http://127.0.0.1:{up.ports['intake']}",
                routing=lambda: [f"http://127.0.0.1:{up.ports['routing']}"],
                seed=f"{plan.seed}-up",
                rate=20,
            ):
                for _ in plan.rounds(short=1, long=5):
                    await asyncio.sleep(random.uniform(1.0, 3.0))
                    await up.kill()
                    await up.start()
            await audit(up.settings(), journal)
        finally:
            await up.kill()
