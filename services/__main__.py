"""The `minsheng` command: one service, or all of them, and what an operator needs besides."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

from services.cli.names import SERVICES


def serve(service: str) -> NoReturn:
    """Run one service as this process."""
    # Before anything is loaded that may log or fail: what a service says is JSON, line by line, from the first.
    from shared.telemetry import logging

    logging.configure(service)
    try:
        app = importlib.import_module(f"services.{service}.app").app
    except Exception as error:  # noqa: BLE001 - told, with where it happened, and the process ends
        raise logging.not_started(error) from None
    from shared.hosting import run

    run(app)


def main() -> None:
    """Entry point of `minsheng`. A service starts without loading what only the other commands need."""
    if len(sys.argv) == 2 and sys.argv[1] in SERVICES:
        serve(sys.argv[1])
    from services.cli import commands

    commands.main()


if __name__ == "__main__":
    main()
