from __future__ import annotations

import time

import httpx
import pytest
from fastapi import Depends, FastAPI
from prometheus_client import REGISTRY

from shared.privacy.keys import KeyRing
from shared.web import problems
from shared.web.auth import SignatureError, sign, signed_body, verify

OLD = KeyRing({"old": b"o" * 32}, "old")
RING = KeyRing({"new": b"n" * 32, "old": b"o" * 32}, "new")
BODY = b'{"level":"satisfied"}'
AT = 1_800_000_000
GOOD = sign(RING, BODY, AT)


HOUR = 3_600


@pytest.mark.parametrize("age", [0, -300, 300, 900, 24 * HOUR, 72 * HOUR])
def test_a_signed_body_is_good_for_three_days_and_a_little_ahead(age: float) -> None:
    assert verify(RING, GOOD, BODY, AT + age) == age


@pytest.mark.parametrize(("age", "reason"), [(72 * HOUR + 1, "72 hours"), (-301, "ahead"), (10**9, "72 hours")])
def test_it_is_not_good_for_ever(age: float, reason: str) -> None:
    with pytest.raises(SignatureError, match=reason):
        verify(RING, GOOD, BODY, AT + age)


def test_a_former_key_and_a_second_signature_are_good() -> None:
    verify(RING, sign(OLD, BODY, AT), BODY, AT)
    verify(RING, f"{sign(KeyRing({'x': b'x' * 32}, 'x'), BODY, AT)}, v1={GOOD.split('v1=')[1]}", BODY, AT)


@pytest.mark.parametrize(
    ("header", "body", "reason"),
    [
        (GOOD, BODY + b" ", "doesn't fit"),
        (GOOD.replace(str(AT), str(AT + 1)), BODY, "doesn't fit"),
        (sign(KeyRing({"x": b"x" * 32}, "x"), BODY, AT), BODY, "doesn't fit"),
        ("", BODY, "form"),
        (f"t={AT}", BODY, "form"),
        (f"t={AT},v1=zz", BODY, "form"),
        (GOOD.replace("t=", "t=-"), BODY, "form"),
        (f"t={AT},{GOOD}", BODY, "form"),
        (GOOD.replace("v1", "v0"), BODY, "form"),
        (GOOD + "," * 1024, BODY, "too long"),
    ],
)
def test_any_other_signature_is_refused(header: str, body: bytes, reason: str) -> None:
    with pytest.raises(SignatureError, match=reason):
        verify(RING, header, body, AT)


async def test_the_door_for_callbacks() -> None:
    app = FastAPI()
    app.state.callback_ring = RING
    app.state.service = "door"
    problems.install(app)

    @app.post("/")
    async def door(body: bytes = Depends(signed_body)) -> str:
        return body.decode()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        header = {"X-Minsheng-Signature": sign(RING, BODY, int(time.time()))}
        assert (await client.post("/", content=BODY, headers=header)).json() == BODY.decode()
        late = {"X-Minsheng-Signature": sign(RING, BODY, int(time.time()) - 900)}
        before = _late()
        assert (await client.post("/", content=BODY, headers=late)).status_code == 200
        assert _late() == before + 1
        for content, headers in ((BODY, {}), (b"other", header), (b"other", late)):
            answer = await client.post("/", content=content, headers=headers)
            assert answer.status_code == 401
            assert "X-Minsheng-Signature" in answer.headers["www-authenticate"]
        assert _late() == before + 1, "only what is signed with our key is counted"


def _late() -> float:
    return REGISTRY.get_sample_value("minsheng_callbacks_late_total", {"service": "door"}) or 0.0
