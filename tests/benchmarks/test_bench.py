"""The benchmarks run, on a scale that says nothing about speed, and tell what is promised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.benchmarks.cli import app
from tests.benchmarks.results import Figure, Results, percentile, rates
from tests.support.kafka import KafkaServer
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.timeout(600)


def _needs_the_others() -> None:
    pytest.importorskip("faststream", reason="compares with FastStream: run `uv sync --group bench`")
    pytest.importorskip("quixstreams", reason="compares with Quix Streams: run `uv sync --group bench`")


@pytest.mark.real_kafka
@pytest.mark.parametrize(
    ("part", "figures"),
    [
        ("routing", {"routing_vs_loop", "routing_vs_faust", "routing_vs_faststream", "routing_vs_quix"}),
        ("intake", {"intake_vs_bare"}),
        ("latency", {"latency_p99_ms"}),
        ("growth", {"cost_1m_vs_1k"}),
        ("workers", {"workers_2_vs_1"}),
    ],
)
def test_a_quick_run_tells_its_figures(
    part: str,
    figures: set[str],
    kafka: KafkaServer,
    postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINSHENG_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("MINSHENG_DATABASE", postgres.url)
    if part == "routing":
        _needs_the_others()
    report = tmp_path / "bench.json"
    outcome = CliRunner().invoke(app, ["--quick", "--only", part, "--json", str(report)], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    told = json.loads(report.read_text(encoding="utf-8"))
    assert set(told) == figures | {"goals", "notes", "raw"}
    assert all(told[figure] > 0 for figure in figures)
    assert {"machine", "versions", "servers"} < set(told["raw"])


def test_a_goal_is_met_from_its_side() -> None:
    assert Figure("a", "", 0.8, 0.75).met is True
    assert Figure("a", "", 0.7, 0.75).met is False
    assert Figure("a", "", 1.3, 1.2, lower_is_better=True).met is False
    assert Figure("a", "", 1.2, 1.2, lower_is_better=True).met is True
    assert Figure("a", "", 1.0).met is None


def test_only_figures_with_a_goal_are_listed_as_goals() -> None:
    results = Results()
    results.add(Figure("with", "", 1.23456, 1.0), Figure("without", "", 1234.5, note="why"))
    told = results.as_json()
    assert (told["with"], told["without"]) == (1.23, 1234.0)
    assert told["goals"] == {"with": {"goal": 1.0, "met": True, "lower_is_better": False}}
    assert told["notes"] == {"without": "why"}


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.07, 7), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_percentiles_are_those_of_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == expected


def test_the_middle_round_counts() -> None:
    assert rates(100, [1.0, 4.0, 2.0]) == {"median": 50.0, "rounds": [100.0, 25.0, 50.0]}
