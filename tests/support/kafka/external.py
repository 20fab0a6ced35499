"""The Kafka that `MINSHENG_KAFKA` names."""

from __future__ import annotations

import os

from tests.support.kafka.server import KafkaServer, ready


class ExternalKafka(KafkaServer):
    """Somebody else's broker: used, never stopped. It is taken for a real one."""

    real = True

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    @classmethod
    def from_environment(cls) -> ExternalKafka:
        """The one that `MINSHENG_KAFKA` names; raises `KeyError` when it names none."""
        return cls(os.environ["MINSHENG_KAFKA"])

    @property
    def bootstrap(self) -> str:
        return self._bootstrap

    async def start(self) -> None:
        await ready(self._bootstrap, timeout=10.0)

    async def stop(self) -> None:
        raise RuntimeError("The Kafka of MINSHENG_KAFKA isn't ours to stop; use the fixture `own_kafka`.")

    async def kill(self) -> None:
        raise RuntimeError("The Kafka of MINSHENG_KAFKA isn't ours to kill; use the fixture `own_kafka`.")

    async def close(self) -> None:
        """Nothing: it isn't ours."""
