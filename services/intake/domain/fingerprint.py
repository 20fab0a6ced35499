"""Whether two requests say the same, without keeping what they say.

The digest is keyed: it covers phone numbers, which could be tried out against a plain hash of an otherwise known text.
"""

from __future__ import annotations

import hashlib
import hmac

from services.intake.domain.form import RequestForm
from shared.privacy.keys import KeyRing

_LABEL = b"minsheng-request-fingerprint\x00"


def fingerprint(ring: KeyRing, form: RequestForm) -> str:
    """`<key id>.<32 hexadecimal digits>` of the normalised content, under the ring's current key."""
    return _digest(ring.current, ring.current_key, form)


def is_same(ring: KeyRing, stored: str, form: RequestForm) -> bool:
    """Whether `form` has the content of which `stored` is the fingerprint, whichever key of the ring made it.

    Without that key nobody can tell any more; then it counts as another content, which a person looks at.
    """
    kid = stored.partition(".")[0]
    key = ring.get(kid)
    return key is not None and hmac.compare_digest(_digest(kid, key, form), stored)


def _digest(kid: str, key: bytes, form: RequestForm) -> str:
    content = form.__pydantic_serializer__.to_json(form)
    return f"{kid}.{hmac.digest(key, _LABEL + content, hashlib.sha256)[:16].hex()}"
