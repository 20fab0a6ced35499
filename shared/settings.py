"""Settings of every service, from `MINSHENG_*` variables of the environment or of a file `.env`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.bilingual import Text
from shared.privacy.keys import KeyRing, new_key

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

PREFIX = "MINSHENG_"
SERVICES = ("console", "intake", "routing", "followup", "analytics")

Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0 lets the system pick a free one."""

_PURPOSES = {
    "database": Text(
        "where PostgreSQL is (postgresql://user:password@host:5432/)",
        "PostgreSQL 的地址（postgresql://user:password@host:5432/）",
    ),
    "sealing_keys": Text("the keys that seal citizens' identities and contacts", "加密群众身份和联系方式的密钥"),
    "pseudonym_key": Text("the key behind the pseudonyms that say 'the same person'", "用于识别“同一个人”的假名密钥"),
    "staff_keys": Text("the keys that sign staff tokens", "签发工作人员令牌的密钥"),
    "channel_keys": Text("the master keys behind the channels' keys", "各渠道密钥的主密钥"),
    "callback_keys": Text("the keys that sign callbacks of the SMS gateway", "短信网关回调的签名密钥"),
}
_NOT_SET = Text(
    "{variable} is not set: {purpose}. Set it in the environment or .env; {remedy}.",
    "未设置 {variable}：{purpose}。请在环境变量或 .env 中设置；{remedy}。",
)
_NEW_KEY = Text(
    "`minsheng keys` prints a new one; services of one deployment share it",
    "`minsheng keys` 可打印一套新的，同一部署的各服务共用",
)
_OWN_SERVER = Text("`minsheng up` brings one of its own, for trying out", "试用时 `minsheng up` 会自带一个")
KEY_SETTINGS = ("sealing_keys", "pseudonym_key", "staff_keys", "channel_keys", "callback_keys")
"""The secrets that `minsheng keys` makes."""


class MissingSettingError(RuntimeError):
    """A setting without a safe default is not set. The message names its variable and how to get a value."""

    def __init__(self, field: str, variable: str | None = None) -> None:
        self.variable = variable or variable_of(field)
        remedy = _NEW_KEY if field in KEY_SETTINGS else _OWN_SERVER
        super().__init__(_NOT_SET.of(variable=self.variable, purpose=_PURPOSES[field].of(), remedy=remedy.of()))


