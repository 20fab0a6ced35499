"""The servers that other tests stand on: what was acknowledged is there after a kill, and names are one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.kafka import KafkaServer
from tests.support.postgres import PostgresServer


async def _create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()


async def _values(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="none") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 0)
        return [(await consumer.getone()).value for _ in range(count)]


@pytest.mark.real_kafka
async def test_kafka_keeps_what_it_acknowledged_over_kill_and_stop(own_kafka: KafkaServer, namespace: str) -> None:
    address = own_kafka.bootstrap
    await _create(address, namespace)
    for number, end in enumerate((own_kafka.kill, own_kafka.stop)):
        async with AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=True) as producer:
            await producer.send_and_wait(namespace, b"%d" % number)
        await end()
        with pytest.raises(ConnectionRefusedError):
            await _connect(address)
        await own_kafka.start()
        assert own_kafka.bootstrap == address
    assert await _values(address, namespace, 2) == [b"0", b"1"]


async def _connect(address: str) -> None:
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.close()


async def test_the_shared_kafka_takes_topics_of_ones_own(kafka: KafkaServer, namespace: str) -> None:
    await _create(kafka.bootstrap, namespace)
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, enable_idempotence=kafka.real) as producer:
        await producer.send_and_wait(namespace, b"mine")
    assert await _values(kafka.bootstrap, namespace, 1) == [b"mine"]


async def test_postgres_keeps_what_it_committed_over_kill_and_stop(own_postgres: PostgresServer) -> None:
    url = await own_postgres.create_database()
    await _execute(url, "CREATE TABLE kept (value int)")
    for end in (own_postgres.kill, own_postgres.stop):
        await _execute(url, "INSERT INTO kept VALUES (1)")
        await end()
        await own_postgres.start()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM kept") == 2
    await connection.close()


async def test_a_database_can_be_a_copy_of_another(
    make_database: Callable[[str | None], Awaitable[str]], database: str
) -> None:
    await _execute(database, "CREATE TABLE kept (value int)", "INSERT INTO kept VALUES (7)")
    copy = await make_database(database)
    await _execute(database, "DELETE FROM kept")
    connection = await asyncpg.connect(copy)
    assert await connection.fetchval("SELECT value FROM kept") == 7
    await connection.close()


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
