"""The `minsheng` command: one service, or all of them, and what an operator needs besides."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import NoReturn

import typer

from shared.settings import MissingSettingError

SERVICES = ("intake", "routing", "followup", "analytics", "console")

_HEAVY: dict[str, str] = {"simulate": "services.simulator.cli"}
_CHECKOUT = {
    "bench": (
        "tests.benchmarks.cli",
        "Measure the platform against its baselines (in a source checkout, by `make bench`).",
    ),
    "evaluate": (
        "tests.evaluation.cli",
        "Measure how well the platform understands people, by family (in a source checkout).",
    ),
}
_HELP = """民生警务平台 Minsheng: a citizens' request platform for a city police bureau.

Settings are MINSHENG_* variables in the environment, or lines of the file `.env`.
"""


def serve(service: str) -> NoReturn:
    """Run one service as this process."""
    from shared.hosting import run

    run(importlib.import_module(f"services.{service}.app").app)


def _command(service: str) -> Callable[[], None]:
    def command() -> None:
        serve(service)

    return command


def commands() -> typer.Typer:
    """The command line, with everything that is not a service."""
    from services.cli import dead_letters, deployment, doctor, events, republish, up

    app = typer.Typer(help=_HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.command()(up.up)
    for service in SERVICES:
        app.command(service, help=f"Run the service {service} until it is told to stop.")(_command(service))
    app.command()(deployment.migrate)
    app.command()(deployment.keys)
    app.command()(deployment.token)
    app.add_typer(deployment.topics, name="topics")
    app.add_typer(dead_letters.app, name="dead-letters")
    app.add_typer(events.app, name="events")
    app.command()(republish.republish)
    app.add_typer(republish.offsets, name="offsets")
    app.command()(doctor.doctor)
    asked = sys.argv[1] if len(sys.argv) > 1 else None
    for name, module in _HEAVY.items():
        # Loading these takes a while: only for their own command, or to list everything.
        if asked == name or asked is None or asked.startswith("-"):
            app.add_typer(importlib.import_module(module).app, name=name)
    if asked == "import" or asked is None or asked.startswith("-"):
        app.command("import")(importlib.import_module("services.importer.cli").import_)
    for name, (module, told) in _CHECKOUT.items():
        app.command(
            name,
            help=told,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
        )(_of_checkout(name, module))
    return app


def _of_checkout(name: str, module: str) -> Callable[[typer.Context], None]:
    def command(context: typer.Context) -> None:
        try:
            cli = importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise SystemExit(
                f"minsheng: {error}. `minsheng {name}` works in a source checkout with its development packages: "
                f"run `make {'bench' if name == 'bench' else 'check'}` there once, which installs what it needs."
            ) from error
        cli.app(context.args, prog_name=f"minsheng {name}")

    return command


def main() -> None:
    """Entry point of `minsheng`. A service starts without loading what only the other commands need."""
    if len(sys.argv) == 2 and sys.argv[1] in SERVICES:
        serve(sys.argv[1])
    try:
        commands()()
    except MissingSettingError as error:
        raise SystemExit(f"minsheng: {error}") from error


if __name__ == "__main__":
    main()
