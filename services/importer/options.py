"""What an import is told, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.importer.journal import Counts
from services.importer.keys import ChannelKeys
from shared.settings import DEFAULT_TIMEZONE

MAX_BATCH = 500
"""As many requests as intake takes at once."""


@dataclass(frozen=True, slots=True)
class Options:
    """What an import is told. `channel` wins over what the mapping says; `timezone` over the mapping's."""

    file: Path
    url: str
    keys: ChannelKeys
    channel: str | None = None
    mapping: str = "auto"
    timezone: str | None = None
    default_timezone: str = DEFAULT_TIMEZONE
    """Of times without an offset, where neither `timezone` nor the mapping says one: the deployment's."""
    encoding: str | None = None
    batch: int = 200
    in_flight: int = 4
    patience: float = 120.0
    state: Path | None = None
    report: Path | None = None
    restart: bool = False

    @property
    def state_file(self) -> Path:
        """Where the progress is kept: beside the input unless told otherwise."""
        return self.state or self.file.with_name(f"{self.file.name}.import")

    @property
    def report_file(self) -> Path:
        """Where refused rows are written: beside the state unless told otherwise."""
        return self.report or self.state_file.with_name(f"{self.file.name}.refused.csv")

    @property
    def remarks_file(self) -> Path:
        """Where it is written which rows are cases with a remark: beside the report."""
        return self.report_file.with_name(f"{self.file.name}.remarks{self.report_file.suffix}")


@dataclass(frozen=True, slots=True)
class Moment:
    """How far an import is, for a progress bar: bytes read of all, and what became of the rows."""

    position: int
    size: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a file's rows. `stopped` says why the import ended before the file did."""

    counts: Counts
    resumed: int
    seconds: float
    mapping: str
    encoding: str
    report: Path | None
    remarks: Path | None = None
    stopped: str | None = None
