"""Where tests keep what they download and what their servers write: inside the project's `.minsheng/`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
STATE = PROJECT / ".minsheng"
DATA = PROJECT.parent / "shared" / "data"
"""Real messages and requests, where they lie beside the checkout: tests that read them skip where they don't."""


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A new folder, removed at the end.

    Not pytest's `tmp_path`, which no other user may enter: PostgreSQL, started by root, runs as a user of its own.
    """
    parent = STATE / "tests"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
