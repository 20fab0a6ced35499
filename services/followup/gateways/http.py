"""The SMS gateway's HTTP interface.

`POST {url}/messages` with `{messages: [{message_id, to, text}]}` answers 202 with
`{accepted: [{message_id, carrier_id}], refused: [{message_id, code}]}`. A message id that was accepted before is
accepted again and sent once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
import orjson

from services.followup.domain.codes import reason_of
from services.followup.gateways.gateway import Accepted, GatewayUnavailableError, Handed, Outgoing, Refused

_MAX_CARRIER_ID = 200
_OVERLOADED = frozenset({408, 425, 429})
_REJECTED = frozenset({400, 413, 422})


class HttpGateway:
    """A gateway behind HTTP. `timeout` in seconds holds for a whole call, whatever the server dribbles."""

    def __init__(self, url: str, token: str | None, *, timeout: float = 10.0) -> None:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self._timeout = timeout
        self._client = httpx.AsyncClient(base_url=url.rstrip("/"), headers=headers, timeout=timeout)

    async def send(self, messages: Sequence[Outgoing]) -> Handed:
        """Hand messages over; a batch that the gateway rejects as a whole is halved until the bad message is alone."""
        if not messages:
            return Handed()
        response = await self._post(messages)
        if response.status_code in _REJECTED:
            if len(messages) == 1:
                return Handed(refused=(Refused(messages[0].message_id, f"rejected-{response.status_code}"),))
            middle = len(messages) // 2
            first = await self.send(messages[:middle])
            try:
                second = await self.send(messages[middle:])
            except GatewayUnavailableError as error:
                # The first half may have been taken, and nobody is told.
                raise GatewayUnavailableError(str(error)) from error
            return Handed(first.accepted + second.accepted, first.refused + second.refused)
        return _handed(response, {message.message_id for message in messages})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post(self, messages: Sequence[Outgoing]) -> httpx.Response:
        body = orjson.dumps(
            {"messages": [{"message_id": str(one.message_id), "to": one.to, "text": one.text} for one in messages]}
        )
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.post("/messages", content=body)
        except (httpx.TransportError, TimeoutError) as error:
            raise GatewayUnavailableError(
                f"The SMS gateway doesn't answer ({type(error).__name__}). Check MINSHENG_SMS_GATEWAY_URL and the "
                "line.",
                none_taken=isinstance(error, httpx.ConnectError | httpx.ConnectTimeout),
            ) from error
        status = response.status_code
        if status in (401, 403):
            raise GatewayUnavailableError(
                f"The SMS gateway refuses our token ({status}). Set MINSHENG_SMS_GATEWAY_TOKEN to a good one.",
                none_taken=True,
            )
        if status in _OVERLOADED or status >= 500:
            # Other failures may be those of a proxy that lost the gateway's answer.
            raise GatewayUnavailableError(
                f"The SMS gateway can't take messages now ({status}).", none_taken=status in _OVERLOADED | {503}
            )
        if status != 202 and status not in _REJECTED:
            raise GatewayUnavailableError(
                f"The SMS gateway answers {status} instead of 202. Check MINSHENG_SMS_GATEWAY_URL."
            )
        return response


def _handed(response: httpx.Response, asked: set[UUID]) -> Handed:
    """What the answer says of the messages that were given, item by item: what can't be read was not said."""
    try:
        # Not by pydantic: half a character in one item would spoil the whole.
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise GatewayUnavailableError("The SMS gateway's answer is not of the agreed form.") from None
    return Handed(
        tuple(Accepted(one, _carrier_id(item.get("carrier_id"))) for one, item in _about(answer, "accepted", asked)),
        tuple(Refused(one, _code(item.get("code"))) for one, item in _about(answer, "refused", asked)),
    )


def _about(answer: dict[str, Any], member: str, asked: set[UUID]) -> Iterator[tuple[UUID, dict[str, Any]]]:
    items = answer.get(member)
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and isinstance(item.get("message_id"), str):
            with suppress(ValueError):
                message_id = UUID(item["message_id"])
                # What it says of messages that it was not given is none of this call's business.
                if message_id in asked:
                    yield message_id, item


def _carrier_id(given: object) -> str:
    """The carrier's own id, as far as it can be kept; for people who ask the carrier, nothing depends on it."""
    text = str(given) if isinstance(given, str | int) else ""
    return "".join(one for one in text if one.isprintable())[:_MAX_CARRIER_ID]


def _code(given: object) -> str:
    """The carrier's code in our spelling: free text may quote the number."""
    return reason_of(str(given) if isinstance(given, str | int) else None)
