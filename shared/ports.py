"""TCP ports of one's own on this machine: pick a free one, or say clearly that a wanted one is taken."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from shared.bilingual import Text

_LOWEST = 10_240
_ATTEMPTS = 50
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_OUTGOING = 32_768


_TAKEN = Text(
    "Port {port} for {what} is taken by another process. Stop that process, or {remedy}.",
    "{what} 的端口 {port} 已被其他进程占用。请停止该进程，或者：{remedy}。",
)


class PortTakenError(RuntimeError):
    """Another process listens on the wanted port. The message names it and how to choose another."""

    def __init__(self, port: int, what: str, remedy: str) -> None:
        super().__init__(_TAKEN.of(port=port, what=what, remedy=remedy))
        self.port = port


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `host:port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too: connections of an earlier server still in TIME_WAIT don't make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def pick(wanted: int, what: str, *, remedy: str, host: str = "127.0.0.1") -> int:
    """The port for `what`: `wanted` itself, or for 0 one that is free now.

    A picked port isn't reserved: another process may take it before the server listens, so callers that pass 0 try
    again. Raises `PortTakenError`, whose message ends with `remedy` ("set MINSHENG_X to another port").
    """
    if wanted:
        if not is_free(wanted, host):
            raise PortTakenError(wanted, what, remedy)
        return wanted
    # Below those that the system gives to outgoing connections: while a server is away for a moment, a client that
    # tries to reach it could be given the server's own port, connect to itself, and keep the server out.
    below = range(_LOWEST, _first_outgoing())
    for port in random.sample(below, min(_ATTEMPTS, len(below))):
        if is_free(port, host):
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        given: int = probe.getsockname()[1]
    return given


def _first_outgoing() -> int:
    try:
        return int(_OUTGOING.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL_OUTGOING
