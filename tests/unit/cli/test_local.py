"""The deployment that runs here, as commands find it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli import local

SETTINGS = {
    "MINSHENG_DATABASE": "postgresql://me:p'w $x@127.0.0.1:5432/",
    "MINSHENG_KAFKA": "127.0.0.1:9092",
    "MINSHENG_PARTITIONS": "4",
    "PATH": "/not/ours",
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("MINSHENG_"):
            monkeypatch.delenv(name)
    # Whatever is adopted is undone after the test.
    for name in SETTINGS:
        if name != "PATH":
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_it_is_for_this_user_alone_and_read_as_written(tmp_path: Path) -> None:
    file = local.write(tmp_path, SETTINGS)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert local.read(tmp_path) == {name: value for name, value in SETTINGS.items() if name != "PATH"}
    # Written again, also over one that others could read.
    file.chmod(0o644)
    assert stat.S_IMODE(local.write(tmp_path, SETTINGS).stat().st_mode) == 0o600


def test_what_nobody_sets_is_taken_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".minsheng").mkdir()
    local.write(tmp_path / ".minsheng", SETTINGS)
    (tmp_path / ".env").write_text("MINSHENG_PARTITIONS=12\n")
    monkeypatch.setenv("MINSHENG_KAFKA", "kafka:9092")
    local.adopt_local_deployment()
    assert os.environ["MINSHENG_DATABASE"] == SETTINGS["MINSHENG_DATABASE"]
    assert os.environ["MINSHENG_KAFKA"] == "kafka:9092"
    assert "MINSHENG_PARTITIONS" not in os.environ
    told = capsys.readouterr()
    assert told.out == ""
    assert ".minsheng/deployment.env" in told.err
    assert "MINSHENG_KAFKA, MINSHENG_PARTITIONS" in told.err
    assert "p'w" not in told.err


def test_a_deployment_that_has_ended_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINSHENG_DATA_DIR", str(tmp_path))
    code = (
        f"from pathlib import Path; from services.cli import local; local.write(Path({str(tmp_path)!r}), {SETTINGS!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
    assert (tmp_path / local.FILE).exists()
    assert local.read(tmp_path) == {}
    local.adopt_local_deployment()
    assert "MINSHENG_DATABASE" not in os.environ
    assert capsys.readouterr().err == ""


def test_where_none_was_ever_started_nothing_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    local.adopt_local_deployment()
    assert capsys.readouterr() == ("", "")
