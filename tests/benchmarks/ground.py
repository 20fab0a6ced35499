"""Where benchmarks run: one broker and one database server for all candidates, and for each a site of its own there.

A worker is warmed up, frozen (SIGSTOP) while its input is laid out, and thawed: so neither its start nor the laying out
is measured, and the clock starts with all of the input there. It stops with the broker's own time of the last record.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.bus.admin import TopicAdmin, wanted_topics
from shared.bus.envelope import headers_of, source_of
from shared.bus.partitioning import partition_of
from shared.bus.publisher import Outgoing, Publisher
from shared.events.base import Event
from shared.events.topics import TopicNames
from shared.process import ChildProcess, spawn
from shared.settings import new_keys
from shared.store.migration import migrate
from tests.support.kafka import KafkaServer, running_kafka
from tests.support.places import PROJECT, scratch
from tests.support.postgres import PostgresServer, running_postgres

PARTITIONS = 12
SESSION_TIMEOUT_MS = 300_000
"""A frozen worker must stay in its group while the others are measured."""
_SERVICE = "from shared.hosting import run\nfrom services.{name}.app import app\nrun(app)"


class BenchmarkError(RuntimeError):
    """A candidate did not do what it was measured for; the message says which and where its log is."""


def service(name: str) -> list[str]:
    """The command of one of the platform's services, as deployed."""
    return [sys.executable, "-c", _SERVICE.format(name=name)]


def module(name: str, *arguments: str) -> list[str]:
    """The command of a module of the benchmarks."""
    return [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments]


class Spent(NamedTuple):
    """What a round took: seconds on the clock, and processor seconds of the workers."""

    seconds: float
    cpu: float


@dataclass
class Site:
    """One candidate's topics, databases, processes, and what was laid out for it."""

    name: str
    kafka: KafkaServer
    databases: dict[str, str]
    folder: Path
    prefix: str
    env: dict[str, str]
    publisher: Publisher
    watcher: AIOKafkaConsumer
    processes: list[ChildProcess] = field(default_factory=list)

    @property
    def topics(self) -> TopicNames:
        """Its topic names."""
        return TopicNames(self.prefix)

    def start(self, command: Sequence[str], **settings: str) -> ChildProcess:
        """Start a process of this candidate; `settings` are `MINSHENG_*` beside those of the site."""
        env = self.env | {f"MINSHENG_{name.upper()}": value for name, value in settings.items()}
        log = self.folder / f"{self.name}-{len(self.processes)}.log"
        self.processes.append(spawn(self.name, command, log=log, env=env, cwd=PROJECT))
        return self.processes[-1]

    def records(self, events: Sequence[tuple[UUID, int, Event]], source: str = "intake") -> list[Outgoing]:
        """Events (case, sequence, event) of a service as they lie on the bus."""
        now = datetime.now(UTC)
        return [
            Outgoing(
                topic=self.topics.internal(event.TOPIC),
                partition=partition_of(case_id, PARTITIONS),
                key=str(case_id).encode(),
                value=event.encode(),
                headers=headers_of(
                    source=source_of(source),
                    type=event.TYPE,
                    case_id=case_id,
                    sequence=sequence,
                    time=now,
                    traceparent=f"00-{case_id.hex}-{case_id.int & 0xFFFFFFFFFFFF | 1:016x}-00",
                ),
                timestamp=int(now.timestamp() * 1000),
            )
            for case_id, sequence, event in events
        ]

    def _places(self, logical: str) -> list[TopicPartition]:
        return [TopicPartition(self.topics.internal(logical), partition) for partition in range(PARTITIONS)]

    async def count(self, logical: str) -> int:
        """How many records lie on a topic that nothing was deleted from."""
        return sum((await self.watcher.end_offsets(self._places(logical))).values())

    async def last_append(self, logical: str) -> float:
        """When the broker appended the youngest record of a topic, Unix time."""
        places = self._places(logical)
        ends = {place: end for place, end in (await self.watcher.end_offsets(places)).items() if end}
        self.watcher.assign(list(ends))
        for place, end in ends.items():
            self.watcher.seek(place, end - 1)
        latest = 0
        while ends:
            for place, messages in (await self.watcher.getmany(timeout_ms=1000)).items():
                for message in messages:
                    latest = max(latest, message.timestamp)
                ends.pop(place, None)
        return latest / 1000

    async def until_count(self, logical: str, wanted: int, *, seconds: float) -> None:
        """Wait until a topic has `wanted` records; fails when a process of this site ends, or after `seconds`."""

        async def reached() -> None:
            while await self.count(logical) < wanted:
                await asyncio.sleep(0.02)

        try:
            async with asyncio.timeout(seconds):
                await self._while_running(reached())
        except TimeoutError:
            found = await self.count(logical)
            raise BenchmarkError(
                f"{self.name} told {found:,} of {wanted:,} events in {seconds:g} s; its log ends with:\n"
                f"{self.processes[-1].log_tail()}"
            ) from None

    async def _while_running(self, work: Coroutine[Any, Any, None]) -> None:
        await self.processes[-1].while_running(work)

    async def measure(self, records: Sequence[Outgoing], told: int, *, seconds: float = 180.0) -> Spent:
        """What the site's workers spend on `records`, which lead to `told` events on `cases`."""
        before = await self.count("cases")
        worked = self.cpu_seconds()
        with self.frozen():
            await self.publisher.publish(records)
            thawed = time.time()
        await self.until_count("cases", before + told, seconds=seconds)
        return Spent(await self.last_append("cases") - thawed, self.cpu_seconds() - worked)

    def cpu_seconds(self) -> float:
        """Processor time that its processes have used so far; what other programs do hardly touches it."""
        return sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process in self.processes)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The site's processes stand still meanwhile."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def freeze(self) -> None:
        """Let the processes stand still."""
        for process in self.processes:
            process.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        for process in self.processes:
            process.send(signal.SIGCONT)

    @asynccontextmanager
    async def connection(self, name: str = "routing") -> AsyncIterator[asyncpg.Connection]:
        """A connection to one of the site's databases."""
        connection = await asyncpg.connect(self.databases[name])
        try:
            yield connection
        finally:
            await connection.close()

    async def stop(self) -> None:
        """End its processes."""
        self.thaw()
        for process in self.processes:
            await process.stop(grace=5.0)
        await self.publisher.close()
        await self.watcher.stop()


