"""Staff tokens: who somebody is, their role and their unit, signed. Without any web framework, for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import jwt

from shared.privacy.keys import KeyRing

ALGORITHM = "HS256"
ISSUER = "minsheng"
AUDIENCE = "minsheng-staff"
MAX_LIFETIME = timedelta(hours=24)


class Role(StrEnum):
    """角色: what a member of staff may do."""

    OPERATOR = "operator"
    OFFICER = "officer"
    UNIT_LEAD = "unit-lead"
    SUPERVISOR = "supervisor"
    ANALYST = "analyst"
    ADMIN = "admin"
    AGENCY = "agency"

    @property
    def chinese(self) -> str:
        """The role's name in the user interface."""
        return _ROLES[self]


_ROLES = {
    Role.OPERATOR: "话务员",
    Role.OFFICER: "民警",
    Role.UNIT_LEAD: "单位负责人",
    Role.SUPERVISOR: "督办",
    Role.ANALYST: "分析员",
    Role.ADMIN: "管理员",
    Role.AGENCY: "协作单位",
}


@dataclass(frozen=True, slots=True)
class Staff:
    """Who is asking. `subject` is the officer id, `unit` the code of the unit they belong to, if any."""

    subject: str
    name: str
    role: Role
    unit: str | None = None


def issue_token(
    ring: KeyRing, staff: Staff, *, now: datetime, lifetime: timedelta = timedelta(hours=8), issuer: str = ISSUER
) -> str:
    """A signed token (JWT, HS256 with the ring's current key) for `staff`, good from `now` for `lifetime`.

    Raises `ValueError` for a lifetime that is not positive or longer than 24 hours.
    """
    if not timedelta(0) < lifetime <= MAX_LIFETIME:
        raise ValueError(f"A token lives more than 0 and at most {MAX_LIFETIME.total_seconds() / 3600:g} hours.")
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": staff.subject,
        "name": staff.name,
        "role": staff.role.value,
        "unit": staff.unit,
        "iat": now,
        "nbf": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, ring.current_key, algorithm=ALGORITHM, headers={"kid": ring.current})
