from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from shared.settings import MissingSettingError, Settings, new_keys
from shared.web.app import create_api
from shared.web.health import Readiness


def _settings(**changes: object) -> Settings:
    keys = {name.removeprefix("MINSHENG_").lower(): SecretStr(value) for name, value in new_keys("t1").items()}
    return Settings(_env_file=None, **{**keys, **changes})  # type: ignore[arg-type]


async def test_every_answer_has_a_trace_even_those_of_the_limits() -> None:
    settings = _settings(max_body_bytes=1_024, rate_per_second=0.001, rate_burst=2)
    api = create_api("intake", "Intake", settings, Readiness())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://test") as client:
        answers = [
            await client.get("/healthz"),
            await client.post("/x", content=b"x" * 2_000),
            await client.get("/x"),
            await client.get("/x"),
        ]
    assert [answer.status_code for answer in answers] == [200, 413, 404, 429]
    assert all("traceparent" in answer.headers for answer in answers)
    assert all(answer.json()["trace"] in answer.headers["traceparent"] for answer in answers[1:])


@pytest.mark.parametrize("field", ["staff_keys", "channel_keys", "callback_keys"])
def test_a_missing_key_stops_the_start_and_not_a_request(field: str) -> None:
    with pytest.raises(MissingSettingError, match=f"MINSHENG_{field.upper()}"):
        create_api("intake", "Intake", _settings(**{field: None}), Readiness())
