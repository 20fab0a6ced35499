"""Running asynchronous commands, with their failures told in one line that says what to do."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape

from shared.bilingual import Text
from shared.settings import MissingSettingError

T = TypeVar("T")

# What is printed may hold anything that people wrote: no emoji, no markup of theirs.
out = Console(emoji=False)
err = Console(stderr=True, emoji=False)

_NO_KAFKA = Text(
    "Kafka can't be reached at {address} ({reason}). See whether it runs, and whether {name} names it.",
    "无法连接 Kafka（{address}）：{reason}。请确认 Kafka 正在运行，且 {name} 填写正确。",
)
_KAFKA = Text("Kafka at {address} refuses: {reason}", "Kafka（{address}）拒绝了请求：{reason}")
_NO_POSTGRESQL = Text(
    "PostgreSQL can't be reached at {address} ({reason}). See whether it runs, and whether {name} names it.",
    "无法连接 PostgreSQL（{address}）：{reason}。请确认数据库正在运行，且 {name} 填写正确。",
)
_POSTGRESQL = Text(
    "PostgreSQL at {address} refuses: {reason}. Is the password in {name} right, and was `minsheng migrate` run?",
    "PostgreSQL（{address}）拒绝了请求：{reason}。请核对 {name} 中的密码，并确认已执行 `minsheng migrate`。",
)
_SETTINGS = Text("Settings can't be used: {reason}", "设置有误：{reason}")


def fail(text: Text, **values: object) -> typer.Exit:
    """Say what is wrong on stderr; raise the result to end with status 1."""
    return told(text.of(**values))


def told(message: str) -> typer.Exit:
    """As `fail`, with a message that is written already."""
    err.print(f"[red]minsheng:[/red] {escape(message)}", highlight=False, soft_wrap=True)
    return typer.Exit(1)


def run(work: Coroutine[Any, Any, T], *, given: dict[str, str] | None = None) -> T:
    """Run a command; failures of the outside world end it with a message instead of a trace.

    `given` names the options by which an address was given instead of its variable: `{"MINSHENG_KAFKA": "--kafka"}`.
    """
    try:
        return asyncio.run(work)
    except Exception as error:
        message = message_of(error, given or {})
        if message is None:
            raise
        raise told(message) from error


def message_of(error: BaseException, given: dict[str, str] | None = None) -> str | None:
    """What a failure of Kafka, PostgreSQL or the set-up means to an operator; None for another one."""
    given = given or {}
    if isinstance(error, MissingSettingError):
        return str(error)
    if (asyncpg := sys.modules.get("asyncpg")) is not None:
        cause = getattr(error, "orig", None) or error
        cause = cause.__cause__ or cause
        if isinstance(cause, (asyncpg.PostgresError, asyncpg.InterfaceError)) or _of_sqlalchemy(error):
            sqlstate = getattr(cause, "sqlstate", None)
            reason = f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}".rstrip(": ")
            away = sqlstate is None or sqlstate[:2] in {"08", "57"}
            return (_NO_POSTGRESQL if away else _POSTGRESQL).of(
                address=_address("MINSHENG_DATABASE"),
                name=given.get("MINSHENG_DATABASE", "MINSHENG_DATABASE"),
                reason=reason,
            )
    if (kafka := sys.modules.get("aiokafka.errors")) is not None and isinstance(error, kafka.KafkaError):
        name = type(error).__name__
        reason = str(error).removeprefix(f"{name}: ") or name
        away = isinstance(error, kafka.KafkaConnectionError)
        return (_NO_KAFKA if away else _KAFKA).of(
            address=_address("MINSHENG_KAFKA"), name=given.get("MINSHENG_KAFKA", "MINSHENG_KAFKA"), reason=reason
        )
    if isinstance(error, OSError):
        if asyncpg is not None and not _is_of_files(error):
            return _NO_POSTGRESQL.of(
                address=_address("MINSHENG_DATABASE"),
                name=given.get("MINSHENG_DATABASE", "MINSHENG_DATABASE"),
                reason=_plain(error),
            )
        return str(error)
    return None


def _of_sqlalchemy(error: BaseException) -> bool:
    module = sys.modules.get("sqlalchemy.exc")
    return module is not None and isinstance(error, module.SQLAlchemyError)


def _is_of_files(error: OSError) -> bool:
    return error.filename is not None


def _plain(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def _address(variable: str) -> str:
    """Host and port of a setting, without the password."""
    from shared.settings import Settings

    if variable == "MINSHENG_KAFKA":
        return Settings().kafka
    own = [value for name, value in os.environ.items() if name.startswith("MINSHENG_") and name.endswith("_DATABASE")]
    found = Settings().database
    text = found.get_secret_value() if found is not None else next(iter(own), "")
    parts = urlsplit(text)
    return f"{parts.hostname or '?'}:{parts.port or 5432}"
