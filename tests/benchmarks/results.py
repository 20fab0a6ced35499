"""What the benchmarks found: figures with their goals, raw numbers beside them, and where it was."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

_PACKAGES = ("aiokafka", "asyncpg", "faust-streaming", "faststream", "quixstreams", "sqlalchemy", "fastapi", "pydantic")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the table. `goal` is a bound: at least, or at most where `lower_is_better`; None has no goal."""

    key: str
    what: str
    value: float
    goal: float | None = None
    unit: str = "x"
    lower_is_better: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.lower_is_better else self.value >= self.goal


@dataclass(slots=True)
class Results:
    """Everything that one run found."""

    figures: list[Figure] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def add(self, *figures: Figure) -> None:
        """Keep figures, in the order of the table."""
        self.figures.extend(figures)

    def as_json(self) -> dict[str, Any]:
        """One object: each figure by its key, then goals, raw numbers and the machine."""
        return {
            **{figure.key: _round(figure.value) for figure in self.figures},
            "goals": {
                figure.key: {"goal": figure.goal, "met": figure.met, "lower_is_better": figure.lower_is_better}
                for figure in self.figures
                if figure.goal is not None
            },
            "notes": {figure.key: figure.note for figure in self.figures if figure.note},
            "raw": self.raw,
        }

    def table(self) -> Table:
        """For people."""
        table = Table(title="minsheng bench", title_justify="left")
        for column in ("figure", "what", "value", "goal", "met", "note"):
            table.add_column(column, justify="right" if column in ("value", "goal") else "left", overflow="fold")
        for figure in self.figures:
            sign = "<=" if figure.lower_is_better else ">="
            table.add_row(
                figure.key,
                figure.what,
                f"{_round(figure.value):g} {figure.unit}",
                "" if figure.goal is None else f"{sign} {figure.goal:g}",
                {True: "yes", False: "NO", None: ""}[figure.met],
                figure.note,
            )
        return table


def _round(value: float) -> float:
    return float(f"{value:.3g}") if abs(value) < 1000 else float(round(value))


def rates(count: int, seconds: Sequence[float]) -> dict[str, Any]:
    """Events per second: the median, and every round."""
    each = [count / one for one in seconds]
    return {"median": round(statistics.median(each), 1), "rounds": [round(one, 1) for one in each]}


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; `share` from 0 to 1."""
    ordered = sorted(values)
    # Rounded first: 0.07 x 100 is a little more than 7 in binary fractions.
    return ordered[max(0, math.ceil(round(len(ordered) * share, 6)) - 1)]


def machine() -> dict[str, Any]:
    """What it ran on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "load_before": [round(one, 2) for one in os.getloadavg()],
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def versions() -> dict[str, str]:
    """Of what was measured."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            # Some of what is compared with is installed for whole runs only.
            found[name] = "not installed"
    return found
