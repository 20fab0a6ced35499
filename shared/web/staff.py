"""Staff sign in with a bearer token that names who they are, their role and their unit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.privacy.keys import KeyRing
from shared.web.problems import Problem
from shared.web.tokens import ALGORITHM, AUDIENCE, ISSUER, MAX_LIFETIME, Role, Staff, issue_token

__all__ = ["LEEWAY", "MAX_LIFETIME", "Role", "Staff", "issue_token", "read_token", "require"]

LEEWAY = timedelta(seconds=30)
"""How far the clocks of two machines may differ."""
_MAX_TOKEN = 4_096


def read_token(ring: KeyRing, token: str, *, issuer: str = ISSUER) -> Staff:
    """Who a token speaks for. Raises `Problem` 401 when it is not ours, changed, not good yet or any more."""
    if len(token) > _MAX_TOKEN:
        raise _unauthorised("The token is too long to be one of ours.")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = ring.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise _unauthorised("The token was signed with a key that is not in use (any more).")
        claims = jwt.decode(
            token,
            key,
            # Fixed here: a token must not choose how it is checked.
            algorithms=[ALGORITHM],
            issuer=issuer,
            audience=AUDIENCE,
            leeway=LEEWAY,
            options={"require": ["iss", "aud", "sub", "iat", "nbf", "exp"]},
        )
        unit = claims.get("unit")
        return Staff(
            str(claims["sub"]), str(claims.get("name", "")), Role(claims["role"]), None if unit is None else str(unit)
        )
    except jwt.ExpiredSignatureError:
        raise _unauthorised("The token has expired.") from None
    except jwt.ImmatureSignatureError:
        raise _unauthorised("The token is not good yet; compare the clocks.") from None
    except (jwt.InvalidTokenError, KeyError, ValueError):
        raise _unauthorised("The token is not one of ours, or was changed.") from None


def require(*roles: Role, issuer: str = ISSUER) -> Callable[..., Awaitable[Staff]]:
    """A FastAPI dependency: the member of staff who asks, when they have one of `roles` (any role when none is given).

    Needs `app.state.staff_ring`, see `shared.web.app`. Answers 401 without a good token, 403 with another role.
    """

    async def staff(request: Request, credentials: HTTPAuthorizationCredentials | None = Depends(_bearer)) -> Staff:
        if credentials is None:
            raise _unauthorised("This needs a staff token in the header `Authorization: Bearer …`.")
        ring: KeyRing = request.app.state.staff_ring
        found = read_token(ring, credentials.credentials, issuer=issuer)
        if roles and found.role not in roles:
            needed = ", ".join(f"{role.value} ({role.chinese})" for role in roles)
            raise Problem(
                403,
                "role-needed",
                "Not allowed",
                f"This needs the role {needed}; the token has {found.role.value}. Ask an administrator for the role.",
                needed=[role.value for role in roles],
            )
        return found

    return staff


_bearer = HTTPBearer(auto_error=False, description="Staff token; `minsheng token --role ROLE` prints one.")


def _unauthorised(detail: str) -> Problem:
    return Problem(
        401,
        "staff-token-needed",
        "Not signed in",
        f"{detail} Sign in again, or get a token with `minsheng token --role ROLE`.",
        headers={"WWW-Authenticate": f'Bearer realm="{ISSUER}"'},
    )
