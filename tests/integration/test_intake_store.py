"""Intake on a real database: one case for each request whatever the races, and nothing half-written."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.acceptance import Accepted
from services.intake.domain.form import RequestForm
from services.intake.projection import project
from services.intake.store import Serials
from shared.bus.envelope import Received
from shared.bus.partitioning import partition_of
from shared.events import case, followup
from shared.events.base import Event
from shared.events.words import Satisfaction, Settlement
from shared.privacy.keys import KeyRing, new_key
from shared.privacy.pseudonym import pseudonym
from shared.privacy.sealing import unseal
from shared.store import outbox
from shared.store.engine import asyncpg_dsn, create_engine
from shared.store.group_commit import NotWrittenError
from shared.store.migration import migrate
from shared.web.channels import ChannelScope
from shared.web.problems import Problem
from tests.support.intake import Replica, count, intake_settings, posted, told
from tests.support.postgres import PostgresServer

SCOPE = ChannelScope("wechat/*")
SETTINGS = intake_settings()


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    await migrate("intake", database)
    engine = create_engine(database)
    yield engine
    await engine.dispose()


def form(request_id: str = "m-1", **changes: object) -> RequestForm:
    return RequestForm.model_validate(posted(request_id, **changes))


async def test_a_request_is_stored_with_its_event_and_sealed(engine: AsyncEngine) -> None:
    replica = Replica(engine, SETTINGS)
    requester = {"name": "王某某", "phone": "138 0013 8000"}
    done = await replica.acceptance.accept(form(subject="路灯", requester=requester), SCOPE)
    (event,) = await told(engine)
    assert (event.number, event.channel, event.family, event.body) == (
        done.number,
        "wechat-0012",
        "wechat",
        "春晖路的路灯坏了三天",
    )
    assert event.requester is not None
    assert orjson.loads(unseal(SETTINGS.sealing_ring, event.requester, done.case_id.bytes)) == {
        "name": "王某某",
        "phone": "+8613800138000",
    }
    # Whatever is stored or sent, nobody can read the person in it.
    async with engine.connect() as connection:
        stored = (await connection.execute(sa.text("SELECT requests::text FROM requests"))).scalar_one()
        payload = (await connection.execute(sa.text("SELECT convert_from(payload, 'UTF8') FROM outbox"))).scalar_one()
    for secret in ("13800138000", "王某某"):
        assert secret not in stored + payload
    assert event.body not in stored


async def test_the_same_person_has_one_pseudonym(engine: AsyncEngine) -> None:
    replica = Replica(engine, SETTINGS)
    people = [
        {"phone": "13800138000"},
        {"phone": "+86 138 0013 8000", "name": "某"},
        {"phone": "13800138001"},
        {"identity": "someone"},
        {"identity": "SOMEONE"},
        {"name": "某"},
    ]
    for nth, requester in enumerate(people):
        await replica.acceptance.accept(form(f"m-{nth}", requester=requester), SCOPE)
    pseudonyms = [event.pseudonym for event in await told(engine)]
    assert pseudonyms[0] == pseudonyms[1] != pseudonyms[2]
    assert pseudonyms[3] == pseudonyms[4] != pseudonyms[0]
    assert pseudonyms[5] is None


async def test_replicas_that_get_the_same_requests_at_once_make_one_case_of_each(engine: AsyncEngine) -> None:
    replicas = [Replica(engine, SETTINGS) for _ in range(4)]
    ids = [f"m-{nth}" for nth in range(60)]
    # Each replica in an order of its own: without one order for all, two transactions wait for each other in a circle.
    posts = [
        replica.acceptance.accept(form(request_id), SCOPE)
        for nth, replica in enumerate(replicas)
        for request_id in (ids if nth % 2 else reversed(ids))
        for _ in range(2)
    ]
    results = await asyncio.gather(*posts)
    assert await count(engine, "requests") == await count(engine, "outbox") == len(ids)
    fresh = [result for result in results if not result.repeated]
    assert len(fresh) == len(ids)
    assert len({result.case_id for result in results}) == len(ids)
    assert len({result.number for result in results}) == len(ids)
    assert {result.case_id for result in results} == {result.case_id for result in fresh}
    async with engine.connect() as connection:
        told_of = (await connection.execute(sa.text("SELECT case_id FROM outbox"))).scalars().all()
    assert set(told_of) == {result.case_id for result in fresh}


async def test_replicas_that_meet_in_opposite_orders_do_not_wait_for_each_other(engine: AsyncEngine) -> None:
    first, second = Replica(engine, SETTINGS), Replica(engine, SETTINGS)
    ids = ["m-1", "m-5", "m-9"]
    async with engine.connect() as holder:
        # Both stop in the middle of their work, at a row that a third writer has not decided about.
        await holder.execute(
            sa.text(
                "INSERT INTO requests VALUES "
                "(gen_random_uuid(), 'wechat-0012', 'm-5', 'n', 'f', false, 'received', NULL, now(), now(), '[]')"
            )
        )
        posts = [
            asyncio.gather(*(replica.acceptance.accept(form(request_id), SCOPE) for request_id in order))
            for replica, order in ((first, ids), (second, ids[::-1]))
        ]
        async with asyncio.timeout(20):
            while await _waiting(engine) < 2:
                await asyncio.sleep(0.02)
        await holder.rollback()
        results = [result for post in posts for result in await post]
    assert len({result.case_id for result in results}) == await count(engine, "requests") == len(ids)


async def _waiting(engine: AsyncEngine) -> int:
    """How many sessions of this database wait for another's transaction."""
    async with engine.connect() as connection:
        return int(
            (
                await connection.execute(
                    sa.text(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                        "AND wait_event_type = 'Lock'"
                    )
                )
            ).scalar_one()
        )


