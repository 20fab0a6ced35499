"""Logging as it is before anything configures it: other tests of the process may have run a service or a command."""

from __future__ import annotations

import logging

import pytest
import structlog


@pytest.fixture(autouse=True)
def unconfigured_logging() -> None:
    structlog.reset_defaults()
    for name in ("aiokafka", "faust", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.NOTSET)
