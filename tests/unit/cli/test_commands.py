"""The command line: what is loaded for what, and how it tells what it can."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from services.cli.commands import ENTRIES, load, root
from shared.settings import new_keys
from tests.support.places import PROJECT

HEAVY = ("sqlalchemy", "asyncpg", "aiokafka", "fastapi", "faust", "alembic", "nicegui", "httpx", "aiohttp", "uvicorn")
SINGLE = ("up", "migrate", "keys", "token", "republish", "doctor", "import", "simulate", "bench")


def loaded_by(*arguments: str) -> set[str]:
    """What of the heavy packages a process has loaded once the command has ended."""
    told = (
        "import json, sys\nfrom services.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code, ended.code\n"
        f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    )
    process = subprocess.run(
        [sys.executable, "-c", told, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
        env={**new_keys("k1"), "PATH": "/usr/bin:/bin", "MINSHENG_DATA_DIR": "/nonexistent", "COLUMNS": "200"},
    )
    found: list[str] = json.loads(process.stdout.splitlines()[-1])
    return set(found)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("keys",),
        ("token", "--role", "admin"),
        ("token", "--channel", "website-0001"),
        ("token", "--role", "officer", "--unit", "service-centre"),
        *((name, "--help") for name in ENTRIES if name not in {"bench", "evaluate"}),
    ],
    ids=" ".join,
)
def test_a_command_loads_what_it_needs(arguments: tuple[str, ...]) -> None:
    assert loaded_by(*arguments) == set()


@pytest.mark.parametrize("name", SINGLE)
def test_a_single_command_has_no_commands_of_its_own(name: str) -> None:
    told = CliRunner().invoke(root(), [name, "--help"], prog_name="minsheng", env={"COLUMNS": "200"})
    assert told.exit_code == 0
    assert "COMMAND" not in told.output


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(root(), ["--version"])
    assert (told.exit_code, told.output) == (0, "minsheng 0.1.0\n")


def test_every_command_is_listed_and_can_be_loaded() -> None:
    listed = CliRunner().invoke(root(), ["--help"], env={"COLUMNS": "200"}).output
    for name, entry in ENTRIES.items():
        assert name in listed
        assert entry.told.split(".")[0][:40] in listed
        assert load(name) is not None


def test_a_command_that_there_is_not_is_told() -> None:
    told = CliRunner().invoke(root(), ["nix"])
    assert told.exit_code == 2
    assert "No such command 'nix'" in told.output
