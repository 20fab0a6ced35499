"""The embedded broker as clients and `kill -9` see it."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.bus.embedded import EmbeddedBroker, EmbeddedBrokerError, broker_binary
from shared.ports import PortTakenError
from tests.support.places import scratch
from tests.support.processes import alive, gone, line, python

_PARENT = """
import asyncio, pathlib, sys
from shared.bus.embedded import EmbeddedBroker

async def main():
    broker = EmbeddedBroker(pathlib.Path(sys.argv[1]))
    await broker.start()
    print("broker", broker.process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch("broker") as path:
        yield path


@pytest.fixture
async def broker(folder: Path) -> AsyncIterator[EmbeddedBroker]:
    server = EmbeddedBroker(folder)
    await server.start()
    yield server
    await server.kill()


async def _topics(bootstrap: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return list(await admin.list_topics())
    finally:
        await admin.close()


async def _create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 3, 1)])
    finally:
        await admin.close()


async def test_what_is_sent_is_read(broker: EmbeddedBroker) -> None:
    await _create(broker.bootstrap, "letters")
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
        for number in range(5):
            await producer.send_and_wait("letters", b"%d" % number, partition=2)
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="none") as consumer:
        consumer.assign([TopicPartition("letters", 2)])
        consumer.seek(TopicPartition("letters", 2), 0)
        assert [(await consumer.getone()).value for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_it_comes_back_empty_on_the_same_port(broker: EmbeddedBroker) -> None:
    await _create(broker.bootstrap, "letters")
    address = broker.bootstrap
    await broker.stop()
    assert broker.process is not None
    assert not alive(broker.process.pid)
    await broker.start()
    assert broker.bootstrap == address
    assert "letters" not in await _topics(address)


async def test_starting_a_running_one_changes_nothing(broker: EmbeddedBroker) -> None:
    before = broker.process
    await broker.start()
    assert broker.process is before


async def test_it_starts_again_after_a_crash(broker: EmbeddedBroker) -> None:
    await broker.kill()
    await broker.start()
    await _create(broker.bootstrap, "letters")
    assert "letters" in await _topics(broker.bootstrap)


async def test_a_taken_port_is_named_with_the_remedy(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"Port {port} .*--kafka-port"):
            await EmbeddedBroker(folder, port=port).start()


async def test_a_port_lost_in_a_race_is_picked_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        lost: list[int] = [other.getsockname()[1]]
        from shared import ports

        honest = ports.pick
        monkeypatch.setattr(
            ports, "pick", lambda wanted, what, *, remedy: lost.pop() if lost else honest(wanted, what, remedy=remedy)
        )
        server = EmbeddedBroker(folder)
        await server.start()
        try:
            assert server.port != other.getsockname()[1]
            assert await _topics(server.bootstrap) == []
        finally:
            await server.kill()


async def test_a_broker_that_ends_at_once_shows_its_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = folder / "broken"
    broken.write_text("#!/bin/sh\necho out of luck\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setattr("shared.bus.embedded.broker_binary", lambda: broken)
    with pytest.raises(EmbeddedBrokerError, match="out of luck"):
        await EmbeddedBroker(folder).start()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent ended")
async def test_it_goes_down_with_its_killed_parent(folder: Path) -> None:
    async with python(_PARENT, str(folder)) as parent:
        pid = int(await line(parent, "broker "))
        assert alive(pid)
        parent.kill()
        await gone(pid)


def test_without_the_wheel_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddedBrokerError, match="--kafka"):
        broker_binary()
