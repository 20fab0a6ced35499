"""Replies that can't be understood, on a real database: asked about once more, then a person's task."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.followup import store
from services.followup.domain.state import Stage
from services.followup.gateways.http import HttpGateway
from services.followup.inbox import Incoming
from shared.events.words import Satisfaction, Settlement
from tests.support.carrier import Carrier
from tests.support.followup import House

pytest_plugins = ("tests.support.followup_fixtures",)

NUMBER = "+8613900001234"
PHONE = {"phone": NUMBER}
UNCLEAR = "你们再来看看"


async def write(house: House, text: str, sender: str = NUMBER) -> None:
    await house.inbox.replies([Incoming(str(uuid4()), sender, text, house.now)])


async def surveyed(house: House, gateway: HttpGateway, phone: str = NUMBER) -> UUID:
    case = await house.resolve({"phone": phone})
    await house.dispatcher(gateway).run_due()
    house.now += timedelta(minutes=1)
    return case


async def asked_again(house: House, gateway: HttpGateway) -> UUID:
    """A case whose citizen wrote something unclear and got the question."""
    case = await surveyed(house, gateway)
    await write(house, UNCLEAR)
    assert await house.dispatcher(gateway).run_due() == 1
    house.now += timedelta(minutes=1)
    return case


async def words(house: House, case: UUID) -> list[str]:
    async with house.engine.connect() as connection:
        return [house.contacts.open_text(one.sealed_text, case) for one in await store.remarks(connection, case)]


async def test_a_second_unclear_reply_is_a_person_s_task_with_the_words(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await asked_again(house, gateway)
    await write(house, "随便")
    assert (await house.state(case)).stage is Stage.PHONE_DESK
    assert await words(house, case) == [UNCLEAR, "随便"]
    assert await house.told(case) == ["survey.requested", "survey.sent", "survey.unclear", "survey.referred"]
    house.now += timedelta(days=3)
    assert await house.dispatcher(gateway).run_due() == 0, "nothing more is written"
    assert len(carrier.sent) == 2


async def test_unclear_replies_alone_until_the_time_is_over_are_a_person_s_task(
    house: House, gateway: HttpGateway
) -> None:
    case = await asked_again(house, gateway)
    house.now += timedelta(hours=73)
    await house.wakes.sweep()
    state = await house.state(case)
    assert (state.stage, state.desk_reason) == (Stage.PHONE_DESK, "unclear-only")
    assert await house.wakes.sweep() == 0, "it sleeps until the time for a call is over"
    house.now += timedelta(days=8)
    await house.wakes.sweep()
    assert (await house.state(case)).settlement is Settlement.UNREACHABLE
    assert await house.wakes.sweep() == 0


async def test_after_the_question_no_reminder_follows(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    await asked_again(house, gateway)
    house.now += timedelta(hours=50)
    assert await house.dispatcher(gateway).run_due() == 0
    assert len(carrier.sent) == 2


async def test_a_clear_reply_on_the_desk_still_settles(house: House, gateway: HttpGateway) -> None:
    case = await asked_again(house, gateway)
    await write(house, "随便")
    await write(house, "1")
    assert (await house.state(case)).settlement is Settlement.SATISFIED


async def test_an_unclear_reply_while_the_desk_has_to_call_stays_there(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await surveyed(house, gateway)
    house.now += timedelta(minutes=1)
    await house.commands.execute(case, house.failing)
    await write(house, UNCLEAR)
    assert await house.dispatcher(gateway).run_due() == 0, "a person calls: no message asks too"
    assert await words(house, case) == [UNCLEAR]


async def test_after_an_opt_out_an_unclear_reply_goes_straight_to_the_desk(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await surveyed(house, gateway)
    await write(house, "TD")
    await write(house, UNCLEAR)
    state = await house.state(case)
    assert (state.stage, state.desk_reason) == (Stage.PHONE_DESK, "opted-out")
    house.now += timedelta(hours=50)
    assert await house.dispatcher(gateway).run_due() == 0
    assert len(carrier.sent) == 1


async def test_an_opt_out_instead_of_an_answer_to_the_question_goes_to_the_desk(
    house: House, gateway: HttpGateway
) -> None:
    case = await asked_again(house, gateway)
    await write(house, "TD")
    state = await house.state(case)
    assert (state.stage, state.opted_out) == (Stage.PHONE_DESK, True)


async def test_an_unclear_reply_after_the_settlement_is_asked_about_and_then_called_about(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await surveyed(house, gateway)
    house.now += timedelta(hours=73)
    await house.dispatcher(gateway).run_due()
    await house.wakes.sweep()
    assert (await house.state(case)).settlement is Settlement.UNANSWERED
    house.now += timedelta(days=2)
    await write(house, UNCLEAR)
    await house.dispatcher(gateway).run_due()
    house.now += timedelta(hours=73)
    await house.wakes.sweep()
    state = await house.state(case)
    # The settlement stands: nothing that was told is taken back.
    assert (state.stage, state.settlement) == (Stage.PHONE_DESK, Settlement.UNANSWERED)
    house.now += timedelta(days=8)
    await house.wakes.sweep()
    state = await house.state(case)
    assert (state.stage, state.settlement, state.due) == (Stage.SETTLED, Settlement.UNANSWERED, None)
    assert (await house.told(case)).count("case.settled") == 1


async def test_an_unclear_reply_about_an_answered_round_is_a_remark(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await surveyed(house, gateway)
    await write(house, "4")
    await write(house, UNCLEAR)
    assert (await house.state(case)).stage is Stage.RECTIFICATION
    assert await house.dispatcher(gateway).run_due() == 0
    assert await words(house, case) == [UNCLEAR]


async def test_a_later_round_begins_clear(house: House, gateway: HttpGateway) -> None:
    case = await asked_again(house, gateway)
    await write(house, "4")
    await house.resolve(PHONE, case_id=case)
    await house.dispatcher(gateway).run_due()
    house.now += timedelta(minutes=1)
    await write(house, UNCLEAR)
    assert (await house.state(case)).stage is Stage.SENT
    house.now += timedelta(hours=73)
    await house.wakes.sweep()
    assert (await house.state(case)).stage is Stage.PHONE_DESK


async def test_who_opted_out_is_called_in_the_next_round(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    case = await surveyed(house, gateway)
    await write(house, "4")
    await write(house, "TD")
    await house.resolve(PHONE, case_id=case)
    assert await house.dispatcher(gateway).run_due() == 0
    state = await house.state(case)
    assert (state.round, state.stage, state.desk_reason) == (2, Stage.PHONE_DESK, "opted-out")
    assert len(carrier.sent) == 1


async def test_an_opt_out_holds_for_every_case_that_the_number_was_written_to_about(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    older, newer = await surveyed(house, gateway), await surveyed(house, gateway)
    other = await surveyed(house, gateway, "+8613900005678")
    await write(house, "TD")
    assert (await house.state(older)).opted_out
    assert (await house.state(newer)).opted_out
    assert not (await house.state(other)).opted_out
    house.now += timedelta(hours=50)
    assert await house.dispatcher(gateway).run_due() == 1, "the other number's reminder alone"
    assert len(carrier.sent) == 4


async def test_an_opt_out_that_overtakes_the_gateway_s_answer_brings_no_reminder(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await house.resolve(PHONE)
    # Leased, handed over, not yet noted.
    await house.dispatcher(gateway)._lease()
    await write(house, "TD")
    assert (await house.state(case)).stage is Stage.SENT
    house.now += timedelta(minutes=2)
    await house.dispatcher(gateway).run_due()
    house.now += timedelta(hours=50)
    assert await house.dispatcher(gateway).run_due() == 0


async def test_a_mark_with_an_opt_out_is_both(
    house: House, carrier: Carrier, gateway: HttpGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.followup import inbox
    from services.followup.domain.replies import Reply

    said = Reply(Satisfaction.DISSATISFIED, "没人来", opted_out=True)
    monkeypatch.setattr(inbox, "parse", lambda _text: said)
    case = await surveyed(house, gateway)
    await write(house, "4没人来，退订")
    state = await house.state(case)
    assert (state.stage, state.opted_out) == (Stage.RECTIFICATION, True)
    assert state.answers[0].level is Satisfaction.DISSATISFIED
    assert state.answers[0].comment == "没人来"


async def test_words_beside_an_opt_out_are_kept(
    house: House, gateway: HttpGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.followup import inbox
    from services.followup.domain.replies import Reply

    monkeypatch.setattr(inbox, "parse", lambda text: Reply(None, text, opted_out=True))
    case = await surveyed(house, gateway)
    await write(house, "请别再发短信，事情还没人管")
    assert await words(house, case) == ["请别再发短信，事情还没人管"]
