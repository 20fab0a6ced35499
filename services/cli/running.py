"""Running asynchronous commands, with their failures told in one line that says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from shared.settings import MissingSettingError

T = TypeVar("T")

out = Console()
err = Console(stderr=True)

_TOLD = (MissingSettingError, KafkaError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError)


def fail(message: str) -> typer.Exit:
    """Say what is wrong on stderr; raise the result to end with status 1."""
    err.print(f"[red]minsheng:[/red] {message}", highlight=False, soft_wrap=True)
    return typer.Exit(1)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command; failures of the outside world end it with a message instead of a trace."""
    try:
        return asyncio.run(work)
    except _TOLD as error:
        hint = ""
        if isinstance(error, KafkaError):
            hint = " Is Kafka running at MINSHENG_KAFKA?"
        elif isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError)):
            hint = " Is PostgreSQL running at MINSHENG_DATABASE, and migrated (`minsheng migrate`)?"
        raise fail(f"{type(error).__name__}: {error}{hint}") from error
