"""Analytics on a real broker and database: exact sums in whatever order events come, days told, questions answered."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics import api, store
from services.analytics.domain.facts import FIELDS, Fact
from services.analytics.domain.insights import subject_of
from services.analytics.domain.rollup import DIMENSIONS, METRICS, Cell, OpenCell, recount
from services.analytics.live import LiveRate
from services.analytics.migrations import a002_one_place
from services.analytics.projection import project
from services.analytics.settings import AnalyticsSettings
from services.analytics.telling import DayTeller
from shared.bus.envelope import Received
from shared.bus.handlers import ProjectionHandler
from shared.bus.kernel import Kernel
from shared.bus.partitioning import partition_of
from shared.events.base import Event
from shared.events.insight import DayCounted
from shared.events.words import Satisfaction
from shared.privacy.keys import new_key
from shared.store.migration import migrate
from shared.web.app import create_api
from shared.web.auth import Role, Staff, issue_token
from shared.web.health import Readiness
from tests.support.analytics import CITIZENS_WORDS, DAY, RECEIVED_AT, SOURCES, Story, stories
from tests.support.kafka import KafkaServer
from tests.support.kernel import PARTITIONS, Bench, until

READS = ("requests", "cases", "followups")
NOW = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)


@pytest.fixture
async def bench(kafka: KafkaServer, database: str, namespace: str) -> AsyncIterator[Bench]:
    await migrate("analytics", database)
    bench = await Bench.open(kafka, database, namespace)
    bench.name = "analytics"
    yield bench
    await bench.close()


@pytest.fixture
def settings(kafka: KafkaServer, database: str, namespace: str) -> AnalyticsSettings:
    keys = {name: SecretStr(new_key("t1")) for name in ("staff_keys", "channel_keys", "callback_keys")}
    return AnalyticsSettings(
        kafka=kafka.bootstrap,
        analytics_database=SecretStr(database),
        topic_prefix=namespace,
        partitions=PARTITIONS,
        analytics_rows=50,
        embedded=not kafka.real,
        **keys,  # type: ignore[arg-type]
    )


@pytest.fixture
async def ask(settings: AnalyticsSettings, bench: Bench) -> AsyncIterator[Callable[..., Any]]:
    """`await ask(path, role=..., of_unit=..., **query)` gives the answer; other statuses than `status` fail."""
    live = LiveRate(settings)
    http = create_api("analytics", "test", settings, Readiness())
    api.install(http, api.AnalyticsApi(settings, bench.engine, live, lambda: NOW))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(http), base_url="http://analytics")

    async def asking(
        path: str,
        *,
        role: Role | None = Role.ANALYST,
        of_unit: str | None = None,
        status: int = 200,
        **query: str,
    ) -> Any:
        headers = {}
        if role is not None:
            token = issue_token(settings.staff_ring, Staff("s-1", "测试", role, of_unit), now=datetime.now(UTC))
            headers["Authorization"] = f"Bearer {token}"
        params = {name.rstrip("_"): value for name, value in query.items()}
        answer = await client.get(f"/v1/{path}", params=params, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    yield asking
    await client.aclose()
    await live.close()


def received(told: Sequence[tuple[str, UUID, int, Event]]) -> list[Received]:
    now = datetime.now(UTC)
    return [
        Received(topic, 0, offset, SOURCES[topic], event.TYPE, case_id, sequence, now, None, event)
        for offset, (topic, case_id, sequence, event) in enumerate(told)
    ]


async def apply(bench: Bench, *cases: Story) -> None:
    async with bench.engine.begin() as connection:
        await project(received([one for story in cases for one in story.told()]), connection)


async def kept(connection: AsyncConnection) -> tuple[list[Fact], dict[Cell, tuple[int, ...]], dict[OpenCell, int]]:
    facts = [Fact(*row) for row in await connection.execute(sa.text(f"SELECT {', '.join(FIELDS)} FROM facts"))]
    cells = await connection.execute(sa.text(f"SELECT {', '.join((*DIMENSIONS, *METRICS))} FROM daily"))
    daily = {Cell(*row[:5]): tuple(row[5:]) for row in cells if any(row[5:])}
    standing = await connection.execute(sa.text("SELECT state, unit, district, cases FROM open_cases WHERE cases <> 0"))
    return facts, daily, {OpenCell(*row[:3]): row[3] for row in standing}


async def test_sums_are_exact_however_the_events_arrive(bench: Bench) -> None:
    told = stories(60)
    events = [one for story in told for one in story.told()]
    shuffler = random.Random(7)
    bench.worker(ProjectionHandler(project), reads=READS, emits=("insights",))
    bench.worker(ProjectionHandler(project), reads=READS, emits=("insights",))
    # Topics one after the other, last first, and each event twice: what the bus may do at worst, but for the order
    # within a case and topic.
    for topic in ("followups", "cases", "requests"):
        of_topic = [one[1:] for one in events if one[0] == topic]
        cases = sorted({case_id for case_id, _, _ in of_topic})
        shuffler.shuffle(cases)
        ordered = [one for case_id in cases for one in of_topic if one[0] == case_id]
        await bench.send(ordered, topic=topic, source=SOURCES[topic])
        await bench.send(ordered, topic=topic, source=SOURCES[topic])

    async def all_seen() -> bool:
        async with bench.engine.connect() as connection:
            seen = await connection.scalar(sa.text("SELECT sum(sequence) FROM cursors"))
        expected = sum({(topic, case): sequence for topic, case, sequence, _ in events}.values())
        return bool(seen == expected)

    await until(all_seen, what="every event applied")
    async with bench.engine.connect() as connection:
        facts, daily, standing = await kept(connection)
    assert len(facts) == len(told)
    count = recount(facts)
    assert daily == dict(count.daily)
    assert standing == dict(count.open)
    totals = dict(zip(METRICS, map(sum, zip(*daily.values(), strict=True)), strict=True))
    answered = [story for story in told if story.unit and story.level]
    satisfied = [story for story in answered if story.level and story.level.is_satisfied]
    assert totals["received"] == totals["opened"] == len(told)
    assert totals["resolved"] == totals["surveyed"] == sum(story.unit is not None for story in told)
    assert totals["in_time"] == sum(story.unit is not None and story.in_time for story in told)
    assert totals["answered"] == len(answered)
    assert totals["closed"] == totals["settled_satisfied"] == len(satisfied)
    assert sum(standing.values()) == len(told) - len(satisfied)


async def test_one_event_at_a_time_gives_the_same_sums(bench: Bench) -> None:
    events = [one for story in stories(12) for one in story.told()]
    random.Random(3).shuffle(events)
    events.sort(key=lambda one: one[2])
    for event in events:
        async with bench.engine.begin() as connection:
            await project(received([event]), connection)
    async with bench.engine.connect() as connection:
        facts, daily, standing = await kept(connection)
    assert (daily, standing) == (dict(recount(facts).daily), dict(recount(facts).open))


async def test_what_was_counted_twice_before_is_counted_once_after_the_migration(bench: Bench) -> None:
    closed, reopened, again = Story(uuid4()), Story(uuid4()), Story(uuid4(), level=None)
    await apply(bench, closed, reopened, again)
    async with bench.engine.begin() as connection:
        # As it was kept before: reopened after the closing, and one of the two resolved again.
        for story, state, resolved_at in ((reopened, "reopened", RECEIVED_AT), (again, "resolved", NOW)):
            await connection.execute(
                sa.text(
                    "UPDATE facts SET state = :state, reopenings = 1, settlement = 'unanswered', closed_at = :at, "
                    "settled_at = :at, resolved_at = :resolved_at WHERE case_id = :id"
                ),
                {"state": state, "at": RECEIVED_AT, "resolved_at": resolved_at, "id": story.case_id},
            )
        await connection.execute(sa.text("UPDATE daily SET closed = 3, settled_unanswered = 2, reopened = 2"))
        await connection.execute(sa.text("UPDATE open_cases SET cases = 0"))
        await connection.execute(
            sa.text(
                "INSERT INTO open_cases VALUES ('reopened', 'traffic', 'dong-hu', 1) "
                "ON CONFLICT (state, unit, district) DO UPDATE SET cases = 1"
            )
        )
        await connection.execute(sa.text("UPDATE open_cases SET cases = 1 WHERE state = 'resolved'"))
        for statement in a002_one_place.STATEMENTS:
            await connection.execute(sa.text(statement))
        facts, daily, standing = await kept(connection)
    count = recount(facts)
    assert (daily, standing) == (dict(count.daily), dict(count.open))
    assert {fact.case_id: (fact.settlement, fact.closed_at is not None) for fact in facts} == {
        closed.case_id: ("satisfied", True),
        reopened.case_id: (None, False),
        again.case_id: (None, False),
    }


async def test_a_changed_day_is_told_once_in_sequence(bench: Bench, settings: AnalyticsSettings) -> None:
    kernel = Kernel("analytics", settings, emits=("insights",))
    teller = DayTeller(kernel, clock=lambda: NOW)
    await apply(bench, Story(uuid4()), Story(uuid4(), level=Satisfaction.DISSATISFIED))
    assert await teller.tell_changed() == 1
    assert await teller.tell_changed() == 0
    await apply(bench, Story(uuid4(), level=None))
    assert await teller.tell_changed() == 1
    async with bench.engine.connect() as connection:
        rows = (
            await connection.execute(
                sa.text("SELECT topic, case_id, partition, sequence, type, payload FROM outbox ORDER BY id")
            )
        ).all()
    subject = subject_of(date.fromisoformat(DAY))
    place = partition_of(subject, PARTITIONS)
    assert [tuple(row[:5]) for row in rows] == [
        ("insights", subject, place, 1, DayCounted.TYPE),
        ("insights", subject, place, 2, DayCounted.TYPE),
    ]
    first, second = (DayCounted.model_validate_json(row[5]) for row in rows)
    assert first == DayCounted(day=DAY, received=2, resolved=2, surveyed=2, answered=2, satisfied=1, measured_at=NOW)
    assert second == DayCounted(day=DAY, received=3, resolved=3, surveyed=3, answered=2, satisfied=1, measured_at=NOW)
    await kernel.close()


async def test_counts_and_satisfaction_by_any_dimension(bench: Bench, ask: Callable[..., Any]) -> None:
    await apply(
        bench,
        Story(uuid4()),
        Story(uuid4(), in_time=False, level=Satisfaction.DISSATISFIED),
        Story(uuid4(), unit="household", level=None),
        Story(uuid4(), unit=None, at=NOW),
    )
    answer = await ask("counts", by="day,unit")
    assert (answer["by"], answer["from"], answer["to"]) == (["day", "unit"], "2026-02-02", "2026-03-03")
    none = dict.fromkeys(["assigned", "resolved", "in_time", "reopened", "overdue", "closed"], 0)
    assert answer["rows"] == [
        {
            "day": DAY,
            "unit": "household",
            **none,
            **dict.fromkeys(["received", "opened", "assigned", "resolved", "in_time"], 1),
        },
        {
            "day": DAY,
            "unit": "traffic",
            **none,
            **dict.fromkeys(["received", "opened", "assigned", "resolved"], 2),
            "in_time": 1,
            "closed": 1,
        },
        {"day": "2026-03-03", "unit": None, **none, "received": 1, "opened": 1},
    ]
    assert [row["received"] for row in (await ask("counts", by="", unit="traffic,household"))["rows"]] == [3]
    assert (await ask("counts", by="day", from_="2026-03-03"))["rows"][0]["received"] == 1
    rows = {row["unit"]: row for row in (await ask("satisfaction", by="unit"))["rows"]}
    assert (rows["traffic"]["surveyed"], rows["traffic"]["answered"], rows["traffic"]["rate"]) == (2, 2, 0.5)
    assert (rows["traffic"]["dissatisfied"], rows["traffic"]["settled_satisfied"]) == (1, 1)
    assert (rows["household"]["surveyed"], rows["household"]["answered"], rows["household"]["rate"]) == (1, 0, None)
    assert (await ask("open", by="state"))["rows"] == [
        {"state": "opened", "cases": 1},
        {"state": "resolved", "cases": 2},
    ]
    assert (await ask("open", by="unit,district", unit="household"))["rows"] == [
        {"unit": "household", "district": "dong-hu", "cases": 1}
    ]


async def test_the_facts_of_one_case_and_the_latest_events_name_nobody(bench: Bench, ask: Callable[..., Any]) -> None:
    story = Story(uuid4())
    await apply(bench, story)
    fact = await ask(f"cases/{story.case_id}")
    assert (fact["state"], fact["last_level"], fact["settlement"]) == ("closed", "satisfied", "satisfied")
    rows = (await ask("recent", limit="200"))["rows"]
    assert len(rows) == len(list(story.told()))
    assert {row["case_id"] for row in rows} == {str(story.case_id)}
    assert rows[-1]["data"]["channel"] == "wechat-0001"
    for answer in (fact, rows):
        for secret in (CITIZENS_WORDS, "c2VhbGVk", "5f0f2a526d0e5c0a9a572f6b1c7f5d11", "o-1", "m-1"):
            assert secret not in str(answer)


async def test_the_list_of_latest_events_stays_short(bench: Bench, ask: Callable[..., Any]) -> None:
    await apply(bench, *stories(40))
    await apply(bench, Story(uuid4()))
    async with bench.engine.begin() as connection:
        before = await connection.scalar(sa.text("SELECT count(*) FROM recent"))
        await store.trim_recent(connection, 20)
        after = await connection.scalar(sa.text("SELECT count(*) FROM recent"))
    assert (before, after) == (50 + 12, 20)
    assert len((await ask("recent", limit="5"))["rows"]) == 5


async def test_a_unit_lead_sees_the_own_unit_alone(bench: Bench, ask: Callable[..., Any]) -> None:
    own, other = Story(uuid4(), level=None), Story(uuid4(), unit="household", level=None)
    await apply(bench, own, other)
    lead: dict[str, Any] = {"role": Role.UNIT_LEAD, "of_unit": "traffic"}
    for path in ("counts", "satisfaction"):
        assert {row["unit"] for row in (await ask(path, by="unit"))["rows"]} == {"traffic", "household"}
        assert {row["unit"] for row in (await ask(path, by="unit", **lead))["rows"]} == {"traffic"}
    assert {row["unit"] for row in (await ask("open", by="unit", **lead))["rows"]} == {"traffic"}
    for path in ("counts", "satisfaction", "open"):
        refused = await ask(path, unit="household", status=403, **lead)
        assert refused["type"] == "urn:minsheng:problem:other-unit"
    assert (await ask("counts", by="", **lead))["rows"][0]["received"] == 1
    assert (await ask(f"cases/{own.case_id}", **lead))["unit"] == "traffic"
    refused = await ask(f"cases/{other.case_id}", status=403, **lead)
    assert refused["type"] == "urn:minsheng:problem:other-unit"
    assert (await ask("counts", status=403, role=Role.UNIT_LEAD))["type"] == "urn:minsheng:problem:unit-needed"


@pytest.mark.parametrize(
    "path", ["counts", "satisfaction", "open", "live", "recent", "cases/0b9c4f5e-7a3d-4c1e-9f60-5d2a8e714b33"]
)
async def test_nothing_is_told_to_others(path: str, ask: Callable[..., Any]) -> None:
    assert (await ask(path, role=None, status=401))["type"] == "urn:minsheng:problem:staff-token-needed"
    for role in (Role.OFFICER, Role.OPERATOR, Role.AGENCY):
        assert (await ask(path, role=role, status=403))["type"] == "urn:minsheng:problem:role-needed"


@pytest.mark.parametrize(
    ("path", "query", "slug"),
    [
        ("counts", {"from_": "2026-03-04"}, "bad-range"),
        ("counts", {"from_": "2025-01-26", "to": "2026-03-02"}, "bad-range"),
        ("counts", {"to": "0001-01-05"}, "bad-range"),
        ("satisfaction", {"to": "0001-01-05"}, "bad-range"),
        ("counts", {"from_": "9999-12-31"}, "bad-range"),
        ("counts", {"from_": "9999-12-30", "to": "9999-12-31"}, "bad-range"),
        ("counts", {"from_": "1969-12-31", "to": "1970-01-01"}, "bad-range"),
        ("counts", {"to": "0000-01-05"}, "invalid-request"),
        ("counts", {"to": "10000-01-05"}, "invalid-request"),
        ("satisfaction", {"by": "day,officer"}, "unknown-dimension"),
        ("open", {"by": "family"}, "unknown-dimension"),
        ("counts", {"family": ",".join(f"f{nth}" for nth in range(101))}, "too-many-codes"),
        ("counts", {"family": "x'; DROP TABLE daily"}, "invalid-request"),
        ("counts", {"from_": "yesterday"}, "invalid-request"),
        ("recent", {"limit": "201"}, "invalid-request"),
        ("recent", {"limit": "0"}, "invalid-request"),
    ],
)
async def test_a_bad_question_is_told_how_to_be_better(
    path: str, query: dict[str, str], slug: str, ask: Callable[..., Any]
) -> None:
    assert (await ask(path, status=422, **query))["type"] == f"urn:minsheng:problem:{slug}"


async def test_a_question_beyond_all_calendars_is_told_the_range(ask: Callable[..., Any]) -> None:
    told = await ask("counts", status=422, to="0001-01-05")
    assert "between 1970-01-01 and 2999-12-31" in told["detail"]
    assert (await ask("counts", from_="1970-01-01", to="1970-01-02"))["rows"] == []
    assert (await ask("counts", from_="2999-12-31", to="2999-12-31"))["rows"] == []


async def test_limits_hold_at_the_limit(bench: Bench, ask: Callable[..., Any]) -> None:
    await ask("counts", from_="2025-01-27", to="2026-03-02")
    day = timedelta(days=1)
    await apply(bench, *(Story(uuid4(), at=NOW - nth * day) for nth in range(50)))
    wide = {"by": "day", "from_": "2025-12-01"}
    assert len((await ask("counts", **wide))["rows"]) == 50
    await apply(bench, Story(uuid4(), at=NOW - 60 * day))
    assert (await ask("counts", status=422, **wide))["type"] == "urn:minsheng:problem:too-many-rows"


async def test_an_unknown_case_is_told_as_such(ask: Callable[..., Any]) -> None:
    assert (await ask(f"cases/{uuid4()}", status=404))["type"] == "urn:minsheng:problem:unknown-case"


async def test_the_live_rate_that_is_down_says_so(ask: Callable[..., Any]) -> None:
    answer = await ask("live")
    assert (answer["approximate"], answer["available"], answer["per_minute"]) == (True, False, [])
    assert answer["reason"] == "has not started yet"
