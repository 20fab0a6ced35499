"""The load: a process of its own that posts requests over kept-alive connections, and says on stdout how it went.

Closed: each connection posts again as soon as it is answered. Open (`--rate`): requests leave at a steady rate, whether
or not the earlier ones are answered.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import secrets
import sys
import time
from itertools import count
from urllib.parse import urlsplit

import orjson
import uvloop

from tests.benchmarks.results import percentile
from tests.benchmarks.texts import form

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_BODIES = 500


class Connection:
    """One kept-alive HTTP/1.1 connection. One exchange at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> Connection:
        """Connect to the server of a URL."""
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request as it stands; returns status and body."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        body = await self._reader.readexactly(int(found[1])) if found else b""
        return int(head[9:12]), body

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class Posts:
    """Requests to hand in, each with an id of its own."""

    def __init__(self, key: str) -> None:
        self._head = (
            f"POST /v1/requests HTTP/1.1\r\nHost: bench\r\nX-Channel-Key: {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        chance = random.Random(3)
        self._bodies = [orjson.dumps(form(chance, "0" * 24)) for _ in range(_BODIES)]
        self._run = secrets.token_hex(6)
        self._numbers = count()

    def next(self) -> bytes:
        """The next HTTP request."""
        number = next(self._numbers)
        body = self._bodies[number % _BODIES].replace(b"0" * 24, f"{self._run}{number:012d}".encode(), 1)
        return b"%s%d\r\n\r\n%s" % (self._head, len(body), body)


async def closed(url: str, posts: Posts, connections: int, seconds: float) -> tuple[list[float], int]:
    """Post for `seconds`; returns the seconds of each accepted request, and how many were not accepted."""
    taken: list[float] = []
    refused = 0
    end = time.perf_counter() + seconds

    async def keep_posting() -> None:
        nonlocal refused
        connection = await Connection.open(url)
        while (start := time.perf_counter()) < end:
            status, _ = await connection.exchange(posts.next())
            if status == 202:
                taken.append(time.perf_counter() - start)
            else:
                refused += 1
        connection.close()

    await asyncio.gather(*(keep_posting() for _ in range(connections)))
    return taken, refused


async def steady(url: str, posts: Posts, connections: int, seconds: float, rate: float) -> tuple[list[float], int]:
    """As `closed`, at `rate` requests per second; the time of a request counts from when it should have left."""
    taken: list[float] = []
    refused = 0
    due: asyncio.Queue[float | None] = asyncio.Queue()

    async def post_when_due() -> None:
        nonlocal refused
        connection = await Connection.open(url)
        while (start := await due.get()) is not None:
            status, _ = await connection.exchange(posts.next())
            if status == 202:
                taken.append(time.perf_counter() - start)
            else:
                refused += 1
        connection.close()

    workers = [asyncio.create_task(post_when_due()) for _ in range(connections)]
    begin = time.perf_counter()
    for number in range(int(seconds * rate)):
        when = begin + number / rate
        await asyncio.sleep(max(0.0, when - time.perf_counter()))
        due.put_nowait(when)
    for _ in workers:
        due.put_nowait(None)
    await asyncio.gather(*workers)
    return taken, refused


async def main(arguments: argparse.Namespace) -> None:
    """Post, and print one JSON line."""
    posts = Posts(arguments.key)
    begin = time.perf_counter()
    if arguments.rate:
        work = steady(arguments.url, posts, arguments.connections, arguments.seconds, arguments.rate)
    else:
        work = closed(arguments.url, posts, arguments.connections, arguments.seconds)
    taken, refused = await work
    spent = time.perf_counter() - begin
    told = {"accepted": len(taken), "refused": refused, "seconds": spent, "per_second": len(taken) / spent}
    if taken:
        told |= {"p50_ms": percentile(taken, 0.5) * 1000, "p99_ms": percentile(taken, 0.99) * 1000}
    sys.stdout.write(orjson.dumps(told).decode() + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0.0)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main(_arguments()))
