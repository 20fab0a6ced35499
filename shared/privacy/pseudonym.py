"""Keyed pseudonyms: whether two requests came from the same person, without knowing who that is."""

from __future__ import annotations

import hashlib
import hmac

from shared.privacy.keys import KeyRing

_BYTES = 16


def pseudonym(ring: KeyRing, contact: str) -> str:
    """32 hexadecimal digits that are the same for the same contact, and can't be turned back without the key.

    `contact` is a normalised contact (an E.164 number, see `shared.privacy.contact`): another spelling is another
    person. The key is one of its own, never a sealing key. Without it all phone numbers could be tried in minutes, so
    it needs the same care as the sealing keys. Raises `ValueError` for an empty contact.
    """
    if not contact:
        raise ValueError("A pseudonym needs a contact; leave the pseudonym out where there is none.")
    # The label keeps these digests apart from any other use of the key.
    digest = hmac.new(ring.current_key, b"minsheng-pseudonym\x00" + contact.encode(), hashlib.sha256)
    return digest.digest()[:_BYTES].hex()
