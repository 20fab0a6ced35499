"""What the simulation counts, and the summary it makes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from services.simulator.domain.latency import Latencies


@dataclass(slots=True)
class Tally:
    """Counts of one run, kept by its actors."""

    posted: int = 0
    """Postings begun, each counted once however often it was attempted."""
    accepted: int = 0
    """Requests answered 202 that intake had not had before."""
    repeated: int = 0
    """Postings answered 202 that intake had already: re-posts, and attempts whose first answer got lost."""
    urgent: int = 0
    unfinished: int = 0
    """Postings without a final answer when the simulation ended."""
    refused: Counter[str] = field(default_factory=Counter)
    """Postings with a final answer other than 202, by problem."""
    lag: float = 0.0
    """The most that the simulator itself was late in beginning a posting, in seconds."""
    latencies: Latencies = field(default_factory=Latencies)
    """From the moment a posting was due to its final answer: waiting for a connection and retries count."""

    steps: Counter[str] = field(default_factory=Counter)
    """What officers did, by step."""
    steps_refused: Counter[str] = field(default_factory=Counter)

    messages: int = 0
    """Messages that the carrier took, each once."""
    messages_again: int = 0
    """Messages that the carrier was given more than once."""
    messages_refused: Counter[str] = field(default_factory=Counter)
    receipts: Counter[str] = field(default_factory=Counter)
    """Receipts that follow-up took, by status."""
    replies: Counter[str] = field(default_factory=Counter)
    """Replies that follow-up took, by what the citizen meant."""
    callbacks_refused: Counter[str] = field(default_factory=Counter)
    phone_answers: Counter[str] = field(default_factory=Counter)
    """Answers that operators took by phone, by level."""

    @property
    def answered(self) -> int:
        """Surveys answered, by message or by phone; unclear replies don't count."""
        return self.replies.total() - self.replies["unclear"] + self.phone_answers.total()

    def summary(self) -> dict[str, Any]:
        """The counts as JSON can hold them."""
        return {
            "posted": self.posted,
            "accepted": self.accepted,
            "repeated": self.repeated,
            "refused": dict(self.refused),
            "unfinished": self.unfinished,
            "urgent": self.urgent,
            "latency_ms": self.latencies.milliseconds(),
            "lag_ms": round(self.lag * 1_000, 1),
            "officers": {"steps": dict(self.steps), "refused": dict(self.steps_refused)},
            "carrier": {
                "messages": self.messages,
                "given_again": self.messages_again,
                "refused": dict(self.messages_refused),
                "receipts": dict(self.receipts),
                "callbacks_refused": dict(self.callbacks_refused),
            },
            "surveys": {
                "answered": self.answered,
                "replies": dict(self.replies),
                "by_phone": dict(self.phone_answers),
            },
        }
