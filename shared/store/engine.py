"""Connections to a service's database, and which of its failures pass by themselves."""

from __future__ import annotations

import asyncio
import secrets

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from sqlalchemy import event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_WAITS_FOR_AN_OPERATOR = (
    # No event causes these: a missing migration or right stops all of them, and none may be set aside for it.
    asyncpg.exceptions.SyntaxOrAccessError,
    asyncpg.exceptions.InsufficientPrivilegeError,
)
_PASSES = (
    asyncpg.exceptions.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.TransactionRollbackError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
    asyncpg.exceptions.ObjectNotInPrerequisiteStateError,
    asyncpg.exceptions.InvalidAuthorizationSpecificationError,
    asyncpg.exceptions.InvalidCatalogNameError,
    # A server that became a standby, or one at an address where a writing one is looked for: another takes its place.
    asyncpg.exceptions.ReadOnlySQLTransactionError,
    asyncpg.exceptions.TargetServerAttributeNotMatched,
    asyncpg.exceptions.PostgresSystemError,
    asyncpg.exceptions.InternalServerError,
    asyncpg.InterfaceError,
    PoolTimeoutError,
    OSError,
    asyncio.TimeoutError,
)

WRITING = SessionAttribute.read_write
"""The `target_session_attrs` of every connection: a server that takes no writes is no use to any service."""
IDLE_IN_TRANSACTION_MS = 10_000
"""A process that stands still in the middle of a transaction holds rows that others need: after this long the server
ends it."""


def is_transient(error: BaseException) -> bool:
    """Whether a database failure has nothing to do with the event at hand: the work is tried again, for ever.

    True for lost connections, shutdown, a failover to a server that is read-only yet, deadlock, serialisation, missing
    resources, and for what an operator must mend (a missing table or right). False for bad data and broken constraints,
    which would fail again.
    """
    if isinstance(error, DBAPIError):
        if error.connection_invalidated or isinstance(error, InterfaceError):
            return True
        cause = error.orig.__cause__ if error.orig is not None else None
        return cause is None or is_transient(cause)
    if isinstance(error, PoolTimeoutError):
        return True
    return isinstance(error, (*_PASSES, *_WAITS_FOR_AN_OPERATOR))


def sqlalchemy_url(url: str) -> URL:
    """The URL with the asyncpg driver, from any `postgresql://` URL."""
    return make_url(url).set(drivername="postgresql+asyncpg")


def asyncpg_dsn(url: str) -> str:
    """The URL as asyncpg itself takes it, for the connections that listen and hold locks."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def application_of(part: str) -> str:
    """A name for the connections of this process that no other process has, as PostgreSQL shows it."""
    return f"minsheng-{part}-{secrets.token_hex(4)}"


def create_engine(url: str, *, pool_size: int = 10, application: str = "minsheng") -> AsyncEngine:
    """A pool of connections in UTC to a server that takes writes, the first of several hosts that does.

    Statements are prepared once and kept for each connection. Once a server turns out to be read-only, every connection
    to it is dropped.
    """
    engine = create_async_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=False,
        # The text of an exception must not quote the citizen's data that a statement carried.
        hide_parameters=True,
        connect_args={
            "timeout": 5,
            "command_timeout": 60,
            "target_session_attrs": WRITING,
            "server_settings": {
                "application_name": application,
                "timezone": "UTC",
                "jit": "off",
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
            },
        },
    )
    event.listen(engine.sync_engine, "handle_error", _drop_read_only)
    return engine


def _drop_read_only(context: ExceptionContext) -> None:
    """Have the pool take a connection to a read-only server, and all others that it has, for lost."""
    cause = context.original_exception.__cause__
    if isinstance(cause, asyncpg.exceptions.ReadOnlySQLTransactionError):
        context.is_disconnect = True
