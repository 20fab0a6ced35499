"""The state of the platform's services, as their `/readyz` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ServiceState(StrEnum):
    """What a service's readiness says."""

    CHECKING = "checking"
    READY = "ready"
    DEGRADED = "degraded"
    NOT_READY = "not-ready"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """One service's state; `failing` names the parts that are not ready, also while it serves without them."""

    service: str
    state: ServiceState
    failing: tuple[str, ...] = ()

    @property
    def in_trouble(self) -> bool:
        """Whether the page warns of it."""
        return self.state in (ServiceState.DEGRADED, ServiceState.NOT_READY, ServiceState.UNREACHABLE)
