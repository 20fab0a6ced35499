from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from services.console.security import same_origin, session_cookie


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec-fetch-site": "same-origin", "host": "a"}, True),
        ({"sec-fetch-site": "same-site", "host": "a"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://a", "host": "a"}, False),
        ({"origin": "http://a:8000", "host": "a:8000"}, True),
        ({"origin": "http://a", "host": "a:8000"}, False),
        ({"origin": "null", "host": "a"}, False),
        ({"host": "a"}, True),
    ],
)
def test_who_acts(headers: dict[str, str], own: bool) -> None:
    assert same_origin(Headers(headers)) is own


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("minsheng_session=v1.k.AA-_; other=1", "v1.k.AA-_"),
        ("other=1", None),
        ("", None),
        ("\x00;=;minsheng_session", None),
    ],
)
def test_the_cookie_is_found_among_others(header: str, value: str | None) -> None:
    assert session_cookie(Headers({"cookie": header})) == value
