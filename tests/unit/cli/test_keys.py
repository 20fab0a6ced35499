from __future__ import annotations

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from services.cli.commands import root
from shared.privacy.keys import KeyRing, new_key
from shared.settings import KEY_SETTINGS, PREFIX, new_keys, variable_of
from shared.web.auth import Role, Staff, issue_token, read_token
from shared.web.problems import Problem


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


@pytest.mark.parametrize("kid", ["a:b", ":smile:", "a b", "密钥", "[red]", "a,b", "x" * 33])
def test_an_id_that_is_none_is_refused(kid: str) -> None:
    told = CliRunner().invoke(root(), ["keys", "--kid", kid])
    assert told.exit_code == 1
    assert told.stdout == ""
    assert f"{kid!r} is no key id" in told.stderr.replace("\n", " ")


def test_the_order_of_a_rotation_is_told_as_the_code_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key goes behind first: a process that knows only the old one could read nothing made with a new one."""
    old, new = new_key("old"), new_key("new")
    text = "OLD,NEW"
    assert text in str(CliRunner().invoke(root(), ["keys", "--help"], env={"COLUMNS": "200"}).output)
    before, first, second = (KeyRing.parse(one) for one in (old, f"{old},{new}", f"{new},{old}"))
    staff = Staff("a", "a", Role.ADMIN)
    for made_by, read_by in ((before, first), (first, before), (first, second), (second, first)):
        assert read_token(read_by, issue_token(made_by, staff, now=datetime.now(UTC))) == staff
    with pytest.raises(Problem):
        read_token(before, issue_token(second, staff, now=datetime.now(UTC)))


KEYS = new_keys("k1")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--role", "officer"], "needs --unit; the units are service-centre"),
        (["--role", "unit-lead"], "needs --unit"),
        (["--role", "officer", "--unit", "nix"], "There is no unit 'nix'"),
        (["--role", "supervisor", "--unit", "nix"], "There is no unit 'nix'"),
        ([], "Give --role"),
        (["--channel", "Not A Channel"], "neither a channel"),
    ],
)
def test_a_token_that_would_be_of_no_use_is_refused(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(root(), ["token", *arguments], env={**KEYS, "MINSHENG_DATA_DIR": "/nonexistent"})
    assert result.exit_code == 1
    assert result.stdout == ""
    assert told in result.stderr.replace("\n", " ")
    chinese = CliRunner().invoke(
        root(), ["token", *arguments], env={**KEYS, "MINSHENG_DATA_DIR": "/nonexistent", "LANG": "zh_CN.UTF-8"}
    )
    assert any("\u4e00" <= character <= "\u9fff" for character in chinese.stderr)


def test_a_token_of_a_unit_is_printed_alone() -> None:
    result = CliRunner().invoke(
        root(),
        ["token", "--role", "officer", "--unit", "service-centre", "--subject", "m0101"],
        env={**KEYS, "MINSHENG_DATA_DIR": "/nonexistent"},
    )
    ring = KeyRing.parse(KEYS["MINSHENG_STAFF_KEYS"])
    assert read_token(ring, result.stdout.strip()) == Staff("m0101", "m0101", Role.OFFICER, "service-centre")
