"""What became of posted rows: cases, repeated or refused, each row once, also where an answer got lost."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.importer.journal import Counts, Done, Refusal

_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row that is ready to be posted: its form as JSON."""

    row: int
    id: str
    body: bytes
    channel: str = ""

    @property
    def mark(self) -> int:
        """The same for rows that are one request at the platform."""
        return mark_of(self.channel, self.id)


def mark_of(channel: str, request_id: str) -> int:
    """64 bits that stand for a request, the same in every process; a set of them is small for millions of rows."""
    digest = hashlib.blake2b(f"{channel}\0{request_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


class Outcomes:
    """Tells cases from repetitions.

    A row that was posted before, and whose answer never came, is answered "repeated" by the platform although this
    import made the case. It is a case where the platform received it after the import had begun; and of several rows of
    the file that are the same request, only one is.
    """

    def __init__(
        self,
        *,
        since: datetime | None = None,
        unanswered: Iterable[int] = (),
        several: Collection[int] = frozenset(),
        made: Iterable[int] = (),
    ) -> None:
        """`since` is when the import began, by the platform's clock; `several` are the requests that stand in more than
        one row, and `made` those of them that are counted as cases already."""
        self._since = since
        self._unanswered = set(unanswered)
        self._several = several
        self._made = set(made)

    def lost(self, rows: Iterable[Prepared]) -> None:
        """Note rows that were posted without an answer."""
        self._unanswered.update(row.row for row in rows)

    def settled(self, rows: Sequence[Prepared], results: Sequence[dict[str, Any]]) -> Done:
        """The outcome of those rows whose results are final."""
        counts = Counts()
        refusals: list[Refusal] = []
        remarks: list[Refusal] = []
        settled: list[int] = []
        made: list[int] = []
        for row, result in zip(rows, results, strict=True):
            if is_for_later(result["status"]):
                self._unanswered.add(row.row)
                continue
            settled.append(row.row)
            if result["status"] != 202:
                refusals.append(Refusal(row.row, row.id, reason_of(result)))
                continue
            remarks.extend(Refusal(row.row, row.id, _remark(one)) for one in result.get("remarks", ()))
            if result["repeated"] and not self._is_ours(row, result):
                counts.repeated += 1
                continue
            counts.cases += 1
            counts.urgent += int(result["urgent"])
            if row.mark in self._several:
                self._made.add(row.mark)
                made.append(row.mark)
        counts.refused = len(refusals)
        return Done(tuple(settled), counts, tuple(refusals), tuple(remarks), tuple(made))

    def _is_ours(self, row: Prepared, result: dict[str, Any]) -> bool:
        return (
            row.row in self._unanswered
            and self._since is not None
            and datetime.fromisoformat(result["received_at"]) >= self._since
            and row.mark not in self._made
        )


def is_for_later(status: int) -> bool:
    """Whether a request with this answer is to be posted again."""
    return status >= 500 or status in _LATER


def reason_of(problem: dict[str, Any]) -> str:
    """A problem in one line: its kind, then the fields at fault, or what to do."""
    kind = str(problem.get("type", "refused")).rpartition(":")[2]
    errors = problem.get("errors")
    if errors:
        return f"{kind}: " + "; ".join(f"{error['field']}: {error['message']}" for error in errors)
    case = f" case_id={problem['case_id']}" if "case_id" in problem else ""
    return f"{kind}: {problem.get('detail', '')}{case}"


def _remark(remark: dict[str, Any]) -> str:
    return ": ".join(str(remark[name]) for name in ("code", "field", "text") if remark.get(name))
