"""The deployment that `minsheng up` runs on this machine, as other commands find it: one file of its settings."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from shared.bilingual import Text

FILE = "deployment.env"
_PREFIX = "MINSHENG_"
_PROCESS = "MINSHENG_UP_PROCESS"
_MEANT = Text(
    "minsheng: the deployment that `minsheng up` runs here is meant (its settings: {file})",
    "minsheng：以本机 `minsheng up` 正在运行的部署为准（其设置见 {file}）",
)
_EXCEPT = Text("; set otherwise and kept: {names}", "；另行设置、予以保留的有：{names}")


def data_dir() -> Path:
    """Where `minsheng up` keeps its files."""
    return Path(os.environ.get(f"{_PREFIX}DATA_DIR") or ".minsheng")


def write(folder: Path, settings: Mapping[str, str]) -> Path:
    """Keep the settings of the deployment that this process runs, for this machine's user alone."""
    file = folder / FILE
    file.unlink(missing_ok=True)
    kept = {name: value for name, value in settings.items() if name.startswith(_PREFIX)}
    kept[_PROCESS] = _process(os.getpid())
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in sorted(kept.items()))
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
        written.writelines(lines)
    return file


def read(folder: Path) -> dict[str, str]:
    """The settings of the deployment that runs from a folder; none where none runs."""
    file = folder / FILE
    with suppress(FileNotFoundError):
        lines = file.read_text(encoding="utf-8").splitlines()
        found = dict(shlex.split(line)[0].split("=", 1) for line in lines if line)
        process = found.pop(_PROCESS, "")
        if process and _process(int(process.partition("-")[0])) == process:
            return found
    return {}


def adopt_local_deployment() -> None:
    """Take from the running deployment what neither the environment nor `.env` sets, and say so."""
    found = read(data_dir())
    if not found:
        return
    own = _own()
    taken = {name: value for name, value in found.items() if name not in own}
    if not taken:
        return
    os.environ.update(taken)
    told = _MEANT.of(file=data_dir() / FILE)
    kept = sorted(name for name, value in found.items() if own.get(name, value) != value)
    sys.stderr.write(told + (_EXCEPT.of(names=", ".join(kept)) if kept else "") + "\n")


def _own() -> dict[str, str]:
    found: dict[str, str] = {}
    if Path(".env").is_file():
        from dotenv import dotenv_values

        found |= {name: value for name, value in dotenv_values(".env").items() if value}
    found |= {name: value for name, value in os.environ.items() if value}
    return found


def _process(pid: int) -> str:
    """A process by its id and when it began, so that another one with the same id isn't taken for it; empty if none."""
    with suppress(OSError):
        # The command stands in brackets and may hold blanks; the 20th field after it is the start.
        return f"{pid}-{Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    return str(pid) if not Path("/proc/self/stat").exists() and _is_alive(pid) else ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
