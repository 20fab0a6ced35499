"""Which deployment is played with: one that says it is a demonstration, and is there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from services.simulator.client import Answer, Caller, NoAnswerError
from services.simulator.stopping import Stop
from shared.bilingual import Text
from shared.bus.backoff import Backoff
from shared.web.channel_keys import HEADER

_WATCH_SECONDS = 0.5


class DeploymentError(RuntimeError):
    """The deployment can't be played with. The message names the service, and says what to do."""


_AWAY = Text(
    "No answer from {name} at {url} for {seconds:g} seconds ({reason}). See whether it runs, and whether the address "
    "is right.",
    "{name}（{url}）已 {seconds:g} 秒没有应答（{reason}）。请确认它正在运行，且地址正确。",
)
_SILENT = Text(
    "No answer from {url} for {seconds:g} seconds ({reason}). See whether the service runs there.",
    "{url} 已 {seconds:g} 秒没有应答（{reason}）。请确认该服务正在运行。",
)
_REAL = Text(
    "{name} at {url} doesn't say that it is a demonstration: a simulated city would work on real people's cases. Only "
    "where every case is invented, set MINSHENG_DEMONSTRATION=true for all services of the deployment, and "
    "restart them.",
    "{name}（{url}）没有表明自己是演示部署：模拟城市会去处理真实群众的工单。只有在全部工单都是虚构时，才可对该部署的"
    "所有服务设置 MINSHENG_DEMONSTRATION=true 并重新启动。",
)
_KEYS = Text(
    "{name} at {url} refuses the key of {channel} ({problem}): MINSHENG_CHANNEL_KEYS must be the deployment's.",
    "{name}（{url}）不认可渠道 {channel} 的密钥（{problem}）：MINSHENG_CHANNEL_KEYS 必须与该部署一致。",
)


async def check(caller: Caller, urls: Mapping[str, str], *, patience: float, stop: Stop) -> None:
    """See that each service is there and says that it is a demonstration. Raises `DeploymentError`.

    Waits up to `patience` seconds for services that are starting.
    """
    for name, url in urls.items():
        answer = await _until_answered(caller, name, url, patience, stop)
        if answer is None:
            return
        told = answer.content if isinstance(answer.content, dict) else {}
        if told.get("demonstration") is not True:
            raise DeploymentError(_REAL.of(name=name, url=url))


async def check_key(caller: Caller, intake: str, channel: str, key: str) -> None:
    """See that intake takes the keys that are made here. Raises `DeploymentError`."""
    try:
        answer = await caller.once("GET", f"{intake}/v1/channels/{channel}", {HEADER: key})
    except NoAnswerError:
        # It was there a moment ago: the posts wait for it.
        return
    if answer.status in (401, 403):
        raise DeploymentError(_KEYS.of(name="intake", url=intake, channel=channel, problem=answer.problem))


async def watch(callers: Sequence[Caller], *, patience: float, stop: Stop) -> None:
    """Until the simulation ends. Raises `DeploymentError` once a caller has had no answer for `patience` seconds."""
    while not await stop.pause(_WATCH_SECONDS):
        for caller in callers:
            away = caller.away
            if away is not None and asyncio.get_running_loop().time() - away.since > patience:
                stop.set()
                raise DeploymentError(_SILENT.of(url=away.url, seconds=patience, reason=away.reason))


async def _until_answered(caller: Caller, name: str, url: str, patience: float, stop: Stop) -> Answer | None:
    backoff = Backoff(first=0.1, longest=2.0)
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            return await caller.once("GET", f"{url}/healthz", {})
        except NoAnswerError as none:
            if asyncio.get_running_loop().time() >= deadline:
                raise DeploymentError(_AWAY.of(name=name, url=url, seconds=patience, reason=none)) from None
            if await stop.pause(backoff.next_delay()):
                return None
