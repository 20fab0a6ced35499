"""Apache Kafka from its official image, by Docker."""

from __future__ import annotations

from tests.support.docker import Container
from tests.support.kafka.server import KafkaServer, ready

IMAGE = "apache/kafka:4.1.0"


class ContainerKafka(KafkaServer):
    """One broker in a container; its data lives as long as the container, so also over kills."""

    real = True

    def __init__(self) -> None:
        self._container = Container(IMAGE, 9092)
        environment = {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            # Inside, the broker reaches itself by INTERNAL; the address advertised to clients exists outside only.
            "KAFKA_LISTENERS": "CLIENT://:9092,INTERNAL://:19092,CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"CLIENT://{self.bootstrap},INTERNAL://localhost:19092",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_INTER_BROKER_LISTENER_NAME": "INTERNAL",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS": "500",
            "KAFKA_BROKER_SESSION_TIMEOUT_MS": "3000",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        }
        self._container.set_environment(environment)

    @property
    def bootstrap(self) -> str:
        return f"{self._container.host}:{self._container.host_port}"

    async def start(self) -> None:
        await self._container.start()
        await ready(self.bootstrap)

    async def stop(self) -> None:
        await self._container.stop()

    async def kill(self) -> None:
        await self._container.kill()

    async def close(self) -> None:
        await self._container.remove()
