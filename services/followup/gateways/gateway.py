"""What follow-up asks of a way to reach citizens, whichever is behind it: SMS, a phone desk, WeChat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, opened for sending. Number and text stay out of its repr, and so out of logs."""

    message_id: UUID
    to: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway has taken the message, now or when it was handed over before."""

    message_id: UUID
    carrier_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway will never take the message; `code` says why."""

    message_id: UUID
    code: str


@dataclass(frozen=True, slots=True)
class Handed:
    """A gateway's answer. A message in neither list was not dealt with and is handed over again later."""

    accepted: tuple[Accepted, ...] = ()
    refused: tuple[Refused, ...] = ()


class GatewayUnavailableError(ConnectionError):
    """The gateway didn't say that it took the messages: unreachable, overloaded, or set up wrongly.

    The message says what to do. `none_taken`: it is certain that no citizen got one of them.
    """

    def __init__(self, reason: str, *, none_taken: bool = False) -> None:
        super().__init__(reason)
        self.none_taken = none_taken


class Gateway(Protocol):
    """A way to hand messages over. Idempotent by message id: handing one over again sends nothing twice."""

    async def send(self, messages: Sequence[Outgoing]) -> Handed:
        """Hand messages over. Raises `GatewayUnavailableError`."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