class Ground:
    """The servers that all candidates share."""

    def __init__(self, kafka: KafkaServer, postgres: PostgresServer, folder: Path) -> None:
        self.kafka = kafka
        self.postgres = postgres
        self.folder = folder

    @asynccontextmanager
    async def site(self, name: str, services: Sequence[str] = ("routing",)) -> AsyncIterator[Site]:
        """Fresh topics, a migrated database for each of `services`; gone at the end, with the processes."""
        prefix = f"bench-{secrets.token_hex(4)}"
        (self.folder / "data" / prefix).mkdir(parents=True)
        databases = {}
        for one in services:
            databases[one] = await self.postgres.create_database()
            await migrate(one, databases[one])
        wanted = wanted_topics(TopicNames(prefix), partitions=PARTITIONS, replication=1, retention_hours=24)
        stamped = [replace(t, config=(*t.config, ("message.timestamp.type", "LogAppendTime"))) for t in wanted]
        async with TopicAdmin(self.kafka.bootstrap) as admin:
            await admin.apply(stamped)
        watcher = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap, auto_offset_reset="none")
        await watcher.start()
        site = Site(
            name,
            self.kafka,
            databases,
            self.folder,
            prefix,
            self._environment(prefix, databases),
            Publisher(self.kafka.bootstrap, client_id="bench", idempotent=False),
            watcher,
        )
        try:
            yield site
        finally:
            await site.stop()
            for url in databases.values():
                await self.postgres.drop_database(url)

    def _environment(self, prefix: str, databases: dict[str, str]) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("MINSHENG_")}
        env |= {f"MINSHENG_{name.upper()}_DATABASE": url for name, url in databases.items()}
        env |= new_keys("bench")
        return env | {
            "PYTHONPATH": str(PROJECT),
            "MINSHENG_KAFKA": self.kafka.bootstrap,
            "MINSHENG_TOPIC_PREFIX": prefix,
            "MINSHENG_PARTITIONS": str(PARTITIONS),
            "MINSHENG_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            "MINSHENG_ROUTING_PORT": "0",
            "MINSHENG_RATE_PER_SECOND": "1000000",
            "MINSHENG_RATE_BURST": "1000000",
            "MINSHENG_LOG_LEVEL": "warning",
            "MINSHENG_DATA_DIR": str(self.folder / "data" / prefix),
        }

    async def server_versions(self) -> dict[str, str]:
        """What the database server calls itself, and where the broker is."""
        connection = await asyncpg.connect(self.postgres.url, database="postgres")
        try:
            version = await connection.fetchval("SHOW server_version")
            fsync = await connection.fetchval("SHOW fsync")
            commit = await connection.fetchval("SHOW synchronous_commit")
        finally:
            await connection.close()
        return {"postgresql": version, "fsync": fsync, "synchronous_commit": commit}


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """Broker and database server by the chain of the tests; only a real Kafka will do."""
    with scratch("bench") as folder:
        async with running_kafka(measured=True) as kafka, running_postgres() as postgres:
            if not kafka.real:
                raise BenchmarkError(
                    "Benchmarks need a real Apache Kafka: set MINSHENG_KAFKA=HOST:PORT, start Docker, or install "
                    "java (17+) and mvn."
                )
            yield Ground(kafka, postgres, folder)
