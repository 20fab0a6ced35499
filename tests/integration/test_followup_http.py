"""What staff may see and do over HTTP, and that it is done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from services.followup.gateways.http import HttpGateway
from services.followup.inbox import Incoming
from shared.privacy.keys import KeyRing, new_key
from shared.web.auth import Role
from tests.support.carrier import Carrier
from tests.support.followup import START, House, new_case

pytest_plugins = ("tests.support.followup_fixtures",)

NUMBER = "+8613900001234"
PHONE = {"name": "某先生", "phone": NUMBER}
ANSWER = {"level": "dissatisfied", "comment": "没有人来", "medium": "phone"}
LOOK = {"purpose": "短信未送达，电话回访"}
UNDERSTOOD = {"visit": True, "note": "上门说明了情况"}


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(house.http())
    async with httpx.AsyncClient(transport=transport, base_url="http://followup") as client:
        yield client


def slug(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["type"]).removeprefix("urn:minsheng:problem:")


async def on_desk(house: House, contact: dict[str, str] | None = PHONE, unit: str = "traffic") -> UUID:
    """A case that the phone desk has to call about, in its second version."""
    case = await house.resolve(contact, unit=unit)
    await house.commands.execute(case, house.failing)
    return case


def operator(house: House, version: int = 2, unit: str | None = None) -> dict[str, str]:
    """An operator who read this version."""
    return house.staff(Role.OPERATOR, unit, "op-1") | {"If-Match": f'"{version}"'}


async def rectifying(house: House, client: httpx.AsyncClient, unit: str = "traffic") -> UUID:
    case = await on_desk(house, unit=unit)
    answer = await client.post(f"/v1/followups/{case}/answer", json=ANSWER, headers=operator(house))
    assert answer.status_code == 200
    return case


async def test_an_operator_records_an_answer(house: House, client: httpx.AsyncClient) -> None:
    case = await on_desk(house)
    answer = await client.post(f"/v1/followups/{case}/answer", json=ANSWER, headers=operator(house))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["round"], body["version"]) == ("rectification", 1, 4)
    assert body["answers"][0] | {"answered_at": ""} == {
        "round": 1,
        "level": "dissatisfied",
        "medium": "phone",
        "answered_at": "",
        "comment": "没有人来",
        "recorded_by": "op-1",
    }
    assert answer.headers["etag"] == '"4"'
    assert await house.told(case) == [
        "survey.requested",
        "survey.undeliverable",
        "survey.answered",
        "rectification.opened",
    ]
    query = sa.text("SELECT payload FROM outbox WHERE case_id = :id AND type = 'minsheng.survey.answered.v1'")
    async with house.engine.connect() as connection:
        payload = (await connection.execute(query, {"id": case})).scalar_one()
    assert orjson.loads(payload)["recorded_by"] == "op-1"


@pytest.mark.parametrize("if_match", [None, "*"])
@pytest.mark.parametrize("command", ["answer", "unreachable"])
async def test_who_records_says_what_was_read(
    house: House, client: httpx.AsyncClient, command: str, if_match: str | None
) -> None:
    case = await on_desk(house)
    headers = house.staff(Role.OPERATOR) | ({} if if_match is None else {"If-Match": if_match})
    answer = await client.post(f"/v1/followups/{case}/{command}", json=ANSWER, headers=headers)
    assert (answer.status_code, slug(answer)) == (428, "version-needed")
    assert (await house.state(case)).answers == ()


async def test_only_what_is_on_the_desk_is_answered_by_phone(
    house: House, client: httpx.AsyncClient, gateway: HttpGateway
) -> None:
    case = await house.resolve(PHONE)
    for version in (1, 2):
        answer = await client.post(f"/v1/followups/{case}/answer", json=ANSWER, headers=operator(house, version))
        assert (answer.status_code, slug(answer)) == (409, "not-on-desk")
        await house.dispatcher(gateway).run_due()
    assert (await house.state(case)).answers == ()


@pytest.mark.parametrize("command", ["answer", "unreachable", "contact-shown"])
async def test_nobody_asks_about_their_own_unit_s_work(house: House, client: httpx.AsyncClient, command: str) -> None:
    case = await on_desk(house)
    body = {"answer": ANSWER, "contact-shown": LOOK}.get(command)
    own, other = operator(house, unit="traffic"), operator(house, unit="household")
    refused = await client.post(f"/v1/followups/{case}/{command}", json=body, headers=own)
    assert (refused.status_code, slug(refused)) == (403, "own-unit")
    assert (await client.post(f"/v1/followups/{case}/{command}", json=body, headers=other)).status_code == 200


async def test_a_case_without_an_end_is_given_up_by_name(house: House, client: httpx.AsyncClient) -> None:
    case = await house.resolve(None, family="wechat")
    answer = await client.post(f"/v1/followups/{case}/unreachable", headers=operator(house))
    assert answer.json()["settlement"] == "unreachable"
    query = sa.text("SELECT payload FROM outbox WHERE case_id = :id AND type = 'minsheng.case.settled.v1'")
    async with house.engine.connect() as connection:
        payload = (await connection.execute(query, {"id": case})).scalar_one()
    assert orjson.loads(payload)["recorded_by"] == "op-1"


async def test_the_desk_sees_the_channel_and_that_there_is_no_number(house: House, client: httpx.AsyncClient) -> None:
    case = await house.resolve(None, family="wechat")
    headers = house.staff(Role.OPERATOR)
    (item,) = (await client.get("/v1/followups", params={"state": "phone-desk"}, headers=headers)).json()["items"]
    assert (item["case_id"], item["family"], item["channel"]) == (str(case), "wechat", "wechat-0012")
    assert (item["desk_reason"], item["due"]) == ("no-phone", None)
    shown = await client.post(f"/v1/followups/{case}/contact-shown", json=LOOK, headers=headers)
    assert (shown.status_code, slug(shown)) == (409, "no-contact")
    answer = await client.post(
        f"/v1/followups/{case}/answer", json={"level": "satisfied", "medium": "wechat"}, headers=operator(house)
    )
    assert answer.json()["answers"][0]["medium"] == "wechat"


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
        ("POST", f"/v1/followups/{case}/unreachable"),
        ("POST", f"/v1/followups/{case}/contact-shown"),
        ("GET", "/v1/contact-readings"),
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
    headers = house.staff(role, unit) | {"If-Match": '"2"'}
    asked, owed = await on_desk(house), await rectifying(house, client)
    assert (await client.get(f"/v1/followups/{asked}", headers=headers)).status_code == read
    shown = await client.post(f"/v1/followups/{asked}/contact-shown", json=LOOK, headers=headers)
    assert shown.status_code == answer
    audited = await client.get("/v1/contact-readings", headers=headers)
    assert audited.status_code == (200 if role is Role.ADMIN else 403)
    done = await client.post(f"/v1/followups/{owed}/understood", json=UNDERSTOOD, headers=headers | {"If-Match": '"4"'})
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
    path = f"/v1/followups/{case}/contact-shown"
    early = await client.post(path, json=LOOK, headers=house.staff(Role.OPERATOR))
    assert (early.status_code, slug(early)) == (409, "not-on-desk")
    carrier.refusing[NUMBER] = "no-such-number"
    await house.dispatcher(gateway).run_due()
    shown = await client.post(path, json=LOOK, headers=house.staff(Role.OPERATOR))
    assert shown.headers["cache-control"] == "no-store"
    assert shown.json() == {"name": "某先生", "phone": NUMBER, "extension": None, "unread_contact": None}
    read = await client.get(f"/v1/followups/{case}", headers=house.staff(Role.OPERATOR))
    assert NUMBER not in read.text
    assert "contact" not in read.json()
    await client.post(f"/v1/followups/{case}/answer", json=ANSWER, headers=operator(house))
    late = await client.post(path, json=LOOK, headers=house.staff(Role.OPERATOR))
    assert (late.status_code, slug(late)) == (409, "not-on-desk")
    missing = await client.post(f"/v1/followups/{uuid4()}/contact-shown", json=LOOK, headers=operator(house))
    assert (missing.status_code, slug(missing)) == (404, "unknown-followup")


@pytest.mark.parametrize(
    "contact",
    [
        {"phone": "+862123456789", "extension": "801"},
        {"unread_contact": "微信号同手机，139OOOO0001"},
    ],
)
async def test_the_desk_sees_extensions_and_what_nobody_could_read(
    house: House, client: httpx.AsyncClient, carrier: Carrier, gateway: HttpGateway, contact: dict[str, str]
) -> None:
    case = await house.resolve(contact)
    await house.dispatcher(gateway).run_due()
    assert carrier.sent == {}
    shown = await client.post(f"/v1/followups/{case}/contact-shown", json=LOOK, headers=operator(house))
    assert {name: value for name, value in shown.json().items() if value is not None} == contact


async def looks(client: httpx.AsyncClient, house: House, **params: Any) -> list[dict[str, Any]]:
    """All entries, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        given = params | {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await client.get("/v1/contact-readings", params=given, headers=house.staff(Role.ADMIN))
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["next"]
        if cursor is None:
            return found


async def test_each_look_at_a_contact_is_kept_and_found(house: House, client: httpx.AsyncClient) -> None:
    one, other = await on_desk(house), await on_desk(house)
    for case, person in ((one, "op-1"), (one, "话务 2"), (one, "op-1"), (other, "op-1")):
        headers = house.staff(Role.OPERATOR, "hall", person)
        answer = await client.post(f"/v1/followups/{case}/contact-shown", json=LOOK, headers=headers)
        assert answer.status_code == 200
    assert [look["case_id"] for look in await looks(client, house)] == [str(other), str(one), str(one), str(one)]
    assert [look["person"] for look in await looks(client, house, case=one)] == ["op-1", "话务 2", "op-1"]
    assert [look["case_id"] for look in await looks(client, house, person="op-1")] == [str(other), str(one), str(one)]
    (look,) = await looks(client, house, person="话务 2", case=one)
    assert look | {"reading_id": 0} == {
        "reading_id": 0,
        "case_id": str(one),
        "person": "话务 2",
        "role": "operator",
        "unit": "hall",
        "purpose": LOOK["purpose"],
        "read_at": house.now.isoformat().replace("+00:00", "Z"),
    }
    assert await looks(client, house, person="op-2") == []


async def test_nobody_looks_without_a_purpose(house: House, client: httpx.AsyncClient) -> None:
    case = await on_desk(house)
    bodies: list[dict[str, Any]] = [{}, *({"purpose": one} for one in ("", "  ", "\u3164", "x" * 201, "a\x00b", 7))]
    for body in bodies:
        answer = await client.post(f"/v1/followups/{case}/contact-shown", json=body, headers=operator(house))
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    assert await looks(client, house) == []


CHANGES = (
    "UPDATE contact_readings SET person = 'nobody'",
    "DELETE FROM contact_readings",
    "TRUNCATE contact_readings",
    """
    INSERT INTO contact_readings (reading_id, case_id, person, role, purpose, read_at)
    OVERRIDING SYSTEM VALUE SELECT reading_id, case_id, 'nobody', role, purpose, read_at FROM contact_readings
    ON CONFLICT (reading_id) DO UPDATE SET person = 'nobody'
    """,
)


async def test_the_database_keeps_what_was_looked_at(house: House, client: httpx.AsyncClient) -> None:
    case = await on_desk(house)
    await client.post(f"/v1/followups/{case}/contact-shown", json=LOOK, headers=operator(house))
    for statement in CHANGES:
        with pytest.raises(DBAPIError, match="append-only"):
            async with house.engine.begin() as connection:
                await connection.execute(sa.text(statement))
    (look,) = await looks(client, house)
    assert look["person"] == "op-1"


async def test_a_contact_that_does_not_open_was_not_looked_at(house: House, client: httpx.AsyncClient) -> None:
    case = await on_desk(house)
    lost = house.sealed(case, PHONE, ring=KeyRing.parse(new_key("lost")))
    async with house.engine.begin() as connection:
        await connection.execute(
            sa.text("UPDATE followups SET state = jsonb_set(state, '{requester}', to_jsonb(CAST(:sealed AS text)))"),
            {"sealed": lost},
        )
    answer = await client.post(f"/v1/followups/{case}/contact-shown", json=LOOK, headers=operator(house))
    assert (answer.status_code, slug(answer)) == (503, "key-missing")
    assert await looks(client, house) == []


async def test_remarks_are_shown_to_staff(house: House, client: httpx.AsyncClient, gateway: HttpGateway) -> None:
    case = await house.resolve(PHONE)
    await house.dispatcher(gateway).run_due()
    await house.inbox.replies([Incoming("r-1", NUMBER, "你们再来看看", house.now)])
    shown = (await client.get(f"/v1/followups/{case}", headers=house.staff(Role.OFFICER, "traffic"))).json()
    assert [(one["outcome"], one["text"]) for one in shown["remarks"]] == [("unclear", "你们再来看看")]


async def test_a_stale_version_is_refused(house: House, client: httpx.AsyncClient) -> None:
    case = await on_desk(house)
    headers = house.staff(Role.OPERATOR)
    read = await client.get(f"/v1/followups/{case}", headers=headers)
    path = f"/v1/followups/{case}/answer"
    stale = await client.post(path, json=ANSWER, headers=headers | {"If-Match": '"7"'})
    assert (stale.status_code, slug(stale), stale.json()["version"]) == (412, "stale-version", 2)
    good = await client.post(path, json=ANSWER, headers=headers | {"If-Match": read.headers["etag"]})
    assert good.status_code == 200
    bad = await client.post(path, json=ANSWER, headers=headers | {"If-Match": "3"})
    assert bad.status_code == 422


async def test_a_command_with_a_key_is_done_once(house: House, client: httpx.AsyncClient) -> None:
    case = await on_desk(house)
    path, headers = f"/v1/followups/{case}/answer", operator(house) | {"Idempotency-Key": "k-1"}
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
    headers = operator(house)
    missing = await client.post(f"/v1/followups/{uuid4()}/answer", json=ANSWER, headers=headers)
    assert (missing.status_code, slug(missing)) == (404, "unknown-followup")
    case = await rectifying(house, client)
    twice = await client.post(f"/v1/followups/{case}/answer", json=ANSWER, headers=operator(house, 4))
    assert (twice.status_code, slug(twice)) == (409, "already-answered")
    empty = await client.post(
        f"/v1/followups/{case}/understood", json={"visit": False, "note": "\u2800"}, headers=headers
    )
    assert (empty.status_code, slug(empty)) == (422, "invalid-request")
    zero = await client.post(f"/v1/followups/{case}/answer", json=ANSWER | {"comment": "a\x00b"}, headers=headers)
    assert (zero.status_code, slug(zero)) == (422, "invalid-request")
    stranger = house.staff(Role.OPERATOR, subject="某某 OP")
    unnamed = await client.post(f"/v1/followups/{case}/understood", json=UNDERSTOOD, headers=stranger)
    assert (unnamed.status_code, slug(unnamed)) == (403, "no-officer-id")
