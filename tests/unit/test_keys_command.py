from __future__ import annotations

import pytest
from typer.testing import CliRunner

from services.cli.commands import root
from shared.settings import KEY_SETTINGS, PREFIX, variable_of


def test_a_second_set_of_keys_is_printed_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in KEY_SETTINGS:
        monkeypatch.delenv(variable_of(field), raising=False)
    first = CliRunner().invoke(root(), ["keys"])
    assert first.exit_code == 0
    assert [line.partition("=")[0] for line in first.stdout.splitlines()] == [variable_of(f) for f in KEY_SETTINGS]
    assert first.stderr == ""
    monkeypatch.setenv(f"{PREFIX}STAFF_KEYS", first.stdout.splitlines()[2].partition("=")[2])
    second = CliRunner().invoke(root(), ["keys", "--kid", "k2"])
    assert len(second.stdout.splitlines()) == len(KEY_SETTINGS)
    assert second.stderr.startswith("Set here already: MINSHENG_STAFF_KEYS.")
