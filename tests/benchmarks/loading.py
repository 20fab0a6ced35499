"""Running the load against a service, and waiting until that service is ready for it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson

from shared.privacy.keys import KeyRing
from shared.process import ChildProcess
from shared.web.auth import channel_key
from tests.benchmarks.ground import BenchmarkError, Site, module
from tests.support.places import PROJECT

START_SECONDS = 90.0


async def ready(process: ChildProcess, url: str) -> None:
    """Wait until a service says that it can serve."""

    async def answered() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    if (await client.get(f"{url}/readyz")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    # Not listening yet; a process that ends is found by who waits beside us.
                    pass
                await asyncio.sleep(0.05)

    try:
        async with asyncio.timeout(START_SECONDS):
            await process.while_running(answered())
    except TimeoutError:
        raise BenchmarkError(
            f"{process.name} was not ready in {START_SECONDS:g} s; its log:\n{process.log_tail()}"
        ) from None


def key_of(site: Site) -> str:
    """A channel key for what the load posts."""
    return channel_key(KeyRing.parse(site.env["MINSHENG_CHANNEL_KEYS"]), "website/*")


async def post(site: Site, url: str, *, seconds: float, connections: int, rate: float = 0.0) -> dict[str, Any]:
    """Run the load; returns what it says. Raises `BenchmarkError` where requests were not accepted."""
    arguments = ("--url", url, "--key", key_of(site), "--seconds", str(seconds), "--connections", str(connections))
    process = await asyncio.create_subprocess_exec(
        *module("load", *arguments, "--rate", str(rate)), stdout=asyncio.subprocess.PIPE, env=site.env, cwd=PROJECT
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise BenchmarkError(f"the load ended with status {process.returncode}; see above")
    told: dict[str, Any] = orjson.loads(output)
    if told["refused"] or not told["accepted"]:
        raise BenchmarkError(f"{site.name} accepted {told['accepted']:,} requests and refused {told['refused']:,}")
    return told
