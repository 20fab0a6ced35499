"""Messages to citizens on a real database and a real HTTP gateway: sent once, in whatever trouble."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.followup import store
from services.followup.domain.state import Stage
from services.followup.gateways.http import HttpGateway
from shared.events.words import Settlement
from shared.privacy.keys import KeyRing, new_key
from tests.support.carrier import TOKEN, Carrier
from tests.support.followup import House, new_case

pytest_plugins = ("tests.support.followup_fixtures",)

PHONE = {"name": "某先生", "phone": "+8613900001234"}


async def test_a_survey_goes_out_once_and_is_told(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    case = await house.resolve(PHONE)
    dispatcher = house.dispatcher(gateway)
    assert await dispatcher.run_due() == 1
    assert await dispatcher.run_due() == 0
    ((number, text),) = carrier.sent.values()
    assert number == "+8613900001234"
    assert (await house.state(case)).number in text
    assert carrier.authorisations == [f"Bearer {TOKEN}"]
    assert await house.told(case) == ["survey.requested", "survey.sent"]
    assert (await house.state(case)).stage is Stage.SENT


async def test_no_number_and_no_text_lies_readable_in_the_database(house: House, gateway: HttpGateway) -> None:
    await house.resolve(PHONE)
    await house.dispatcher(gateway).run_due()
    kept = str(await house.rows(store.messages, *store.messages.c.keys()))
    kept += str(await house.rows(store.followups, "case_id", "unit"))
    assert "13900001234" not in kept
    assert "某先生" not in kept


async def test_an_anonymous_case_gets_no_message(house: House, gateway: HttpGateway) -> None:
    case = await house.resolve(None)
    assert await house.dispatcher(gateway).run_due() == 0
    assert await house.told(case) == ["case.settled"]


@pytest.mark.parametrize(
    ("contact", "family", "code", "stage"),
    [
        ({"name": "某女士"}, "letters-visits", "no-phone", Stage.SETTLED),
        ({"name": "某女士"}, "wechat", "no-phone", Stage.PHONE_DESK),
        ({"name": "某女士"}, "weibo", "no-phone", Stage.PHONE_DESK),
        # Opened before follow-up was told of channels: a person finds out.
        ({"name": "某女士"}, None, "no-phone", Stage.PHONE_DESK),
        ({"name": "某女士", "unread_contact": "微信同号139OOOO0001"}, "website", "unread-contact", Stage.PHONE_DESK),
        ({"phone": "+8613900001234", "extension": "9100"}, "website", "extension", Stage.PHONE_DESK),
        ({"phone": "+8675523456789", "extension": "801"}, "wechat", "extension", Stage.PHONE_DESK),
        ({"phone": "+8675523456789"}, None, "not-mobile", Stage.PHONE_DESK),
        ({"phone": "12"}, None, "invalid-number", Stage.PHONE_DESK),
    ],
)
async def test_who_can_not_be_written_to(
    house: House,
    carrier: Carrier,
    gateway: HttpGateway,
    contact: dict[str, str],
    family: str | None,
    code: str,
    stage: Stage,
) -> None:
    case = await house.resolve(contact, family=family)
    good = await house.resolve(PHONE)
    await house.dispatcher(gateway).run_due()
    assert (await house.state(case)).stage is stage
    assert (await house.state(good)).stage is Stage.SENT
    assert ("failed", code) in await house.rows(store.messages, "state", "code")
    assert len(carrier.sent) == 1


async def test_whom_only_the_channel_leads_to_is_not_given_up(house: House, gateway: HttpGateway) -> None:
    case = await house.resolve({"name": "某女士"}, family="wechat")
    await house.dispatcher(gateway).run_due()
    state = await house.state(case)
    assert (state.family, state.channel, state.desk_reason) == ("wechat", "wechat-0012", "no-phone")
    house.now += timedelta(days=60)
    assert await house.wakes.sweep() == 0
    assert (await house.state(case)).stage is Stage.PHONE_DESK


async def test_nobody_named_through_a_channel_that_leads_back_is_a_task_too(house: House, gateway: HttpGateway) -> None:
    case = await house.resolve(None, family="weibo")
    nowhere = await house.resolve(None, family="letters-visits")
    assert await house.dispatcher(gateway).run_due() == 0
    assert await house.told(case) == ["survey.requested", "survey.undeliverable"]
    assert (await house.state(case)).stage is Stage.PHONE_DESK
    assert (await house.state(nowhere)).settlement is Settlement.UNREACHABLE


async def test_a_case_opened_and_resolved_in_one_batch_has_its_channel(house: House) -> None:
    case = new_case(house.now)
    events = [house.received(case, 1, house.opening("wechat")), house.received(case, 2, house.resolution(case, None))]
    async with house.engine.begin() as connection:
        outcome = await house.handler().apply(connection, events)
    assert not outcome.failures
    assert (await house.state(case)).family == "wechat"


async def test_a_refused_number_goes_to_the_phone_desk(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    carrier.refusing["+8613900001234"] = "no-such-number"
    case = await house.resolve(PHONE)
    other = await house.resolve({"phone": "+8613900005678"})
    await house.dispatcher(gateway).run_due()
    assert await house.told(case) == ["survey.requested", "survey.undeliverable"]
    assert await house.told(other) == ["survey.requested", "survey.sent"]
    assert (await house.state(case)).stage is Stage.PHONE_DESK


async def test_while_the_gateway_is_down_messages_wait(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    carrier.troubles.extend([503, 503])
    case = await house.resolve(PHONE)
    dispatcher = house.dispatcher(gateway)
    await dispatcher.run_due()
    assert dispatcher.trouble is not None
    assert "503" in dispatcher.trouble
    assert (await house.state(case)).stage is Stage.ASKED
    assert await dispatcher.run_due() == 0, "the message is tried again only after a while"
    house.now += timedelta(seconds=6)
    await dispatcher.run_due()
    house.now += timedelta(seconds=11)
    assert await dispatcher.run_due() == 1
    assert dispatcher.trouble is None
    assert await house.told(case) == ["survey.requested", "survey.sent"]
    assert len(carrier.calls) == 3
    assert len({message for call in carrier.calls for message in call}) == 1


async def test_after_a_failure_the_dispatcher_rests(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    carrier.troubles.append(500)
    await house.resolve(PHONE)
    dispatcher = house.dispatcher(gateway, longest_pause=30.0)
    await dispatcher.run_due()
    await house.resolve(PHONE)
    assert await dispatcher.run_due() == 0
    assert len(carrier.calls) == 1


async def test_a_crash_between_sending_and_marking_sends_nothing_twice(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await house.resolve(PHONE)
    carrier.troubles.append("slow")
    first = asyncio.create_task(house.dispatcher(gateway).run_due())
    await carrier.taken.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    carrier.released.set()
    assert (await house.state(case)).stage is Stage.ASKED
    second = house.dispatcher(gateway)
    assert await second.run_due() == 0, "the lease still holds"
    house.now += timedelta(seconds=61)
    assert await second.run_due() == 1
    assert len(carrier.calls) == 2
    assert len(carrier.sent) == 1
    assert await house.told(case) == ["survey.requested", "survey.sent"]


async def test_two_dispatchers_share_the_queue(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    for _ in range(30):
        await house.resolve(PHONE)
    workers = [house.dispatcher(gateway, batch=4) for _ in range(3)]
    assert sum(await asyncio.gather(*(worker.run_due() for worker in workers))) == 30
    assert sorted(message for call in carrier.calls for message in call) == sorted(carrier.sent)
    assert len(carrier.sent) == 30


async def test_messages_that_the_answer_passes_over_are_tried_again(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    carrier.ignoring.add("+8613900001234")
    case = await house.resolve(PHONE)
    dispatcher = house.dispatcher(gateway)
    await dispatcher.run_due()
    assert (await house.state(case)).stage is Stage.ASKED
    carrier.ignoring.clear()
    house.now += timedelta(seconds=6)
    await dispatcher.run_due()
    assert (await house.state(case)).stage is Stage.SENT


async def test_a_missing_key_stops_only_what_it_sealed(house: House, carrier: Carrier, gateway: HttpGateway) -> None:
    case = await house.resolve(PHONE)
    other = await house.resolve(PHONE)
    lost = house.sealed(case, PHONE, ring=KeyRing.parse(new_key("lost")))
    async with house.engine.begin() as connection:
        await connection.execute(store.messages.update().where(store.messages.c.case_id == case).values(recipient=lost))
    await house.dispatcher(gateway).run_due()
    assert (await house.state(case)).stage is Stage.ASKED
    assert (await house.state(other)).stage is Stage.SENT
    # The message that never left ends on the phone desk, and is not tried any more.
    house.now += timedelta(hours=72)
    await house.wakes.sweep()
    assert (await house.state(case)).stage is Stage.PHONE_DESK
    assert await house.dispatcher(gateway).run_due() == 0
    assert len(carrier.sent) == 1


async def test_one_reminder_goes_out_and_then_the_case_is_settled(
    house: House, carrier: Carrier, gateway: HttpGateway
) -> None:
    case = await house.resolve(PHONE)
    dispatcher = house.dispatcher(gateway)
    await dispatcher.run_due()
    house.now += timedelta(hours=47, minutes=59)
    assert await dispatcher.run_due() == 0
    house.now += timedelta(minutes=2)
    assert await dispatcher.run_due() == 1
    assert len(carrier.sent) == 2
    house.now += timedelta(hours=24)
    await house.wakes.sweep()
    state = await house.state(case)
    assert (state.stage, state.settlement) == (Stage.SETTLED, Settlement.UNANSWERED)
    assert await house.told(case) == ["survey.requested", "survey.sent", "case.settled"]


async def test_old_messages_are_forgotten_with_their_contacts(house: House, gateway: HttpGateway) -> None:
    await house.resolve(PHONE)
    await house.dispatcher(gateway).run_due()
    house.now += timedelta(days=91)
    await house.resolve(PHONE)
    async with house.engine.begin() as connection:
        await store.forget(connection, house.now, timedelta(days=90))
    # Queued ones stay, however old: the reminder, and the new survey.
    assert await house.rows(store.messages, "kind", "state") == [("reminder", "queued"), ("survey", "queued")]
