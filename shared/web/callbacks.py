"""Signed callbacks: a gateway proves that it sent this body, and when.

A gateway whose line was down sends from its retry queue what it signed long before: a signature is good for three days.
Within them a callback can come twice, so its handler must be idempotent by the callback's own id.

`X-Minsheng-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`. Several `v1` may be given while the
gateway's key is being rotated.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time

from fastapi import Request
from prometheus_client import Counter

from shared.privacy.keys import KeyRing
from shared.web.problems import Problem

HEADER = "X-Minsheng-Signature"
BACK_SECONDS = 72 * 3_600
"""How long a signature is good."""
AHEAD_SECONDS = 300
"""How far the gateway's clock may be ahead of ours."""
PROMPT_SECONDS = 300
"""What comes later than this is counted as late."""
_LATE = Counter(
    "minsheng_callbacks_late", "Callbacks with a good signature that is older than five minutes.", ("service",)
)
_MAX_HEADER = 1_024
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class SignatureError(ValueError):
    """A callback is not signed, not with our key, or not in these days. The message says which."""


def sign(ring: KeyRing, body: bytes, at: int) -> str:
    """The signature header of `body`, sent at `at` (unix seconds), with the ring's current key."""
    return f"t={at},v1={_digest(ring.current_key, body, at)}"


def verify(ring: KeyRing, header: str, body: bytes, now: float) -> float:
    """Check a signature header against a body; `now` in unix seconds. How old it is, in seconds.

    Raises `SignatureError`.
    """
    if len(header) > _MAX_HEADER:
        raise SignatureError("The signature is too long.")
    fields = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in fields if name == "t"]
    given = [value for name, _, value in fields if name == "v1" and _DIGEST.fullmatch(value)]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not given:
        raise SignatureError("The signature is not of the form t=<unix seconds>,v1=<hex HMAC-SHA256>.")
    at = int(times[0])
    age = now - at
    if age > BACK_SECONDS:
        raise SignatureError(f"The signature is older than {BACK_SECONDS // 3600} hours: sign the same body anew.")
    if -age > AHEAD_SECONDS:
        raise SignatureError(f"The signature's time is ahead of ours by more than {AHEAD_SECONDS} seconds.")
    masters = [key for kid in ring.kids if (key := ring.get(kid))]
    fits = [hmac.compare_digest(_digest(master, body, at), one) for master in masters for one in given]
    if not any(fits):
        raise SignatureError("The signature doesn't fit the body.")
    return age


def _digest(key: bytes, body: bytes, at: int) -> str:
    return hmac.digest(key, f"{at}.".encode() + body, hashlib.sha256).hex()


async def signed_body(request: Request) -> bytes:
    """A FastAPI dependency: the body of a callback whose signature is good; 401 otherwise.

    Needs `app.state.callback_ring` and `app.state.service`, see `shared.web.app`.
    """
    ring: KeyRing = request.app.state.callback_ring
    body = await request.body()
    header = request.headers.get(HEADER)
    try:
        if header is None:
            raise SignatureError(f"The header {HEADER} is missing.")
        if verify(ring, header, body, time.time()) > PROMPT_SECONDS:
            _LATE.labels(request.app.state.service).inc()
    except SignatureError as error:
        raise Problem(
            401,
            "signature-needed",
            "Not signed",
            f"{error} Sign the exact body with the key shared with the bureau, by a clock that is right.",
            headers={"WWW-Authenticate": f'Signature realm="minsheng", header="{HEADER}"'},
        ) from None
    return body
