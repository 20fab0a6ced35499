"""Signed callbacks: a gateway proves that it sent this body, and that it did so just now.

`X-Minsheng-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`. Several `v1` may be given while the
gateway's key is being rotated.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time

from fastapi import Request

from shared.privacy.keys import KeyRing
from shared.web.problems import Problem

HEADER = "X-Minsheng-Signature"
TOLERANCE_SECONDS = 300
_MAX_HEADER = 1_024
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class SignatureError(ValueError):
    """A callback is not signed, not with our key, or too long ago. The message says which."""


def sign(ring: KeyRing, body: bytes, at: int) -> str:
    """The signature header of `body`, sent at `at` (unix seconds), with the ring's current key."""
    return f"t={at},v1={_digest(ring.current_key, body, at)}"


def verify(ring: KeyRing, header: str, body: bytes, now: float, *, tolerance: float = TOLERANCE_SECONDS) -> None:
    """Check a signature header against a body; `now` in unix seconds. Raises `SignatureError`."""
    if len(header) > _MAX_HEADER:
        raise SignatureError("The signature is too long.")
    fields = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in fields if name == "t"]
    given = [value for name, _, value in fields if name == "v1" and _DIGEST.fullmatch(value)]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not given:
        raise SignatureError("The signature is not of the form t=<unix seconds>,v1=<hex HMAC-SHA256>.")
    at = int(times[0])
    if abs(now - at) > tolerance:
        raise SignatureError(f"The signature's time differs from ours by more than {tolerance:g} seconds.")
    masters = [key for kid in ring.kids if (key := ring.get(kid))]
    fits = [hmac.compare_digest(_digest(master, body, at), one) for master in masters for one in given]
    if not any(fits):
        raise SignatureError("The signature doesn't fit the body.")


def _digest(key: bytes, body: bytes, at: int) -> str:
    return hmac.digest(key, f"{at}.".encode() + body, hashlib.sha256).hex()


async def signed_body(request: Request) -> bytes:
    """A FastAPI dependency: the body of a callback whose signature is good; 401 otherwise.

    Within the tolerance a callback can be sent twice: the handler must be idempotent by the callback's own id.
    Needs `app.state.callback_ring`, see `shared.web.app`.
    """
    ring: KeyRing = request.app.state.callback_ring
    body = await request.body()
    header = request.headers.get(HEADER)
    try:
        if header is None:
            raise SignatureError(f"The header {HEADER} is missing.")
        verify(ring, header, body, time.time())
    except SignatureError as error:
        raise Problem(
            401,
            "signature-needed",
            "Not signed",
            f"{error} Sign the exact body with the key shared with the bureau, and send it at once.",
            headers={"WWW-Authenticate": f'Signature realm="minsheng", header="{HEADER}"'},
        ) from None
    return body
