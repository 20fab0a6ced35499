"""The simulated staff's tokens, and the headers that carry them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.privacy.keys import KeyRing
from shared.web.auth import Role, Staff, issue_token

_LIFETIME = timedelta(hours=8)
_RENEW = timedelta(hours=1)


class Badges:
    """Makes tokens with the deployment's staff keys, and renews each before it expires."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._issued: dict[Staff, tuple[datetime, str]] = {}

    def headers(self, staff: Staff) -> dict[str, str]:
        """The headers with which `staff` calls the platform."""
        now = datetime.now(UTC)
        expires, token = self._issued.get(staff, (now, ""))
        if expires - now < _RENEW:
            token = issue_token(self._ring, staff, now=now, lifetime=_LIFETIME)
            self._issued[staff] = (now + _LIFETIME, token)
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def officer(subject: str, unit: str | None) -> Staff:
    """An officer of a unit."""
    return Staff(subject, subject, Role.OFFICER, unit)


def lead(unit: str | None) -> Staff:
    """The lead of a unit, who acts where a case has no officer."""
    return Staff(f"lead-{unit}", f"lead-{unit}", Role.UNIT_LEAD, unit)


DUTY_ROOM = Staff("duty-room", "duty-room", Role.SUPERVISOR)
"""Sees the cases of all units and tells their officers."""
PHONE_DESK = Staff("phone-desk", "phone-desk", Role.OPERATOR)
