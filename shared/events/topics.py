"""The topics: their names, and what each is for."""

from __future__ import annotations

from dataclasses import dataclass

LOGICAL = ("requests", "cases", "followups", "insights")
"""One topic for each emitting service, keyed by case id; an event class names its logical topic."""

PUBLIC_PREFIX = "public"
DEAD_LETTERS = "dead-letters"


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Full topic names under a prefix (`minsheng`), so that several deployments can share one cluster."""

    prefix: str = "minsheng"

    def internal(self, logical: str) -> str:
        """`minsheng.cases`."""
        return f"{self.prefix}.{logical}"

    def public(self, logical: str) -> str:
        """`minsheng.public.cases`: what another agency may be given."""
        return f"{self.prefix}.{PUBLIC_PREFIX}.{logical}"

    def dead_letters(self) -> str:
        """`minsheng.dead-letters`: every record that a service had to set aside."""
        return f"{self.prefix}.{DEAD_LETTERS}"

    def all(self) -> tuple[str, ...]:
        """Every topic that a deployment needs."""
        return (
            *(self.internal(name) for name in LOGICAL),
            *(self.public(name) for name in LOGICAL),
            self.dead_letters(),
        )
