"""The one HTTP client of a process, and what an answer's failure means to the page."""

from __future__ import annotations

from typing import Any

import httpx

from services.console.domain.reading import Trouble

TIMEOUT = httpx.Timeout(3.0, connect=1.0)
LIMITS = httpx.Limits(max_connections=24, max_keepalive_connections=12)
MAX_ANSWER_BYTES = 1_048_576


class TroubleError(Exception):
    """An attempt to read brought nothing; `trouble` is what the page may say of it."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble


def http_client() -> httpx.AsyncClient:
    """The client for the platform's own services. Proxies of the environment are for the way out, not for these."""
    return httpx.AsyncClient(timeout=TIMEOUT, limits=LIMITS, trust_env=False, follow_redirects=False)


async def get_json(client: httpx.AsyncClient, url: str, token: str, params: dict[str, str] | None = None) -> Any:
    """What `url` answers to the person of this token. Raises `TroubleError`."""
    body = bytearray()
    try:
        async with client.stream("GET", url, params=params, headers={"Authorization": f"Bearer {token}"}) as response:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    raise TroubleError(Trouble.UNEXPECTED, f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    except httpx.TransportError as error:
        raise TroubleError(Trouble.UNREACHABLE, type(error).__name__) from None
    except httpx.HTTPError as error:
        raise TroubleError(Trouble.UNEXPECTED, type(error).__name__) from None
    if response.status_code != httpx.codes.OK:
        raise TroubleError(_meaning(response.status_code), f"status {response.status_code}")
    try:
        return httpx.Response(200, content=bytes(body)).json()
    except ValueError:
        raise TroubleError(Trouble.UNEXPECTED, "the answer is not JSON") from None


def _meaning(status: int) -> Trouble:
    if status == httpx.codes.UNAUTHORIZED:
        return Trouble.UNAUTHORISED
    if status == httpx.codes.FORBIDDEN:
        return Trouble.FORBIDDEN
    if status >= 500 or status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT):
        return Trouble.FAILING
    return Trouble.UNEXPECTED
