"""What staff may see and do over HTTP, and that it is done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.followup.gateways.http import HttpGateway
from services.followup.inbox import Incoming
from shared.web.auth import Role
from tests.support.carrier import Carrier
from tests.support.followup import START, House, new_case

pytest_plugins = ("tests.support.followup_fixtures",)

NUMBER = "+8613900001234"
PHONE = {"name": "某先生", "phone": NUMBER}
ANSWER = {"level": "dissatisfied", "comment": "没有人来", "medium": "phone"}
UNDERSTOOD = {"visit": True, "note": "上门说明了情况"}


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(house.http())
    async with httpx.AsyncClient(transport=transport, base_url="http://followup") as client:
        yield client


def slug(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["type"]).removeprefix("urn:minsheng:problem:")


async def rectifying(house: House, client: httpx.AsyncClient, unit: str = "traffic") -> UUID:
    case = await house.resolve(PHONE, unit=unit)
    answer = await client.post(f"/v1/followups/{case}/answer", json=ANSWER, headers=house.staff(Role.OPERATOR))
    assert answer.status_code == 200
    return case


async def test_an_operator_records_an_answer(house: House, client: httpx.AsyncClient) -> None:
    case = await house.resolve(PHONE)
    answer = await client.post(f"/v1/followups/{case}/answer", json=ANSWER, headers=house.staff(Role.OPERATOR))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["round"], body["version"]) == ("rectification", 1, 3)
    assert body["answers"][0] | {"answered_at": ""} == {
        "round": 1,
        "level": "dissatisfied",
        "medium": "phone",
        "answered_at": "",
        "comment": "没有人来",
    }
    assert answer.headers["etag"] == '"3"'
    assert await house.told(case) == ["survey.requested", "survey.answered", "rectification.opened"]


async def test_understanding_ends_a_rectification(house: House, client: httpx.AsyncClient) -> None:
    case = await rectifying(house, client)
    answer = await client.post(
        f"/v1/followups/{case}/understood", json=UNDERSTOOD, headers=house.staff(Role.OFFICER, "traffic")
    )
    assert answer.json()["settlement"] == "understood"
    again = await client.post(
        f"/v1/followups/{case}/understood", json=UNDERSTOOD, headers=house.staff(Role.OFFICER, "traffic")
    )
    assert (again.status_code, slug(again)) == (409, "no-rectification")


async def test_without_a_token_nothing_is_open(house: House, client: httpx.AsyncClient) -> None:
    case = await house.resolve(PHONE)
    for method, path in (
        ("GET", "/v1/followups"),
        ("GET", f"/v1/followups/{case}"),
        ("POST", f"/v1/followups/{case}/answer"),
        ("POST", f"/v1/followups/{case}/understood"),
        ("POST", "/v1/callbacks/sms/receipts"),
        ("POST", "/v1/callbacks/sms/replies"),
    ):
        answer = await client.request(method, path, json={} if method == "POST" else None)
        assert answer.status_code == 401, path


@pytest.mark.parametrize(
    ("role", "unit", "read", "understood", "answer"),
    [
        (Role.OPERATOR, None, 200, 200, 200),
        (Role.OFFICER, "traffic", 200, 200, 403),
        (Role.OFFICER, "household", 403, 403, 403),
        (Role.OFFICER, None, 403, 403, 403),
        (Role.UNIT_LEAD, "traffic", 200, 200, 403),
        (Role.UNIT_LEAD, "household", 403, 403, 403),
        (Role.SUPERVISOR, None, 200, 403, 403),
        (Role.ANALYST, None, 200, 403, 403),
        (Role.ADMIN, None, 200, 403, 403),
        (Role.AGENCY, None, 403, 403, 403),
    ],
)
async def test_who_may_do_what(
    house: House,
    client: httpx.AsyncClient,
    role: Role,
    unit: str | None,
    read: int,
    understood: int,
    answer: int,
) -> None:
    headers = house.staff(role, unit)
    asked, owed = await house.resolve(PHONE), await rectifying(house, client)
    assert (await client.get(f"/v1/followups/{asked}", headers=headers)).status_code == read
    done = await client.post(f"/v1/followups/{owed}/understood", json=UNDERSTOOD, headers=headers)
    assert done.status_code == understood
    done = await client.post(f"/v1/followups/{asked}/answer", json=ANSWER, headers=headers)
    assert done.status_code == answer


async def test_the_list_is_paged_filtered_and_bound_to_the_unit(house: House, client: httpx.AsyncClient) -> None:
    cases = []
    for n in range(5):
        unit = "traffic" if n % 2 == 0 else "household"
        case = new_case(START + timedelta(seconds=n))
        cases.append(await house.resolve(PHONE if n else None, case_id=case, unit=unit))
    headers = house.staff(Role.SUPERVISOR)
    found: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/followups", params=params, headers=headers)).json()
        found += [item["case_id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [str(case) for case in reversed(cases)]

    async def listed(headers: dict[str, str], **params: str) -> list[str]:
        page = await client.get("/v1/followups", params=params, headers=headers)
        assert page.status_code == 200, page.text
        return [item["case_id"] for item in page.json()["items"]]

    assert await listed(headers, state="settled") == [str(cases[0])]
    assert await listed(headers, unit="household") == [str(cases[3]), str(cases[1])]
    officer = house.staff(Role.OFFICER, "household")
    assert await listed(officer) == [str(cases[3]), str(cases[1])]
    other = await client.get("/v1/followups", params={"unit": "traffic"}, headers=officer)
    assert (other.status_code, slug(other)) == (403, "other-unit")


async def test_only_the_phone_desk_sees_a_number_and_only_while_it_calls(
    house: House, client: httpx.AsyncClient, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await house.resolve(PHONE)
    operator = house.staff(Role.OPERATOR)

    async def contact(headers: dict[str, str]) -> Any:
        answer = await client.get(f"/v1/followups/{case}", headers=headers)
        assert answer.headers["cache-control"] == "no-store"
        return answer.json()["contact"]

    assert await contact(operator) is None
    carrier.refusing[NUMBER] = "no-such-number"
    await house.dispatcher(gateway).run_due()
    assert await contact(operator) == {"name": "某先生", "phone": NUMBER}
    assert await contact(house.staff(Role.OFFICER, "traffic")) is None
    assert await contact(house.staff(Role.ADMIN)) is None
    await client.post(f"/v1/followups/{case}/answer", json=ANSWER, headers=operator)
    assert await contact(operator) is None


async def test_remarks_are_shown_to_staff(house: House, client: httpx.AsyncClient, gateway: HttpGateway) -> None:
    case = await house.resolve(PHONE)
    await house.dispatcher(gateway).run_due()
    await house.inbox.replies([Incoming("r-1", NUMBER, "你们再来看看", house.now)])
    shown = (await client.get(f"/v1/followups/{case}", headers=house.staff(Role.OFFICER, "traffic"))).json()
    assert [(one["outcome"], one["text"]) for one in shown["remarks"]] == [("unclear", "你们再来看看")]


async def test_a_stale_version_is_refused(house: House, client: httpx.AsyncClient) -> None:
    case = await house.resolve(PHONE)
    headers = house.staff(Role.OPERATOR)
    read = await client.get(f"/v1/followups/{case}", headers=headers)
    path = f"/v1/followups/{case}/answer"
    stale = await client.post(path, json=ANSWER, headers=headers | {"If-Match": '"7"'})
    assert (stale.status_code, slug(stale), stale.json()["version"]) == (412, "stale-version", 1)
    good = await client.post(path, json=ANSWER, headers=headers | {"If-Match": read.headers["etag"]})
    assert good.status_code == 200
    bad = await client.post(path, json=ANSWER, headers=headers | {"If-Match": "3"})
    assert bad.status_code == 422


async def test_a_command_with_a_key_is_done_once(house: House, client: httpx.AsyncClient) -> None:
    case = await house.resolve(PHONE)
    path, headers = f"/v1/followups/{case}/answer", house.staff(Role.OPERATOR) | {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(*(client.post(path, json=ANSWER, headers=headers) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    first = next(answer for answer in answers if answer.status_code == 200)
    again = await client.post(path, json=ANSWER, headers=headers)
    assert again.status_code == 200
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert (await house.told(case)).count("survey.answered") == 1
    other = await client.post(path, json=ANSWER | {"level": "satisfied"}, headers=headers)
    assert (other.status_code, slug(other)) == (422, "idempotency-key-reused")


async def test_refusals_say_what_to_do(house: House, client: httpx.AsyncClient) -> None:
    headers = house.staff(Role.OPERATOR)
    missing = await client.post(f"/v1/followups/{uuid4()}/answer", json=ANSWER, headers=headers)
    assert (missing.status_code, slug(missing)) == (404, "unknown-followup")
    case = await rectifying(house, client)
    twice = await client.post(f"/v1/followups/{case}/answer", json=ANSWER, headers=headers)
    assert (twice.status_code, slug(twice)) == (409, "already-answered")
    empty = await client.post(f"/v1/followups/{case}/understood", json={"visit": False, "note": "  "}, headers=headers)
    assert (empty.status_code, slug(empty)) == (422, "invalid-request")
    zero = await client.post(f"/v1/followups/{case}/answer", json=ANSWER | {"comment": "a\x00b"}, headers=headers)
    assert (zero.status_code, slug(zero)) == (422, "invalid-request")
    stranger = house.staff(Role.OPERATOR, subject="某某 OP")
    unnamed = await client.post(f"/v1/followups/{case}/understood", json=UNDERSTOOD, headers=stranger)
    assert (unnamed.status_code, slug(unnamed)) == (403, "no-officer-id")
