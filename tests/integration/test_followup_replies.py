"""Receipts and replies on a real database: each counts once, for the survey that it belongs to."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.followup import store
from services.followup.domain.state import Stage
from services.followup.gateways.http import HttpGateway
from services.followup.inbox import Incoming, Receipt
from shared.events.words import Satisfaction, Settlement
from tests.support.carrier import Carrier
from tests.support.followup import House

pytest_plugins = ("tests.support.followup_fixtures",)

NUMBER = "+8613900001234"
PHONE = {"phone": NUMBER}


def reply(text: str, at: datetime, *, sender: str = NUMBER, reply_id: str | None = None) -> Incoming:
    return Incoming(reply_id or str(uuid4()), sender, text, at)


async def surveyed(house: House, gateway: HttpGateway, phone: str = NUMBER) -> UUID:
    case = await house.resolve({"phone": phone})
    await house.dispatcher(gateway).run_due()
    assert (await house.state(case)).stage is Stage.SENT
    house.now += timedelta(minutes=1)
    return case


async def survey_id(house: House, case: UUID) -> UUID:
    rows = await house.rows(store.messages, "case_id", "kind", "message_id")
    return UUID(str(next(row[2] for row in rows if row[0] == case and row[1] == "survey")))


async def outcomes(house: House) -> list[str]:
    return sorted(row[0] for row in await house.rows(store.replies, "outcome"))


async def test_a_receipt_counts_once(house: House, gateway: HttpGateway) -> None:
    case = await surveyed(house, gateway)
    receipt = Receipt(await survey_id(house, case), "delivered", "unknown", house.now)
    first = await house.inbox.receipts([receipt, receipt])
    again = await house.inbox.receipts([receipt])
    assert (first.recorded, first.repeated, first.unknown) == (1, 1, 0)
    assert (again.recorded, again.repeated, again.unknown) == (0, 1, 0)
    assert await house.told(case) == ["survey.requested", "survey.sent", "survey.delivered"]


async def test_the_same_receipts_at_once_count_once(house: House, gateway: HttpGateway) -> None:
    case = await surveyed(house, gateway)
    receipt = Receipt(await survey_id(house, case), "delivered", "unknown", house.now)
    taken = await asyncio.gather(*(house.inbox.receipts([receipt]) for _ in range(5)))
    assert sum(one.recorded for one in taken) == 1
    assert await house.told(case) == ["survey.requested", "survey.sent", "survey.delivered"]


async def test_a_failed_receipt_goes_to_the_phone_desk_and_no_reminder_follows(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await surveyed(house, gateway)
    await house.inbox.receipts([Receipt(await survey_id(house, case), "failed", "absent", house.now)])
    assert (await house.state(case)).stage is Stage.PHONE_DESK
    assert ("reminder", "cancelled") in await house.rows(store.messages, "kind", "state")
    house.now += timedelta(days=8)
    assert await house.dispatcher(gateway).run_due() == 0
    await house.wakes.sweep()
    assert (await house.state(case)).settlement is Settlement.UNREACHABLE


async def test_a_receipt_for_nothing_of_ours(house: House) -> None:
    taken = await house.inbox.receipts([Receipt(uuid4(), "delivered", "unknown", house.now)])
    assert (taken.recorded, taken.repeated, taken.unknown) == (0, 0, 1)


async def test_a_failed_reminder_leaves_the_survey_alone(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    case = await surveyed(house, gateway)
    house.now += timedelta(hours=49)
    await house.dispatcher(gateway).run_due()
    reminder = next(row[1] for row in await house.rows(store.messages, "kind", "message_id") if row[0] == "reminder")
    await house.inbox.receipts([Receipt(UUID(str(reminder)), "failed", "absent", house.now)])
    assert (await house.state(case)).stage is Stage.SENT


async def test_a_satisfied_reply_settles(house: House, gateway: HttpGateway) -> None:
    case = await surveyed(house, gateway)
    await house.inbox.replies([reply("１ 谢谢民警", house.now, sender="139 0000 1234")])
    state = await house.state(case)
    assert state.settlement is Settlement.SATISFIED
    assert (state.answers[0].level, state.answers[0].comment) == (Satisfaction.VERY_SATISFIED, "谢谢民警")
    assert await house.told(case) == ["survey.requested", "survey.sent", "survey.answered", "case.settled"]


async def test_a_reply_is_taken_once(house: House, gateway: HttpGateway) -> None:
    case = await surveyed(house, gateway)
    one = reply("4", house.now, reply_id="r-1")
    taken = await asyncio.gather(*(house.inbox.replies([one, one]) for _ in range(4)))
    assert sum(each.recorded for each in taken) == 1
    assert (await house.told(case)).count("survey.answered") == 1
    assert await outcomes(house) == ["answered"]


async def test_dissatisfied_rectified_satisfied(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    case = await surveyed(house, gateway)
    await house.inbox.replies([reply("4，没有解决", house.now)])
    assert (await house.state(case)).stage is Stage.RECTIFICATION
    # The second round is asked, but its message is not out yet: what comes in now still belongs to the first.
    await house.resolve(PHONE, case_id=case)
    await house.inbox.replies([reply("1", house.now)])
    assert (await house.state(case)).stage is Stage.ASKED
    await house.dispatcher(gateway).run_due()
    house.now += timedelta(hours=1)
    await house.inbox.replies([reply("2", house.now)])
    state = await house.state(case)
    assert (state.round, state.settlement) == (2, Settlement.SATISFIED)
    assert [answer.level for answer in state.answers] == [Satisfaction.DISSATISFIED, Satisfaction.SATISFIED]
    assert await outcomes(house) == ["already-answered", "answered", "answered"]
    assert len(carrier.sent) == 2
    assert await house.told(case) == [
        "survey.requested",
        "survey.sent",
        "survey.answered",
        "rectification.opened",
        "survey.requested",
        "survey.sent",
        "survey.answered",
        "case.settled",
    ]


async def test_an_unclear_reply_is_kept_and_asked_about_once(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await surveyed(house, gateway)
    await house.inbox.replies([reply("你们再来看看", house.now)])
    await house.inbox.replies([reply("谢谢", house.now)])
    await house.dispatcher(gateway).run_due()
    assert len(carrier.sent) == 2
    assert "未能识别" in list(carrier.sent.values())[1][1]
    assert (await house.state(case)).stage is Stage.SENT
    async with house.engine.connect() as connection:
        remarks = await store.remarks(connection, case)
    assert {house.contacts.open_text(one.sealed_text, case) for one in remarks} == {"你们再来看看", "谢谢"}
    await house.inbox.replies([reply("满意", house.now)])
    assert (await house.state(case)).settlement is Settlement.SATISFIED


async def test_a_clear_reply_in_the_same_batch_makes_the_question_needless(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    await surveyed(house, gateway)
    later = house.now + timedelta(seconds=5)
    await house.inbox.replies([reply("1", later), reply("来过两次", house.now)])
    assert await house.dispatcher(gateway).run_due() == 0
    assert await outcomes(house) == ["answered", "unclear"]


async def test_what_a_citizen_adds_after_the_answer_is_kept_and_not_asked_about(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await surveyed(house, gateway)
    await house.inbox.replies([reply("1", house.now)])
    await house.inbox.replies([reply("辛苦了", house.now)])
    assert await house.dispatcher(gateway).run_due() == 0
    async with house.engine.connect() as connection:
        (remark,) = await store.remarks(connection, case)
    assert house.contacts.open_text(remark.sealed_text, case) == "辛苦了"


async def test_who_opts_out_gets_no_more_messages(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    case = await surveyed(house, gateway)
    await house.inbox.replies([reply("TD", house.now)])
    house.now += timedelta(hours=50)
    assert await house.dispatcher(gateway).run_due() == 0
    assert (await house.state(case)).stage is Stage.SENT
    assert await outcomes(house) == ["opted-out"]


async def test_with_two_open_surveys_replies_answer_the_last_first(house: House, gateway: HttpGateway) -> None:
    older = await surveyed(house, gateway)
    newer = await surveyed(house, gateway)
    await house.inbox.replies([reply("1", house.now)])
    assert (await house.state(older)).stage is Stage.SENT
    assert (await house.state(newer)).stage is Stage.SETTLED
    await house.inbox.replies([reply("5", house.now)])
    assert (await house.state(older)).stage is Stage.RECTIFICATION


async def test_a_batch_decides_each_reply_on_what_the_one_before_led_to(house: House, gateway: HttpGateway) -> None:
    older = await surveyed(house, gateway)
    newer = await surveyed(house, gateway)
    first, second = house.now, house.now + timedelta(seconds=1)
    await house.inbox.replies([reply("5", second), reply("1", first)])
    assert (await house.state(newer)).settlement is Settlement.SATISFIED
    assert (await house.state(older)).stage is Stage.RECTIFICATION


async def test_a_stranger_s_reply_is_nobody_s(house: House, gateway: HttpGateway) -> None:
    case = await surveyed(house, gateway)
    taken = await house.inbox.replies(
        [reply("1", house.now, sender="+8613900009999"), reply("1", house.now, sender="10086")]
    )
    assert (taken.recorded, taken.unknown) == (0, 2)
    assert (await house.state(case)).stage is Stage.SENT


@pytest.mark.parametrize(
    ("days", "text", "stage", "outcome"),
    [
        (20, "5", Stage.RECTIFICATION, "answered"),
        (20, "1", Stage.SETTLED, "answered"),
        (34, "5", Stage.SETTLED, "too-late"),
    ],
)
async def test_late_replies(
    house: House, gateway: HttpGateway, days: int, text: str, stage: Stage, outcome: str
) -> None:
    case = await surveyed(house, gateway)
    house.now += timedelta(hours=73)
    await house.wakes.sweep()
    assert (await house.state(case)).settlement is Settlement.UNANSWERED
    house.now += timedelta(days=days)
    await house.inbox.replies([reply(text, house.now)])
    assert (await house.state(case)).stage is stage
    assert await outcomes(house) == [outcome]


async def test_a_reply_that_overtakes_the_gateway_s_answer_counts(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await house.resolve(PHONE)
    carrier.troubles.append("slow")
    sending = asyncio.create_task(house.dispatcher(gateway).run_due())
    await carrier.taken.wait()
    await house.inbox.receipts([Receipt(await survey_id(house, case), "delivered", "unknown", house.now)])
    await house.inbox.replies([reply("1", house.now)])
    carrier.released.set()
    await sending
    assert await house.told(case) == [
        "survey.requested",
        "survey.sent",
        "survey.delivered",
        "survey.answered",
        "case.settled",
    ]
    assert await house.rows(store.messages, "kind", "state") == [("reminder", "cancelled"), ("survey", "delivered")]


async def test_a_thousand_replies_in_one_batch(house: House, gateway: HttpGateway) -> None:
    case = await surveyed(house, gateway)
    batch = [reply("1", house.now + timedelta(seconds=1), sender=f"+86139{n:08d}") for n in range(999)]
    taken = await house.inbox.replies([*batch, reply("2", house.now)])
    assert taken.recorded == 1
    assert taken.unknown == 999
    assert (await house.state(case)).answers[0].level is Satisfaction.SATISFIED
