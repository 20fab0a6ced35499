"""An SMS gateway for tests: real HTTP, sends each message id once, and has troubles on demand."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from shared.web.server import HttpServer

TOKEN = "carrier-token"


@dataclass(slots=True)
class Carrier:
    """What the gateway has sent and was asked; `troubles` are used up, one for each call."""

    url: str = ""
    sent: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Number and text by message id."""
    calls: list[list[str]] = field(default_factory=list)
    """The message ids of each call, answered or not."""
    authorisations: list[str | None] = field(default_factory=list)
    refusing: dict[str, str] = field(default_factory=dict)
    """Codes by the numbers that are refused."""
    rejecting: set[str] = field(default_factory=set)
    """Numbers for which a whole call is rejected with 422."""
    ignoring: set[str] = field(default_factory=set)
    """Numbers of which the answer says nothing."""
    troubles: deque[int | str] = field(default_factory=deque)
    """A status to answer with, `slow` to answer late after taking all, `lost` to answer 502 after that, `dribble` to
    send an answer that never ends, `garbage` to answer no JSON."""
    answering: bytes | None = None
    """What is answered in place of the truth."""
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once messages were taken."""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Lets the slow answers go."""

    async def messages(self, request: Request) -> Response:
        """`POST /messages`."""
        self.authorisations.append(request.headers.get("Authorization"))
        messages: list[dict[str, str]] = orjson.loads(await request.body())["messages"]
        self.calls.append([one["message_id"] for one in messages])
        trouble = self.troubles.popleft() if self.troubles else None
        if isinstance(trouble, int):
            return Response(status_code=trouble)
        if any(one["to"] in self.rejecting for one in messages):
            return Response(status_code=422)
        answer: dict[str, list[dict[str, Any]]] = {"accepted": [], "refused": []}
        for one in messages:
            message_id, number = one["message_id"], one["to"]
            if number in self.ignoring:
                continue
            if number in self.refusing:
                answer["refused"].append({"message_id": message_id, "code": self.refusing[number]})
                continue
            self.sent.setdefault(message_id, (number, one["text"]))
            answer["accepted"].append({"message_id": message_id, "carrier_id": f"c-{message_id}"})
        self.taken.set()
        if self.answering is not None:
            return Response(self.answering, 202, media_type="application/json")
        if trouble == "foreign":
            answer["accepted"].append({"message_id": str(uuid4()), "carrier_id": "c-foreign"})
            answer["refused"].append({"message_id": str(uuid4()), "code": "absent"})
        if trouble == "dribble":
            return StreamingResponse(self._dribble(), 202)
        if trouble == "lost":
            return Response(status_code=502)
        if trouble == "slow":
            await self.released.wait()
        if trouble == "garbage":
            return Response(b"<html>", 202)
        return Response(orjson.dumps(answer), 202, media_type="application/json")

    async def _dribble(self) -> AsyncIterator[bytes]:
        while not self.released.is_set():
            yield b" "
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await self.released.wait()


@asynccontextmanager
async def running_carrier() -> AsyncIterator[Carrier]:
    """A carrier that listens on a free port."""
    carrier = Carrier()
    app = FastAPI()
    app.add_api_route("/carrier/messages", carrier.messages, methods=["POST"])
    server = HttpServer(app, port=0, name="carrier")
    await server.start()
    carrier.url = f"{server.url}/carrier"
    try:
        yield carrier
    finally:
        carrier.released.set()
        await server.stop()