async def test_another_content_under_the_same_id_is_refused_and_names_the_case(engine: AsyncEngine) -> None:
    replica = Replica(engine, SETTINGS)
    first, other = await asyncio.gather(
        replica.acceptance.accept(form(), SCOPE),
        replica.acceptance.accept(form(body="另一件事"), SCOPE),
        return_exceptions=True,
    )
    assert isinstance(first, Accepted)
    assert isinstance(other, Problem)
    assert (other.status, other.slug, other.extra) == (409, "request-differs", {"case_id": str(first.case_id)})
    assert await count(engine, "requests") == 1


async def test_one_that_cannot_be_stored_fails_alone(engine: AsyncEngine) -> None:
    replica = Replica(engine, SETTINGS)
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE requests ADD CHECK (channel_request_id <> 'm-7')"))
    results = await asyncio.gather(
        *(replica.acceptance.accept(form(f"m-{nth}"), SCOPE) for nth in range(20)), return_exceptions=True
    )
    failed = [nth for nth, result in enumerate(results) if isinstance(result, BaseException)]
    assert failed == [7]
    assert isinstance(results[7], NotWrittenError)
    assert not results[7].transient
    assert (
        await count(engine, "requests") == await count(engine, "outbox") == await count(engine, "outbox_pending") == 19
    )


async def test_a_number_that_is_there_already_is_a_fault_and_no_repetition(engine: AsyncEngine) -> None:
    await Replica(engine, SETTINGS).acceptance.accept(form("m-1"), SCOPE)
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER SEQUENCE case_serials RESTART"))
    with pytest.raises(NotWrittenError) as clash:
        await Replica(engine, SETTINGS).acceptance.accept(form("m-2"), SCOPE)
    assert isinstance(clash.value.__cause__, IntegrityError)
    assert "requests_number" in str(clash.value.__cause__)


async def test_whoever_relays_the_partition_is_woken(engine: AsyncEngine, database: str) -> None:
    listener = await asyncpg.connect(asyncpg_dsn(database))
    heard: asyncio.Queue[object] = asyncio.Queue()
    await listener.add_listener(outbox.NOTIFY_CHANNEL, lambda *call: heard.put_nowait(call[-1]))
    try:
        done = await Replica(engine, SETTINGS).acceptance.accept(form(), SCOPE)
        async with asyncio.timeout(10):
            assert await heard.get() == str(partition_of(done.case_id, SETTINGS.partitions))
    finally:
        await listener.close()


async def test_serials_are_nobody_elses(engine: AsyncEngine) -> None:
    async def take(serials: Serials) -> list[int]:
        async with engine.connect() as connection:
            return await serials.take(connection, 7)

    holders = [Serials(reserve=5) for _ in range(3)]
    taken = [serial for serials in holders * 10 for serial in await take(serials)]
    assert len(set(taken)) == len(taken) == 210


async def test_a_restarted_database_is_not_noticed(own_postgres: PostgresServer) -> None:
    url = await own_postgres.create_database()
    await migrate("intake", url)
    engine = create_engine(url)
    replica = Replica(engine, SETTINGS)
    await replica.acceptance.accept(form("before"), SCOPE)
    await own_postgres.stop()
    with pytest.raises(NotWrittenError) as away:
        await replica.acceptance.accept(form("during"), SCOPE)
    assert away.value.transient
    await own_postgres.start()
    first = await replica.acceptance.accept(form("during"), SCOPE)
    assert not first.repeated
    # The pool still holds the connections of this server when it goes and comes between two requests.
    await own_postgres.stop()
    await own_postgres.start()
    assert not (await replica.acceptance.accept(form("after"), SCOPE)).repeated
    assert await count(engine, "requests") == 3
    await engine.dispose()


AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def received(case_id: UUID, event: Event, minutes: int, sequence: int = 1) -> Received:
    return Received(
        topic="t",
        partition=0,
        offset=0,
        source="/minsheng/routing" if isinstance(event, case.CaseEvent) else "/minsheng/followup",
        type=event.TYPE,
        case_id=case_id,
        sequence=sequence,
        time=AT + timedelta(minutes=minutes),
        traceparent=None,
        event=event,
    )


ASSIGNED = case.CaseAssigned(unit="u1", unit_name="临江分局", officer=None, contact_due=AT, due=AT)
CLOSED = case.CaseClosed(unit="u1", closed_at=AT, settlement=Settlement.SATISFIED)
REOPENED = case.CaseReopened(round=2, unit="u1", officer="m1", reopened_at=AT, reason="dissatisfied", due=AT)


def surveyed(round_: int) -> followup.SurveyRequested:
    return followup.SurveyRequested(round=round_, unit="u1", medium="sms", answer_by=AT)


def resolved(round_: int) -> case.CaseResolved:
    return case.CaseResolved(
        round=round_, unit="u1", officer="m1", resolved_at=AT, in_time=True, result="已修", number="n"
    )


async def projected(engine: AsyncEngine, *batches: list[Received]) -> None:
    for batch in batches:
        async with engine.begin() as connection:
            await project(batch, connection)


async def steps_of(replica: Replica, case_id: UUID) -> tuple[str, list[str]]:
    found = await replica.store.by_id(case_id)
    assert found is not None
    async with replica.engine.connect() as connection:
        stored = await connection.scalar(sa.text("SELECT state FROM requests WHERE case_id = :id"), {"id": case_id})
    assert stored == found.state
    return found.state, [step.code for step in found.steps]


@pytest.mark.parametrize("together", [True, False])
async def test_progress_follows_the_events_in_any_order_of_the_topics(engine: AsyncEngine, together: bool) -> None:
    replica = Replica(engine, SETTINGS)
    # The steps' times are those of the events; the request must be older.
    done = await replica.acceptance.accept(form(), SCOPE)
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE requests SET received_at = :at"), {"at": AT})
    events = [
        received(done.case_id, surveyed(1), 30),
        received(done.case_id, ASSIGNED, 10),
        received(done.case_id, resolved(1), 20, 2),
    ]
    await projected(engine, *([events] if together else [[event] for event in events]))
    found = await replica.store.by_id(done.case_id)
    assert found is not None
    assert (found.state, found.unit) == ("surveying", "u1")
    assert [step.code for step in found.steps] == ["received", "assigned", "resolved", "survey"]
    assert found.updated_at == AT + timedelta(minutes=30)


