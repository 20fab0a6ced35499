"""Seals personal data, so that it can travel on the bus and lie in a database unreadable.

A sealed text is `v1.<kid>.<base64url(nonce || ciphertext || tag)>`: AES-256-GCM with a random nonce of 96 bits (NIST SP
800-38D, 8.2.2), which allows 2^32 sealed texts under one key: rotate keys well before that. The associated data, the
case id, binds a sealed text to its case: moved to another case, it doesn't open.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import Annotated, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import StringConstraints

from shared.privacy.keys import KeyRing, KeyRingError, new_key

__all__ = ["KeyRing", "KeyRingError", "SealedText", "UnsealError", "new_key", "seal", "unseal"]

_VERSION = "v1"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_FORM = re.compile(r"v1\.[A-Za-z0-9_-]{1,32}\.[A-Za-z0-9_-]{38,}", re.ASCII)

SealedText: TypeAlias = Annotated[str, StringConstraints(pattern=rf"^{_FORM.pattern}$")]
"""A pydantic type: a text of the sealed form. It can't tell whether the text opens."""


class UnsealError(Exception):
    """A sealed text doesn't open. The message says why and what to do, and never shows the text."""


def seal(ring: KeyRing, plaintext: bytes, associated: bytes) -> str:
    """Seal with the ring's current key; `associated` (the case id's bytes) must be given again to open it."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + AESGCM(ring.current_key).encrypt(nonce, plaintext, associated)
    return f"{_VERSION}.{ring.current}.{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}"


def unseal(ring: KeyRing, sealed: str, associated: bytes) -> bytes:
    """Open a sealed text with whichever key made it.

    Raises `UnsealError` when its form is unknown, its key isn't in the ring, or it was changed or moved to another
    case.
    """
    if not _FORM.fullmatch(sealed):
        raise UnsealError(f"This is not a sealed text of the form {_VERSION}.<key id>.<base64url>.")
    _, kid, encoded = sealed.split(".")
    key = ring.get(kid)
    if key is None:
        raise UnsealError(
            f"It was sealed with the key {kid!r}, which is not in the key ring. Put that key back into "
            "MINSHENG_SEALING_KEYS, behind the current one."
        )
    try:
        data = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise UnsealError(
            f"The text sealed with the key {kid!r} doesn't open: it was changed, belongs to another case, or the key "
            "of this id is another one than at the time of sealing."
        ) from None
