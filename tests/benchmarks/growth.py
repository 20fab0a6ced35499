"""The cost of an event with many cases stored, beside that with few: half of the events are about stored cases."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

import asyncpg
from rich.progress import Progress

from services.routing.domain.case import Case, CaseState
from services.routing.domain.decisions import receive
from services.routing.organisation import load_bureau
from services.routing.settings import DEFAULT_ORGANISATION
from shared.decision import Moment
from shared.events.base import Event
from shared.events.followup import CaseSettled, RectificationOpened
from shared.events.words import Settlement
from tests.benchmarks.ground import Ground, Site, Spent, service
from tests.benchmarks.results import Figure, Results, rates
from tests.benchmarks.routing import warm_up
from tests.benchmarks.scale import Scale
from tests.benchmarks.texts import case_ids, requests

_SEED_AT_ONCE = 100_000
# UUIDv7 of one case for each 10 ms until an hour ago, with random bits from the number of the case.
_IDS = """
    CREATE TEMP TABLE seeded AS SELECT nth, (
        lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - 3600000 - 10 * ($2::bigint - nth)), 12, '0')
        || '7' || lpad(to_hex(nth % 4096), 3, '0') || '8' || substr(md5(nth::text), 1, 15)
    )::uuid AS case_id FROM generate_series($1::bigint, $1::bigint + $3::bigint - 1) AS nth
"""
_CASES = """
    INSERT INTO cases (case_id, version, wake_at, state, status, unit, officer)
    SELECT case_id, 5, NULL, $1::text::jsonb || jsonb_build_object('number', 'seed-' || nth), $2, $3, $4
    FROM seeded ORDER BY nth
"""
_CURSORS = "INSERT INTO cursors (case_id, source, sequence) SELECT case_id, '/minsheng/intake', 1 FROM seeded"


def _resolved() -> Case:
    """A case as it lies in the database once its officer has resolved it."""
    (request,) = requests(1, 7)
    now = datetime.now(UTC)
    bureau = load_bureau(DEFAULT_ORGANISATION)
    case = receive(None, request, Moment(next(case_ids()), now), bureau).state
    assert case is not None
    return case.model_copy(
        update={"state": CaseState.RESOLVED, "accepted_at": now, "contacted_at": now, "resolved_at": now}
    )


async def _seed(site: Site, count: int, progress: Progress) -> None:
    """Store `count` resolved cases with their cursors."""
    case = _resolved()
    task = progress.add_task(f"seeding {count:,} cases", total=count)
    async with site.connection() as connection:
        for first in range(0, count, _SEED_AT_ONCE):
            part = min(_SEED_AT_ONCE, count - first)
            await _seed_part(connection, case, first, count, part)
            progress.advance(task, part)
        for table in ("cases", "cursors"):
            await connection.execute(f"VACUUM (ANALYZE) {table}")
        await connection.execute("CHECKPOINT")
    progress.remove_task(task)


async def _seed_part(connection: asyncpg.Connection, case: Case, first: int, count: int, part: int) -> None:
    await connection.execute(_IDS.replace("$1", str(first)).replace("$2", str(count)).replace("$3", str(part)))
    await connection.execute(_CASES, case.model_dump_json(), case.state.value, case.unit, case.officer)
    await connection.execute(_CURSORS)
    await connection.execute("DROP TABLE seeded")


class _Stored:
    """The seeded cases, and what follow-up tells of each next: dissatisfied, settled, dissatisfied again, …"""

    def __init__(self, site: Site, ids: list[UUID], chance: random.Random) -> None:
        self._site = site
        self._ids = ids
        self._chance = chance
        self._told: dict[UUID, int] = {}
        self._order = self._endless()

    @classmethod
    async def of(cls, site: Site) -> _Stored:
        """Those of the site's database."""
        async with site.connection() as connection:
            rows = await connection.fetch("SELECT case_id FROM cases WHERE status = 'resolved'")
        return cls(site, [row[0] for row in rows], random.Random(11))

    def _endless(self) -> Iterator[UUID]:
        while True:
            self._chance.shuffle(self._ids)
            yield from self._ids

    def next(self, count: int) -> list[tuple[UUID, int, Event]]:
        """The next events of `count` random cases; each of them makes routing tell one event."""
        return [self._next(case_id) for case_id in islice(self._order, count)]

    def _next(self, case_id: UUID) -> tuple[UUID, int, Event]:
        told = self._told.get(case_id, 0)
        self._told[case_id] = told + 1
        unit, now = "linjiang-branch", datetime.now(UTC)
        event: Event
        if told % 2 == 0:
            event = RectificationOpened(round=told // 2 + 1, unit=unit, opened_at=now)
        else:
            event = CaseSettled(rounds=told // 2 + 1, unit=unit, settled_at=now, settlement=Settlement.SATISFIED)
        return case_id, told + 1, event


async def measure(ground: Ground, scale: Scale, results: Results, progress: Progress) -> None:
    """Fill in `cost_1m_vs_1k`."""
    few, many = scale.stored
    half = scale.growth_events // 2
    spent: dict[int, list[Spent]] = {few: [], many: []}
    async with ground.site("few-cases") as small, ground.site("many-cases") as large:
        sites = {few: small, many: large}
        stored: dict[int, _Stored] = {}
        for count, site in sites.items():
            await _seed(site, count, progress)
            stored[count] = await _Stored.of(site)
            site.start(service("routing"))
            await warm_up(site, scale.warm_up)
            site.freeze()
        task = progress.add_task("cost of an event", total=2 * scale.rounds)
        for nth in range(scale.rounds):
            for count in (few, many) if nth % 2 == 0 else (many, few):
                site = sites[count]
                ids = case_ids()
                new: list[tuple[UUID, int, Event]] = [(next(ids), 1, event) for event in requests(half, 500 + nth)]
                records = site.records(new) + site.records(stored[count].next(half), source="followup")
                spent[count].append(await site.measure(records, 2 * half + half))
                site.freeze()
                progress.advance(task)
    results.raw["growth_events_per_second"] = {
        str(count): rates(2 * half, [one.seconds for one in each]) for count, each in spent.items()
    }
    middle = {count: statistics.median(one.seconds for one in each) for count, each in spent.items()}
    results.add(
        Figure(
            "cost_1m_vs_1k",
            f"an event with {many:,} cases stored / with {few:,}",
            middle[many] / middle[few],
            1.2,
            lower_is_better=True,
            note=f"{middle[many] / half / 2 * 1e6:,.0f} / {middle[few] / half / 2 * 1e6:,.0f} µs",
        )
    )
