"""Who is signed in: the staff token, sealed into a cookie that only the console can open.

The cookie holds all that is needed, so a restart or another replica of the console knows it, and nothing is stored.
Signing out deletes the cookie and, in this process, ends the session at once for all pages that are open with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import jwt
import orjson
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.privacy.keys import KEY_BYTES, KeyRing
from shared.privacy.sealing import UnsealError, seal, unseal
from shared.web.problems import Problem
from shared.web.staff import Role, Staff, read_token

COOKIE = "minsheng_session"
_PURPOSE = b"minsheng console session"


class SignInError(Exception):
    """A token doesn't sign in; `problem` is the key of the text that says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in. `scope` says whose figures are the same: who shares it may share what was read."""

    id: str
    staff: Staff
    expires_at: datetime
    token: str = field(repr=False)

    @property
    def scope(self) -> tuple[str, str | None]:
        """Role and unit: what the other services decide by."""
        return (self.staff.role.value, self.staff.unit)

    @property
    def own_unit(self) -> str | None:
        """The unit whose figures alone this person sees; None for those of the whole bureau."""
        return self.staff.unit if self.staff.role is Role.UNIT_LEAD else None


def cookie_ring(staff_ring: KeyRing) -> KeyRing:
    """Keys for the cookie, derived from those of the staff tokens: nobody can make one from the other."""
    keys: dict[str, bytes] = {}
    for kid in staff_ring.kids:
        key = staff_ring.get(kid)
        assert key is not None
        keys[kid] = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_PURPOSE).derive(key)
    return KeyRing(keys, staff_ring.current)


class Sessions:
    """Opens, reads and ends sessions."""

    def __init__(self, staff_ring: KeyRing, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._staff_ring = staff_ring
        self._cookie_ring = cookie_ring(staff_ring)
        self._now = now
        self._ended: dict[str, datetime] = {}

    def open(self, token: str) -> tuple[Session, str]:
        """A new session for a staff token, and its cookie's value. Raises `SignInError`."""
        token = token.strip()
        if not token:
            raise SignInError("problem-empty")
        session = self._session(secrets.token_urlsafe(16), token)
        sealed = seal(self._cookie_ring, orjson.dumps({"id": session.id, "token": token}), _PURPOSE)
        return session, sealed

    def read(self, cookie: str | None) -> Session | None:
        """The session of a cookie, or None where there is none that is still good."""
        if not cookie:
            return None
        try:
            content = orjson.loads(unseal(self._cookie_ring, cookie, _PURPOSE))
            session = self._session(content["id"], content["token"])
        except (UnsealError, SignInError):
            return None
        return session if self.alive(session) else None

    def alive(self, session: Session) -> bool:
        """Whether the session is neither over nor ended."""
        return session.expires_at > self._now() and session.id not in self._ended

    def end(self, session: Session) -> None:
        """Sign out: the session is over for every page that is open with it."""
        now = self._now()
        self._ended = {known: until for known, until in self._ended.items() if until > now}
        self._ended[session.id] = session.expires_at

    def _session(self, session_id: str, token: str) -> Session:
        expires_at = _expiry(token)
        try:
            staff = read_token(self._staff_ring, token)
        except Problem:
            over = expires_at is not None and expires_at <= self._now()
            raise SignInError("problem-expired" if over else "problem-wrong") from None
        # read_token lets clocks differ a little; a session ends when its token says so.
        if expires_at is None or expires_at <= self._now():
            raise SignInError("problem-expired")
        return Session(id=session_id, staff=staff, expires_at=expires_at, token=token)


def _expiry(token: str) -> datetime | None:
    """When a token says that it ends; whether it is to be believed is `read_token`'s to say."""
    try:
        ends = jwt.decode(token, options={"verify_signature": False}).get("exp")
        return datetime.fromtimestamp(ends, UTC) if isinstance(ends, (int, float)) else None
    except (jwt.InvalidTokenError, OverflowError, ValueError, OSError):
        return None
