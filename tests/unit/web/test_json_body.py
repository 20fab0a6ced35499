"""Reading JSON of strangers: strictly, and one bad item of a list for itself."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from shared.web import problems
from shared.web.json_body import JsonReader, read_body
from shared.web.problems import Problem


class Place(BaseModel):
    model_config = ConfigDict(extra="forbid")

    north: float = 0.0


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    place: Place | None = None


READER = JsonReader(Item)
GOOD = b'{"text":"\xe7\x81\xaf"}'


def errors_of(problem: Problem) -> list[dict[str, str]]:
    errors = problem.extra["errors"]
    assert isinstance(errors, list)
    return errors


def codes(body: bytes) -> list[str]:
    """What is read of a list of items, by the code of the error or `ok`."""
    return [errors_of(one)[0]["code"] if isinstance(one, Problem) else "ok" for one in READER.each(body, "items", 10)]


def refused(body: bytes) -> tuple[str, str]:
    with pytest.raises(Problem) as caught:
        READER.each(body, "items", 10)
    assert (caught.value.status, caught.value.slug) == (422, "invalid-request")
    (error,) = errors_of(caught.value)
    return error["field"], error["code"]


BAD = [
    (rb'{"text":"a\ud83d"}', "json_invalid"),
    (rb'{"text":"\ude00\ud83d"}', "json_invalid"),
    (b'{"text":"a\x00"}', "json_invalid"),
    (b'{"text":"a\nb"}', "json_invalid"),
    (b'{"text":"\xff"}', "json_encoding"),
    (b'{"text":"\xb5\xc6"}', "json_encoding"),
    (b'{"text":"\xed\xa0\xbd"}', "json_encoding"),
    (rb'{"text":"\x"}', "json_invalid"),
    (b'{"text":"a","text":"b"}', "repeated_name"),
    (b'{"text":"a", "te\\u0078t" : "b"}', "repeated_name"),
    (b'{"text":"a","place":{"north":1,"north" :2}}', "repeated_name"),
    (b'{"text":"a","place":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "json_invalid"),
    (b'{"text":' + b'{"a":' * 900 + b"1" + b"}" * 901, "json_invalid"),
    (b'{"text":"a","place":{"north":' + b"9" * 5_000 + b"}}", "json_invalid"),
    (b'{"text":1e999999999}', "string_type"),
    (b'{"text":NaN}', "string_type"),
    (b'{"text":-Infinity}', "string_type"),
    (b'{"text":.5}', "json_invalid"),
    (b'{"text":"a",}', "json_invalid"),
    (b"{'text':1}", "json_invalid"),
    (b'{"text":"a"//x\n}', "json_invalid"),
    (b"{}", "missing"),
    (b"7", "model_type"),
    (b"null", "model_type"),
    (b"[]", "model_type"),
    (b'[{"text":"a"}]', "model_type"),
    (b'"text"', "model_type"),
    (b'"a,]}"', "model_type"),
    (b"nul", "json_invalid"),
    (b"NaN", "model_type"),
]


@pytest.mark.parametrize(("bad", "code"), BAD, ids=range(len(BAD)))
def test_one_bad_item_is_answered_for_itself(bad: bytes, code: str) -> None:
    assert codes(b'{"items":[' + b",".join((GOOD, bad, GOOD)) + b"]}") == ["ok", code, "ok"]
    with pytest.raises(Problem) as caught:
        READER.one(bad)
    assert errors_of(caught.value)[0]["code"] == code


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (b"", "", "json_invalid"),
        (b"{", "", "json_invalid"),
        (b"[]", "", "model_type"),
        (b"7", "", "model_type"),
        (b"{}", "items", "missing"),
        (b'{"items":7}', "items", "list_type"),
        (b'{"items":{"0":{}}}', "items", "list_type"),
        (b'{"items":[]}', "items", "too_short"),
        (b'{"items":[' + b",".join([GOOD] * 11) + b"]}", "items", "too_long"),
        (b'{"items":[' + GOOD + b'],"more":1}', "more", "extra_forbidden"),
        (b'{"items":[' + GOOD + b'],"items":[]}', "items", "repeated_name"),
        (b'{"items":[' + GOOD + b" " + GOOD + b"]}", "", "json_invalid"),
        (b'{"items":[' + GOOD + b",]}", "", "json_invalid"),
        (b'{"items":[,' + GOOD + b"]}", "", "json_invalid"),
        (b'{"items":[' + GOOD + b"}", "", "json_invalid"),
        (b'{"items":[' + GOOD + b"]}x", "", "json_invalid"),
        (b'{"items":[{"text":[}]}]}', "", "json_invalid"),
        (b'{"items":[{"text":"a]}', "", "json_invalid"),
        ('{"items":[]}'.encode("utf-16"), "", "json_encoding"),
        ('{"items":[]}'.encode("utf-16-be"), "", "json_encoding"),
        ('{"items":[]}'.encode("utf-32"), "", "json_encoding"),
        ('{"条目":[]}'.encode("gb18030"), "", "json_encoding"),
        (b"[" * 100_000, "", "json_invalid"),
        (rb'{"item\ud83d":[]}', "", "json_invalid"),
    ],
)
def test_a_list_whose_items_cannot_be_told_apart_is_refused(body: bytes, field: str, code: str) -> None:
    assert refused(body) == (field, code)


def test_an_error_says_what_to_do_and_quotes_nothing() -> None:
    with pytest.raises(Problem) as caught:
        READER.one(rb'{"text":"13900000001\ud83d"}')
    (error,) = errors_of(caught.value)
    assert "Send whole characters" in error["message"]
    assert "139" not in error["message"]


def test_a_text_may_hold_whatever_looks_like_a_name() -> None:
    text = '"text":"b","text" :[{]},'
    assert READER.one(json.dumps({"text": text, "place": {"north": 1}}).encode()).text == text
    assert codes(json.dumps({"items": [{"text": text}] * 3}).encode()) == ["ok"] * 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("text"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(JSON, min_size=1, max_size=10), st.sampled_from([None, 1]), st.booleans())
def test_every_list_is_told_apart_as_json_tells_it(items: list[Any], indent: int | None, escaped: bool) -> None:
    body = json.dumps({"items": items}, indent=indent, ensure_ascii=escaped).encode(errors="surrogatepass")
    found = READER.each(body, "items", 10)
    assert len(found) == len(items)
    for one, item in zip(found, items, strict=True):
        whole = isinstance(item, dict) and set(item) == {"text"} and isinstance(item["text"], str)
        assert isinstance(one, Item) == whole
        if isinstance(one, Item):
            assert one.text == item["text"]


@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [b'{"items":', b"[", b"]", b"{", b"}", b",", b'"', b"\\", b":", GOOD, b"1", b" ", b"\0", b"\xff"]
        ),
        max_size=14,
    ).map(b"".join)
)
@example(b'{"items":[' + GOOD)
@example(b'{"items":[{"')
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    statuses: list[int] = []
    for read in (lambda: READER.one(body), lambda: READER.each(body, "items", 10)):
        try:
            read()
        except Problem as problem:
            statuses.append(problem.status)
            json.loads(problem.body())
    assert set(statuses) <= {422}


@pytest.mark.parametrize(
    "hostile",
    [
        b'{"items":[' + b'"' * 1_000_001,
        b'{"items":[' + b'{"a":' * 200_000,
        b'{"items":[' + b"{[" * 500_000,
        b'{"items":[{' + b"\\" * 1_000_000,
        b'{"items":[{"a":"' + b'\\"' * 500_000,
        b'{"items":[' + b" " * 1_000_000,
        b'{"text":"' + b'":"' * 300_000,
    ],
    ids=range(7),
)
def test_a_hostile_body_costs_no_time(hostile: bytes) -> None:
    began = time.perf_counter()
    with pytest.raises(Problem):
        READER.each(hostile, "items", 10)
    with pytest.raises(Problem):
        READER.one(hostile)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("content_type", "mark", "status"),
    [
        ("application/json", b"", 200),
        ("application/json", b"\xef\xbb\xbf", 200),
        ("application/json; charset=UTF-8", b"\xef\xbb\xbf", 200),
        ('application/json; charset="utf-8"', b"", 200),
        ("application/json; charset=gb18030", b"", 422),
        ("application/json; charset=utf-16", b"", 422),
        (None, b"", 200),
    ],
)
async def test_a_body_is_utf_8_with_or_without_a_mark(content_type: str | None, mark: bytes, status: int) -> None:
    app = FastAPI()
    problems.install(app)

    @app.post("/")
    async def post(request: Request) -> Response:
        return Response(READER.one(await read_body(request)).text)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        headers = {} if content_type is None else {"Content-Type": content_type}
        answer = await client.post("/", content=mark + GOOD, headers=headers)
    assert answer.status_code == status
    if status == 422:
        assert "UTF-8" in answer.json()["errors"][0]["message"]
    else:
        assert answer.text == "灯"
