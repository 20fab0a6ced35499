"""Apache Kafka from Maven Central, run by this machine's Java: durable, idempotent, transactional, ready in seconds."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared import ports
from shared.process import ChildProcess, spawn
from tests.support.kafka.server import KafkaServer, ready
from tests.support.places import STATE

_POM = Path(__file__).with_name("pom.xml")
_DOWNLOADS = STATE / "kafka"

# After a kill, the controller lets the broker back in only when the session of the killed one has expired.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
auto.create.topics.enable=false
"""
# For a broker that lives for a minute, compiling thoroughly costs more than it ever saves: 4.5 s of processor time to
# start, and 2.8 s with this.
_BRIEF = ("-XX:TieredStopAtLevel=1",)


class JavaKafka(KafkaServer):
    """One broker, its own controller, in `folder`."""

    real = True

    def __init__(self, folder: Path, *, measured: bool = False) -> None:
        self._folder = folder
        self._options = () if measured else _BRIEF
        self._data = folder / "data"
        self._port = 0
        self._process: ChildProcess | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def process(self) -> ChildProcess | None:
        """The Java process of the last start."""
        return self._process

    async def start(self) -> None:
        home = await asyncio.to_thread(installation)
        if not self._port:
            self._port = ports.pick(0, "Kafka", remedy="free a port")
            await asyncio.to_thread(shutil.copytree, home / "formatted", self._data)
        properties = self._folder / "server.properties"
        controller = ports.pick(0, "Kafka's controller", remedy="free a port")
        properties.write_text(_PROPERTIES.format(port=self._port, controller=controller, data=self._data))
        self._process = spawn(
            "kafka",
            [_java(), "-Xmx1g", *self._options, "-cp", home / "lib" / "*", "kafka.Kafka", properties],
            log=self._folder / "kafka.log",
            cwd=self._folder,
        )
        await self._process.while_running(ready(self.bootstrap))

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop(signal.SIGTERM, grace=30.0)

    async def kill(self) -> None:
        if self._process is not None:
            await self._process.kill()


def installation() -> Path:
    """The folder with Kafka's jars (`lib/`) and a formatted, empty storage (`formatted/`); made on first use.

    Several test processes may ask at once: one makes it, the others wait. Raises `RuntimeError` when Maven fails.
    """
    home = _DOWNLOADS / hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    with _alone(_DOWNLOADS / "lock"):
        if not home.exists():
            making = Path(tempfile.mkdtemp(dir=_DOWNLOADS))
            try:
                _download(making / "lib")
                _format(making)
                making.rename(home)
            finally:
                shutil.rmtree(making, ignore_errors=True)
    return home


def _download(library: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("Apache Kafka for tests is fetched by Maven, and there is no mvn on this machine.")
    _run(
        [
            *(maven, "-q", "-B", "-f", str(_POM)),
            *("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={library}"),
        ],
        failing="Maven could not fetch Apache Kafka for tests; MINSHENG_TEST_KAFKA=embedded does without",
    )


def _format(home: Path) -> None:
    tool = [_java(), "-cp", str(home / "lib" / "*"), "kafka.tools.StorageTool"]
    properties = home / "format.properties"
    properties.write_text(_PROPERTIES.format(port=9092, controller=9093, data=home / "formatted"))
    cluster = _run([*tool, "random-uuid"], failing="Kafka's storage tool made no cluster id").strip()
    _run([*tool, "format", "-t", cluster, "-c", str(properties)], failing="Kafka's storage could not be formatted")


def _run(command: list[str], *, failing: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{failing}:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise RuntimeError("Apache Kafka for tests runs on Java 17 or newer, and there is no java on this machine.")
    return java


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