async def test_a_straggler_of_the_other_topic_opens_nothing_that_is_closed(engine: AsyncEngine) -> None:
    replica = Replica(engine, SETTINGS)
    done = await replica.acceptance.accept(form(), SCOPE)
    base = int((done.received_at - AT).total_seconds() // 60) + 1
    await projected(
        engine,
        [received(done.case_id, resolved(1), base + 1), received(done.case_id, CLOSED, base + 5, 2)],
        # Its clock is ahead, and its topic is read later.
        [received(done.case_id, surveyed(1), base + 6)],
    )
    assert await steps_of(replica, done.case_id) == ("closed", ["received", "resolved", "closed", "survey"])


async def test_a_closed_case_that_reopens_is_followed_through_its_second_round(engine: AsyncEngine) -> None:
    replica = Replica(engine, SETTINGS)
    done = await replica.acceptance.accept(form(), SCOPE)
    late = followup.SurveyAnswered(
        round=1, unit="u1", answered_at=AT, level=Satisfaction.DISSATISFIED, medium="sms", comment=None
    )
    # Whatever the clocks of the two say.
    story: list[tuple[list[tuple[Event, int]], str]] = [
        ([(ASSIGNED, 1), (resolved(1), 2)], "resolved"),
        ([(surveyed(1), 1)], "surveying"),
        ([(CLOSED, 3)], "closed"),
        ([(late, 2), (REOPENED, 4)], "rectifying"),
        ([(resolved(2), 5)], "resolved"),
        ([(surveyed(2), 3)], "surveying"),
        ([(CLOSED, 6)], "closed"),
    ]
    for nth, (events, state) in enumerate(story):
        batch = [received(done.case_id, event, -nth, sequence) for event, sequence in events]
        await projected(engine, batch)
        assert (await steps_of(replica, done.case_id))[0] == state
        # What is told again changes nothing.
        await projected(engine, batch)
        assert (await steps_of(replica, done.case_id))[0] == state
    assert len((await steps_of(replica, done.case_id))[1]) == 10


async def test_what_an_earlier_build_kept_is_taken_over(engine: AsyncEngine) -> None:
    replica = Replica(engine, SETTINGS)
    done = await replica.acceptance.accept(form(), SCOPE)
    kept = [
        {"at": (AT + timedelta(minutes=nth)).isoformat(), "code": code, "text": code}
        for nth, code in enumerate(["received", "assigned", "survey", "resolved", "closed", "reopened"])
    ]
    async with engine.begin() as connection:
        await connection.execute(
            sa.text(
                "UPDATE requests SET steps = CAST(:steps AS jsonb), state = 'closed', unit = 'u1', received_at = :at"
            ),
            {"steps": orjson.dumps(kept).decode(), "at": AT},
        )
    found = await replica.store.by_id(done.case_id)
    assert found is not None
    assert (found.state, found.unit, found.updated_at) == ("rectifying", "u1", AT + timedelta(minutes=5))
    await projected(engine, [received(done.case_id, resolved(2), 60, 9)], [received(done.case_id, CLOSED, 70, 10)])
    assert await steps_of(replica, done.case_id) == (
        "closed",
        ["received", "assigned", "survey", "resolved", "closed", "reopened", "resolved", "closed"],
    )


async def test_events_of_a_request_that_is_not_here_are_no_obstacle(engine: AsyncEngine) -> None:
    replica = Replica(engine, SETTINGS)
    done = await replica.acceptance.accept(form(), SCOPE)
    async with engine.begin() as connection:
        await project([received(uuid4(), ASSIGNED, 1), received(done.case_id, ASSIGNED, 1)], connection)
        await project([], connection)
    found = await replica.store.by_id(done.case_id)
    assert found is not None
    assert {step.code for step in found.steps} == {"assigned", "received"}


@pytest.mark.parametrize(
    ("written", "sealed"),
    [
        ("13900000001-9100", {"phone": "+8613900000001", "extension": "9100"}),
        ("(021)23456789-801", {"phone": "+862123456789", "extension": "801"}),
        ("0571-88888888-8003", {"phone": "+8657188888888", "extension": "8003"}),
        ("不方便透露\u202e", {"unread_contact": "不方便透露"}),
        (
            "13900000001 / 13900000002",
            {"phone": "+8613900000001", "unread_contact": "13900000001 / 13900000002"},
        ),
    ],
)
async def test_whatever_was_given_as_a_contact_is_sealed(
    engine: AsyncEngine, written: str, sealed: dict[str, str]
) -> None:
    replica = Replica(engine, SETTINGS)
    done = await replica.acceptance.accept(form(requester={"phone": written, "identity": "３３０"}), SCOPE)
    (event,) = await told(engine)
    assert event.requester is not None
    opened = orjson.loads(unseal(SETTINGS.sealing_ring, event.requester, done.case_id.bytes))
    assert opened == {**sealed, "identity": "330"}
    # In the clear there is nothing of it.
    rest = event.model_dump_json(exclude={"requester", "number"})
    assert not [text for text in [*sealed.values(), written] if len(text) > 4 and text in rest]
    contact = sealed.get("phone", "identity:330") + (f";ext={sealed['extension']}" if "extension" in sealed else "")
    assert event.pseudonym == pseudonym(SETTINGS.pseudonym_ring, contact)


async def test_a_request_of_an_earlier_build_is_the_same_when_it_is_posted_again(engine: AsyncEngine) -> None:
    old = new_key("old")
    ring = KeyRing.parse(old)
    key = ring.current_key
    # The JSON of the form as it was, with texts in the one form that they had.
    former = (
        '{"channel":"wechat-0012","channel_request_id":"m-1","submitted_at":"2026-11-24T08:30:00+08:00","kind":null,'
        '"category":null,"district":null,"subject":null,"body":"路灯,坏了1","place":null,"location":null,'
        '"requester":{"name":null,"phone":"+8613800138000","identity":null}}'
    )
    digest = hmac.digest(key, b"minsheng-request-fingerprint\x00" + former.encode(), "sha256")[:16].hex()
    replica = Replica(engine, intake_settings(pseudonym_key=SecretStr(old)))
    posted_again = form(
        body="路灯，坏了１", submitted_at="2026-11-24T08:30:00+08:00", requester={"phone": "138 0013 8000"}
    )
    done = await replica.acceptance.accept(posted_again, SCOPE)
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE requests SET fingerprint = :old"), {"old": f"old.{digest}"})
    again = await replica.acceptance.accept(posted_again, SCOPE)
    assert (again.case_id, again.repeated) == (done.case_id, True)
    with pytest.raises(Problem):
        await replica.acceptance.accept(form(body="别的"), SCOPE)
