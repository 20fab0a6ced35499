"""A reply belongs to what its number had got when it was written, whenever it arrives."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.followup import store
from services.followup.domain.state import Stage
from services.followup.gateways.http import HttpGateway
from services.followup.inbox import Incoming, Receipt
from tests.support.carrier import Carrier
from tests.support.followup import START, House

pytest_plugins = ("tests.support.followup_fixtures",)

NUMBER = "+8613900001234"


async def surveyed(house: House, gateway: HttpGateway, at: datetime) -> UUID:
    house.now = at
    case = await house.resolve({"phone": NUMBER})
    await house.dispatcher(gateway).run_due()
    return case


async def write(house: House, text: str, at: datetime) -> None:
    await house.inbox.replies([Incoming(str(uuid4()), NUMBER, text, at)])


async def stages(house: House, *cases: UUID) -> list[Stage]:
    return [(await house.state(case)).stage for case in cases]


def after(**later: float) -> datetime:
    return START + timedelta(**later)


@pytest.mark.parametrize("minutes", [5, 29, 29.99])
async def test_a_reply_written_before_the_second_survey_answers_the_first(
    house: House, carrier: Carrier, gateway: HttpGateway, minutes: float
) -> None:
    first = await surveyed(house, gateway, START)
    second = await surveyed(house, gateway, after(minutes=30))
    house.now = after(hours=1)
    await write(house, "4", after(minutes=minutes))
    assert await stages(house, first, second) == [Stage.RECTIFICATION, Stage.SENT]


async def test_a_reply_after_a_reminder_answers_what_it_reminds_of(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    first = await surveyed(house, gateway, START)
    second = await surveyed(house, gateway, after(hours=47))
    house.now = after(hours=48, minutes=1)
    assert await house.dispatcher(gateway).run_due() == 1
    house.now = after(hours=49)
    await write(house, "4", house.now)
    assert await stages(house, first, second) == [Stage.RECTIFICATION, Stage.SENT]


async def test_a_reply_between_survey_and_reminder_answers_the_survey(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    first = await surveyed(house, gateway, START)
    second = await surveyed(house, gateway, after(hours=47))
    house.now = after(hours=48, minutes=1)
    assert await house.dispatcher(gateway).run_due() == 1
    await write(house, "4", after(hours=47, minutes=30))
    assert await stages(house, first, second) == [Stage.SENT, Stage.RECTIFICATION]


async def test_a_second_reply_to_the_first_survey_is_none_to_the_second(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    first = await surveyed(house, gateway, START)
    await write(house, "1", after(minutes=1))
    second = await surveyed(house, gateway, after(minutes=30))
    house.now = after(hours=1)
    await write(house, "5", after(minutes=5))
    assert await stages(house, first, second) == [Stage.SETTLED, Stage.SENT]
    assert [row[0] for row in await house.rows(store.replies, "outcome")] == ["already-answered", "answered"]


@pytest.mark.parametrize("early", [timedelta(seconds=1), timedelta(minutes=4)])
async def test_a_carrier_s_clock_that_is_slow_finds_the_survey(
    house: House, carrier: Carrier, gateway: HttpGateway, early: timedelta
) -> None:
    first = await surveyed(house, gateway, START)
    second = await surveyed(house, gateway, after(minutes=30))
    house.now = after(hours=1)
    await write(house, "4", START - early)
    assert await stages(house, first, second) == [Stage.RECTIFICATION, Stage.SENT]


async def test_a_time_in_the_future_is_now(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    first = await surveyed(house, gateway, START)
    second = await surveyed(house, gateway, after(minutes=30))
    house.now = after(hours=1)
    await write(house, "4", after(days=300))
    assert await stages(house, first, second) == [Stage.SENT, Stage.RECTIFICATION]


async def test_what_the_phone_got_later_was_not_answered_before(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    first = await surveyed(house, gateway, START)
    second = await surveyed(house, gateway, after(minutes=30))
    # The phone was switched off: the second message reached it at 10:30, after the reply was written.
    rows = await house.rows(store.messages, "case_id", "kind", "message_id")
    (message_id,) = [row[2] for row in rows if row[0] == second and row[1] == "survey"]
    house.now = after(hours=2)
    await house.inbox.receipts([Receipt(UUID(str(message_id)), "delivered", "unknown", after(minutes=90))])
    await write(house, "4", after(minutes=60))
    assert await stages(house, first, second) == [Stage.RECTIFICATION, Stage.DELIVERED]


async def test_a_message_that_the_gateway_did_not_take_was_not_got(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    first = await surveyed(house, gateway, START)
    carrier.troubles.append(503)
    second = await surveyed(house, gateway, after(minutes=30))
    house.now = after(hours=1)
    await house.dispatcher(gateway).run_due()
    assert await stages(house, second) == [Stage.SENT]
    house.now = after(hours=2)
    await write(house, "4", after(minutes=45))
    assert await stages(house, first, second) == [Stage.RECTIFICATION, Stage.SENT]


async def test_a_message_whose_answer_was_lost_may_have_been_got_at_once(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    first = await surveyed(house, gateway, START)
    carrier.troubles.append(502)
    second = await surveyed(house, gateway, after(minutes=30))
    house.now = after(hours=1)
    await house.dispatcher(gateway).run_due()
    house.now = after(hours=2)
    await write(house, "4", after(minutes=45))
    assert await stages(house, first, second) == [Stage.SENT, Stage.RECTIFICATION]


async def test_an_opt_out_that_arrives_days_later_is_not_lost(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    first = await surveyed(house, gateway, START)
    await write(house, "4", after(minutes=5))
    await house.resolve({"phone": NUMBER}, case_id=first)
    house.now = after(hours=71)
    await write(house, "TD", after(minutes=6))
    assert await house.dispatcher(gateway).run_due() == 0, "the second round's message is not sent any more"
    state = await house.state(first)
    assert (state.opted_out, state.stage) == (True, Stage.PHONE_DESK)
    assert carrier.sent.keys() == {call[0] for call in carrier.calls}


async def test_a_message_that_failed_is_answered_only_where_no_other_is(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    first = await surveyed(house, gateway, START)
    second = await surveyed(house, gateway, after(minutes=30))
    rows = await house.rows(store.messages, "case_id", "kind", "message_id")
    (message_id,) = [row[2] for row in rows if row[0] == second and row[1] == "survey"]
    await house.inbox.receipts([Receipt(UUID(str(message_id)), "failed", "expired", after(minutes=40))])
    house.now = after(hours=1)
    await write(house, "4", house.now)
    assert await stages(house, first, second) == [Stage.RECTIFICATION, Stage.PHONE_DESK]
    # The carrier was wrong: it did arrive.
    await write(house, "1", house.now)
    assert await stages(house, first, second) == [Stage.RECTIFICATION, Stage.SETTLED]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_replies_of_one_moment_are_read_in_the_order_of_their_ids(
    house: House, carrier: Carrier, gateway: HttpGateway, order: tuple[int, int]
) -> None:
    first = await surveyed(house, gateway, START)
    second = await surveyed(house, gateway, after(minutes=30))
    house.now = at = after(hours=1)
    replies = [Incoming("a", NUMBER, "1", at), Incoming("b", NUMBER, "5", at)]
    await house.inbox.replies([replies[place] for place in order])
    assert await stages(house, second, first) == [Stage.SETTLED, Stage.RECTIFICATION]
