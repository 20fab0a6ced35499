"""Which records of a batch may be applied: pure sorting by what was seen of each case before.

A repeated event is skipped. An event that leaves a hole behind it is held until the hole is filled. A case with an open
dead letter holds back all that comes later; other cases flow on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from uuid import UUID

from shared.bus.envelope import Identity, Received, UndecodableError

CursorKey = tuple[UUID, str]
"""(case id, source)."""


class Record(NamedTuple):
    """One Kafka record, decoded or not. `position` is its place in the batch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    received: Received | None
    error: UndecodableError | None = None

    @property
    def identity(self) -> Identity:
        """Case, source and sequence, as far as the record tells them."""
        if self.received is not None:
            return Identity(self.received.source, self.received.type, self.received.case_id, self.received.sequence)
        assert self.error is not None
        return self.error.identity


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a case waits: a failed event, or holes in what some sources sent (which the missing event may fill)."""

    failed: bool = False
    gaps: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Held:
    """A record set aside, with the state and reason of its dead letter."""

    record: Record
    state: Literal["failed", "gap", "waiting"]
    reason: str
    detail: str = ""


@dataclass(slots=True)
class Admission:
    """The verdict on a batch, in the order of the batch."""

    fresh: list[Record] = field(default_factory=list)
    repeated: int = 0
    held: list[Held] = field(default_factory=list)
    filled: set[UUID] = field(default_factory=set)
    """Cases in which an event arrived that a hole was waiting for: their held events can be tried again."""


def admit(records: Iterable[Record], cursors: Mapping[CursorKey, int], blocked: Mapping[UUID, Blocked]) -> Admission:
    """Sort a batch against the stored cursors and the cases that are blocked."""
    verdict = Admission()
    seen = dict(cursors)
    waits = dict(blocked)
    for record in records:
        identity = record.identity
        source, case_id, sequence = identity.source, identity.case_id, identity.sequence
        if source is None or case_id is None or sequence is None:
            assert record.error is not None
            verdict.held.append(Held(record, "failed", record.error.reason, record.error.detail))
            continue
        cursor = seen.get((case_id, source), 0)
        if sequence <= cursor:
            verdict.repeated += 1
            continue
        wait = waits.get(case_id)
        fills = wait is not None and not wait.failed and source in wait.gaps and sequence == cursor + 1
        if wait is not None and not fills:
            verdict.held.append(Held(record, "waiting", "case-waits", "an earlier event of this case is set aside"))
        elif sequence > cursor + 1:
            gap = f"{source} sent event {sequence} of this case, but {cursor} is the last that arrived before it"
            verdict.held.append(Held(record, "gap", "hole", gap))
            waits[case_id] = Blocked(gaps=frozenset({source}))
        elif record.error is not None:
            verdict.held.append(Held(record, "failed", record.error.reason, record.error.detail))
            waits[case_id] = Blocked(failed=True)
        else:
            verdict.fresh.append(record)
            seen[case_id, source] = sequence
            if fills:
                verdict.filled.add(case_id)
    return verdict
