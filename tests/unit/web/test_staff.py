from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from fastapi import Depends, FastAPI

from shared.privacy.keys import KeyRing
from shared.web import problems
from shared.web.auth import Role, Staff, issue_token, read_token, require
from shared.web.problems import Problem

OLD = KeyRing({"old": b"o" * 32}, "old")
RING = KeyRing({"new": b"n" * 32, "old": b"o" * 32}, "new")
LI = Staff("officer-007", "李警官", Role.OFFICER, "futian")
NOW = datetime.now(UTC)


def _claims(**changes: Any) -> dict[str, Any]:
    claims = {
        "iss": "minsheng", "aud": "minsheng-staff", "sub": "x", "name": "x", "role": "officer", "unit": None,
        "iat": NOW, "nbf": NOW, "exp": NOW + timedelta(hours=1),
    } | changes  # fmt: skip
    return {name: value for name, value in claims.items() if value is not ...}


def _signed(key: bytes = b"n" * 32, algorithm: str = "HS256", kid: Any = "new", **changes: Any) -> str:
    return jwt.encode(_claims(**changes), key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def test_a_token_says_who_role_and_unit() -> None:
    assert read_token(RING, issue_token(RING, LI, now=NOW)) == LI
    analyst = Staff("a1", "分析", Role.ANALYST)
    assert read_token(RING, issue_token(RING, analyst, now=NOW)) == analyst


def test_after_a_rotation_old_tokens_are_good_until_their_key_is_dropped() -> None:
    before = issue_token(OLD, LI, now=NOW)
    assert read_token(RING, before) == LI
    with pytest.raises(Problem) as raised:
        read_token(KeyRing({"new": b"n" * 32}, "new"), before)
    assert raised.value.status == 401


def test_the_clocks_of_two_machines_may_differ_a_little() -> None:
    assert read_token(RING, issue_token(RING, LI, now=NOW + timedelta(seconds=20))) == LI


def _unsigned() -> str:
    parts = [{"alg": "none", "typ": "JWT", "kid": "new"}, {**_claims(), "iat": 0, "nbf": 0, "exp": 9999999999}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "x" * 5000,
        _unsigned(),
        _signed(key=b"m" * 32),
        _signed(key=b"n" * 64, algorithm="HS512"),
        _signed(kid="unknown"),
        _signed(kid=None),
        _signed(iss="elsewhere"),
        _signed(aud="citizens"),
        _signed(exp=NOW - timedelta(minutes=1)),
        # NOW is when the tests were collected, which may be long before this one runs.
        _signed(nbf=NOW + timedelta(days=1)),
        _signed(exp=...),
        _signed(nbf=...),
        _signed(aud=...),
        _signed(iss=...),
        _signed(sub=...),
        _signed(role=...),
        _signed(role="emperor"),
    ],
)
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(Problem) as raised:
        read_token(RING, token)
    assert raised.value.status == 401
    assert raised.value.headers["WWW-Authenticate"].startswith("Bearer")
    assert "minsheng token" in raised.value.detail
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_the_same_key_under_another_algorithm_is_refused_for_the_algorithm() -> None:
    # The key of this one is right: only the fixed algorithm keeps it out.
    with pytest.raises(Problem):
        read_token(RING, _signed(algorithm="HS384"))


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(hours=-1), timedelta(hours=24, seconds=1)])
def test_a_token_lives_a_day_at_most(lifetime: timedelta) -> None:
    with pytest.raises(ValueError, match="24 hours"):
        issue_token(RING, LI, now=NOW, lifetime=lifetime)


async def test_a_door_opens_for_the_roles_it_names() -> None:
    app = FastAPI()
    app.state.staff_ring = RING
    problems.install(app)

    @app.get("/case")
    async def case(staff: Staff = Depends(require(Role.OFFICER, Role.UNIT_LEAD))) -> str:
        return staff.subject

    @app.get("/any")
    async def anyone(staff: Staff = Depends(require())) -> str:
        return staff.role.chinese

    def bearer(role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue_token(RING, Staff('s1', 's', role), now=NOW)}"}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/case", headers=bearer(Role.OFFICER))).json() == "s1"
        assert (await client.get("/any", headers=bearer(Role.AGENCY))).json() == "协作单位"
        for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer nonsense"}):
            answer = await client.get("/case", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
        refused = await client.get("/case", headers=bearer(Role.ADMIN))
        assert refused.status_code == 403
        assert refused.json()["needed"] == ["officer", "unit-lead"]
        assert "officer (民警), unit-lead (单位负责人)" in refused.json()["detail"]