def variable_of(field: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{field.upper()}"


def _is_postgresql(value: SecretStr) -> SecretStr:
    # As SQLAlchemy reads it, which takes long to load and isn't needed by every command.
    backend, separator, _ = value.get_secret_value().partition("://")
    if not separator or backend.partition("+")[0] not in {"postgresql", "postgres"}:
        # The value itself holds a password and stays out of the message.
        raise ValueError("must be a URL of the form postgresql://user:password@host:5432/")
    return value


DatabaseUrl = Annotated[SecretStr, AfterValidator(_is_postgresql)]

DEFAULT_TIMEZONE = "Asia/Shanghai"


def _is_time_zone(name: str) -> str:
    # All names are looked up on disk; nearly every deployment has this one.
    if name != DEFAULT_TIMEZONE and name not in available_timezones():
        raise ValueError(
            f"must be a name of the IANA time zone database, such as {DEFAULT_TIMEZONE}, and not an offset"
        )
    return name


class Settings(BaseSettings):
    """What a deployment can set; each field is `MINSHENG_<FIELD>`. The environment wins over `.env`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    kafka: str = Field(default="127.0.0.1:9092", description="Kafka bootstrap servers, host:port,host:port")
    database: DatabaseUrl | None = Field(
        default=None, description="PostgreSQL server; a service's database on it is minsheng_<service>"
    )
    intake_database: DatabaseUrl | None = Field(default=None, description="intake's own database instead")
    routing_database: DatabaseUrl | None = Field(default=None, description="routing's own database instead")
    followup_database: DatabaseUrl | None = Field(default=None, description="follow-up's own database instead")
    analytics_database: DatabaseUrl | None = Field(default=None, description="analytics' own database instead")
    pool_size: int = Field(default=10, ge=1, le=200, description="database connections of one process")

    timezone: Annotated[str, AfterValidator(_is_time_zone)] = Field(
        default=DEFAULT_TIMEZONE,
        description="the bureau's time zone, one for all services: whose day it is, and whose office hours",
    )

    host: str = Field(default="127.0.0.1", description="address the HTTP servers listen on")
    console_port: Port = 8000
    intake_port: Port = 8001
    routing_port: Port = 8002
    followup_port: Port = 8003
    analytics_port: Port = 8004

    topic_prefix: str = Field(default="minsheng", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    partitions: int = Field(default=12, ge=1, le=1000, description="of every topic; all have the same number")
    replication: int = Field(default=1, ge=1, le=10, description="copies of every partition; 3 in production")
    session_timeout_ms: int = Field(
        default=10_000, ge=1_000, le=300_000, description="silence after which a worker loses its partitions"
    )
    retention_hours: int = Field(default=168, ge=1, description="how long topics keep events")
    outbox_retention_hours: int = Field(
        default=2_160, ge=1, description="how long services keep published events, to tell them again; 90 days"
    )
    embedded: bool = Field(default=False, description="the bus is the embedded one: no idempotent producers")

    sealing_keys: SecretStr | None = None
    pseudonym_key: SecretStr | None = None
    staff_keys: SecretStr | None = None
    channel_keys: SecretStr | None = None
    callback_keys: SecretStr | None = None

    demonstration: bool = Field(
        default=False, description="nobody's real cases are here: `minsheng simulate` may play with them"
    )

    max_body_bytes: int = Field(default=1_048_576, ge=1_024, description="largest HTTP request body")
    rate_per_second: float = Field(default=2_000.0, gt=0, description="requests per second of one caller, sustained")
    rate_burst: int = Field(default=4_000, ge=1, description="requests of one caller at once")

    data_dir: Path = Field(default=Path(".minsheng"), description="where a process keeps files of its own")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otlp_endpoint: str | None = Field(default=None, description="OTLP/HTTP collector for traces, http://host:4318")
    trace_ratio: float = Field(default=0.01, ge=0, le=1, description="share of new traces that is exported")

    @model_validator(mode="after")
    def _outbox_keeps_what_topics_lose(self) -> Self:
        if self.outbox_retention_hours < self.retention_hours:
            raise ValueError(
                f"{variable_of('outbox_retention_hours')} must not be below {variable_of('retention_hours')}: "
                "what a topic has lost is told again from the outbox"
            )
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        """The bureau's time zone."""
        return ZoneInfo(self.timezone)

    def port_of(self, service: str) -> int:
        """The HTTP port of a service; 0 means any free one."""
        port: int = getattr(self, f"{_known(service)}_port")
        return port

    def database_for(self, service: str) -> str:
        """The asyncpg URL of a service's database, with its password.

        `MINSHENG_<SERVICE>_DATABASE` where it is set, else `minsheng_<service>` on the server of `MINSHENG_DATABASE`.
        Raises `MissingSettingError` when neither is set.
        """
        from sqlalchemy.engine import make_url

        own: SecretStr | None = getattr(self, f"{_known(service)}_database", None)
        if own is not None:
            return _asyncpg(make_url(own.get_secret_value()))
        return _asyncpg(make_url(self.database_server()).set(database=f"minsheng_{service}"))

    def database_server(self) -> str:
        """The URL of the PostgreSQL server, with its password. Raises `MissingSettingError`."""
        return self._secret("database")

    @cached_property
    def sealing_ring(self) -> KeyRing:
        """The keys that seal personal data. Raises `MissingSettingError` or `KeyRingError`."""
        return self._ring("sealing_keys")

    @cached_property
    def pseudonym_ring(self) -> KeyRing:
        """The key behind pseudonyms; a new first key makes all persons new. Raises as `sealing_ring`."""
        return self._ring("pseudonym_key")

    @cached_property
    def staff_ring(self) -> KeyRing:
        """The keys that sign staff tokens. Raises as `sealing_ring`."""
        return self._ring("staff_keys")

    @cached_property
    def channel_ring(self) -> KeyRing:
        """The master keys behind channel keys. Raises as `sealing_ring`."""
        return self._ring("channel_keys")

    @cached_property
    def callback_ring(self) -> KeyRing:
        """The keys that sign gateway callbacks. Raises as `sealing_ring`."""
        return self._ring("callback_keys")

    def _secret(self, field: str) -> str:
        value: SecretStr | None = getattr(self, field)
        if value is None:
            raise MissingSettingError(field)
        return value.get_secret_value()

    def _ring(self, field: str) -> KeyRing:
        return KeyRing.parse(self._secret(field), variable_of(field))


def _known(service: str) -> str:
    if service not in SERVICES:
        raise ValueError(f"There is no service {service!r}; the services are {', '.join(SERVICES)}.")
    return service


def _asyncpg(url: URL) -> str:
    return url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def new_keys(kid: str) -> dict[str, str]:
    """A fresh value for each secret that a deployment needs, by its variable; `kid` is the id of the new keys."""
    return {variable_of(field): new_key(kid) for field in KEY_SETTINGS}


def development_keys(path: Path) -> dict[str, str]:
    """The secrets kept in the file `path`, by their variables; made on the first call, kept afterwards.

    The file has the form of `.env` and mode 0600. Two processes that start at once get the same keys. A key that the
    file doesn't have yet is added. Raises `PermissionError` when others may read the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _publish(path, new_keys("dev1"))
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} holds keys and may be read by others. Run `chmod 600 {path}`.")
    kept = {name: value for name, value in dotenv_values(path).items() if value}
    missing = {name: value for name, value in new_keys("dev1").items() if name not in kept}
    if missing:
        with path.open("a", encoding="utf-8") as file:
            file.write(_lines(missing))
        kept |= missing
    return kept


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _publish(path: Path, values: Mapping[str, str]) -> None:
    """Let the file appear complete, or leave the one that another process made meanwhile."""
    # mkstemp makes the file with mode 0600.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_lines(values))
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
