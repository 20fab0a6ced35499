"""The command line as a whole. Each command is loaded when it is used: `minsheng token` needs no Kafka client."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from services.cli.local import adopt_local_deployment
from services.cli.names import SERVICES

# Typer carries a click of its own and doesn't show it.
_Command: Any = typer.core.TyperCommand
_Group: Any = typer.core.TyperGroup

HELP = """民生警务平台 Minsheng: a citizens' request platform for a city police bureau.

Settings are MINSHENG_* variables in the environment, or lines of the file `.env`. What they leave open, commands for
operators take from the deployment that `minsheng up` runs here, if there is one.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: where it lies, what it is for, and whether it works on a deployment that runs."""

    place: str
    told: str
    operates: bool = False


ENTRIES: dict[str, Entry] = {
    "up": Entry("services.cli.up:up", "The whole platform on this machine, for trying out; --simulate adds a city."),
    **{name: Entry(f"{name}:", f"Run the service {name} until it is told to stop.") for name in SERVICES},
    "migrate": Entry("services.cli.deployment:migrate", "Create databases, and bring them to this version.", True),
    "keys": Entry("services.cli.keys:keys", "Print a fresh set of secrets."),
    "token": Entry("services.cli.keys:token", "Print a staff token, or a channel's key.", True),
    "topics": Entry("services.cli.deployment:topics", "The topics: what is missing, and creating it.", True),
    "dead-letters": Entry("services.cli.dead_letters:app", "Events that a service had to set aside.", True),
    "events": Entry("services.cli.events:app", "The event catalogue."),
    "republish": Entry("services.cli.republish:republish", "Publish a service's kept events again.", True),
    "offsets": Entry("services.cli.republish:offsets", "Where services read on.", True),
    "doctor": Entry("services.cli.doctor:doctor", "Check what the services need here.", True),
    "import": Entry("services.importer.cli:import_", "Hand the rows of a file in, once each.", True),
    "simulate": Entry("services.simulator.cli:simulate", "Play a city against a demonstration.", True),
    "screening": Entry("services.intake.screening.cli:app", "The screen that finds requests for 110.", True),
    "bench": Entry("tests.benchmarks.cli:app", "Measure the platform against its baselines (in a source checkout)."),
    "evaluate": Entry("tests.evaluation.cli:app", "Measure how well it understands people (in a source checkout)."),
}
_CHECKOUT = {"bench": "make bench", "evaluate": "make check"}


class _Later(_Command):  # type: ignore[misc]
    """A command that is known by name and purpose, and loaded once it is used."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, help=entry.told)
        self._entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself."""
        assert self.name is not None
        if self._entry.operates and "--help" not in args:
            adopt_local_deployment()
        return load(self.name).make_context(info_name, args, parent=parent, **extra)


class _Root(_Group):  # type: ignore[misc]
    def list_commands(self, _: Any) -> list[str]:
        return list(ENTRIES)

    def get_command(self, _: Any, name: str) -> Any:
        entry = ENTRIES.get(name)
        return None if entry is None else _Later(name, entry)


def load(name: str) -> Any:
    """The command itself, with its options."""
    entry = ENTRIES[name]
    module, _, attribute = entry.place.partition(":")
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    if not attribute:
        app.command(name, help=entry.told)(_service(module))
        return typer.main.get_command(app)
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if name not in _CHECKOUT:
            raise
        raise SystemExit(
            f"minsheng: {error}. `minsheng {name}` works in a source checkout with its development packages: run "
            f"`{_CHECKOUT[name]}` there once, which installs what it needs."
        ) from error
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    app.command(name)(found)
    return typer.main.get_command(app)


def _service(name: str) -> Any:
    def command() -> None:
        from services.__main__ import serve

        serve(name)

    return command


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"minsheng {version('minsheng')}")
        raise typer.Exit


def root() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(cls=_Root, help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @app.callback(help=HELP)
    def callback(
        _: Annotated[
            bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version and end.")
        ] = False,
    ) -> None:
        pass

    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and end the process."""
    root()(list(sys.argv[1:] if arguments is None else arguments), prog_name="minsheng")
