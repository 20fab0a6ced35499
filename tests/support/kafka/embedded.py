"""The memory-only broker from the wheel, behind the face for tests."""

from __future__ import annotations

from pathlib import Path

from shared.bus.embedded import EmbeddedBroker
from tests.support.kafka.server import KafkaServer


class EmbeddedKafka(KafkaServer):
    """Forgets everything when it stops."""

    real = False

    def __init__(self, folder: Path) -> None:
        self._broker = EmbeddedBroker(folder)

    @property
    def bootstrap(self) -> str:
        return self._broker.bootstrap

    async def start(self) -> None:
        await self._broker.start()

    async def stop(self) -> None:
        await self._broker.stop()

    async def kill(self) -> None:
        await self._broker.kill()
