"""The stream of requests that the city sends: the same for the same seed, start and plan."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from services.simulator.domain.arrivals import Burst, BurstPlan, Rhythm, arrivals
from services.simulator.domain.city import City, District, Family
from services.simulator.domain.matters import Matter, Script
from services.simulator.domain.people import Person, person
from services.simulator.domain.randomness import Weighted, around, digest, split
from services.simulator.domain.writing import Scene, Writer
from shared.events.words import RequestKind

_MEMORY = 2_000
"""How many of the latest requests can be repeated."""
_SLOW_FAMILIES = {"letters-visits": 3 * 86_400.0, "proposals": 10 * 86_400.0, "media-hotline": 7_200.0}
"""Median seconds from writing to arriving, in families where a desk lies between."""
_FORM_FAMILIES = frozenset({"open311", "mobile-app", "website"})
"""Families whose forms ask for kind, category or district."""
_LOCATED_FAMILIES = frozenset({"open311", "mobile-app", "wechat"})
_ANONYMOUS = 0.08
_URGENT = 0.008


class Origin(StrEnum):
    """Why a request is sent."""

    NEW = "new"
    REPEAT = "repeat"
    """The same citizen brings the same matter again, in other words."""
    REPOST = "repost"
    """The channel's adapter sends the very same request again, as after an answer that got lost."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes a stream what it is. `start` is when it begins, with a time zone; `rate` is per second."""

    seed: int
    start: datetime
    rate: float
    repeats: float = 0.2
    reposts: float = 0.3
    """Share of the repeats that are exact re-posts."""
    rhythm: Rhythm = field(default_factory=Rhythm)
    bursts: BurstPlan = field(default_factory=BurstPlan)
    population: int = 200_000


@dataclass(frozen=True, slots=True)
class Posting:
    """One request to send: `at` seconds after the start, to intake, as `payload`."""

    at: float
    number: int
    origin: Origin
    payload: dict[str, Any]
    urgent: bool
    repeats: int | None = None
    """The number of the posting that it repeats."""

    @property
    def channel(self) -> str:
        """The channel it comes from."""
        return str(self.payload["channel"])

    @property
    def channel_request_id(self) -> str:
        """The channel's own id of it."""
        return str(self.payload["channel_request_id"])


@dataclass(frozen=True, slots=True)
class _Concern:
    """What a citizen has to say; it may be said several times."""

    scene: Scene
    citizen: Person | None
    kind: RequestKind
    urgent: bool


@dataclass(frozen=True, slots=True)
class _Told:
    """A concern as it was sent, and through which family: to be sent again."""

    posting: Posting
    concern: _Concern
    family: Family


class RequestStream:
    """The requests of a city, one after the other. Iterating twice gives the same twice."""

    def __init__(self, plan: Plan, city: City, script: Script) -> None:
        self._plan = plan
        self._city = city
        self._script = script
        self._writer = Writer(script.phrases)
        self._families = Weighted([(family, family.weight) for family in city.families])
        self._matters = Weighted([(matter, matter.weight) for matter in script.matters])
        self._zone = ZoneInfo(city.timezone)
        # The start is in the ids: the same seed can run again tomorrow against the same deployment.
        self._run = f"{digest(plan.seed, 'run', plan.start.isoformat()) & 0xFFFFFFFF:08x}"

    def __iter__(self) -> Iterator[Posting]:
        """The postings in order of time, without end."""
        plan = self._plan
        rng = split(plan.seed, "requests")
        recent: deque[_Told] = deque(maxlen=_MEMORY)
        start = plan.start.astimezone(self._zone)
        for number, arrival in enumerate(arrivals(plan.seed, start, plan.rate, plan.rhythm, plan.bursts)):
            if recent and rng.random() < plan.repeats:
                before = rng.choice(recent)
                repeated = before.posting.number
                if rng.random() < plan.reposts:
                    yield replace(before.posting, at=arrival.at, number=number, origin=Origin.REPOST, repeats=repeated)
                    continue
                if rng.random() < 0.5:
                    family, channel = before.family, before.posting.channel
                else:
                    family, channel = self._any_channel(rng)
                concern = before.concern
                payload = self._payload(rng, concern, family, channel, number, arrival.at)
                posting = Posting(arrival.at, number, Origin.REPEAT, payload, concern.urgent, repeated)
            else:
                concern = self._concern(rng, arrival.burst)
                family, channel = self._any_channel(rng)
                payload = self._payload(rng, concern, family, channel, number, arrival.at)
                posting = Posting(arrival.at, number, Origin.NEW, payload, concern.urgent)
            recent.append(_Told(posting, concern, family))
            yield posting

    def _any_channel(self, rng: random.Random) -> tuple[Family, str]:
        family = self._families.choose(rng)
        return family, rng.choice(family.channels)

    def _concern(self, rng: random.Random, burst: Burst | None) -> _Concern:
        urgent = burst is None and rng.random() < _URGENT
        if burst is not None:
            matter, district = self._burst_theme(burst)
        else:
            matter = rng.choice(self._script.urgent) if urgent else self._matters.choose(rng)
            district = rng.choice(self._city.districts)
        scene = self._writer.scene(rng, matter, district)
        citizen = None
        if rng.random() >= _ANONYMOUS:
            citizen = person(self._plan.seed, rng.randrange(self._plan.population))
        return _Concern(scene, citizen, Weighted(list(matter.kinds.items())).choose(rng), urgent)

    def _burst_theme(self, burst: Burst) -> tuple[Matter, District]:
        rng = split(self._plan.seed, "burst", burst.number)
        return self._matters.choose(rng), rng.choice(self._city.districts)

    def _payload(
        self, rng: random.Random, concern: _Concern, family: Family, channel: str, number: int, at: float
    ) -> dict[str, Any]:
        """A concern as its citizen words it this time, and as the channel passes it on."""
        scene, citizen = concern.scene, concern.citizen
        text = self._writer.text(rng, scene, citizen)
        payload: dict[str, Any] = {
            "channel": channel,
            "channel_request_id": f"{self._run}-{number:08d}",
            "body": text.body,
        }
        if rng.random() < 0.85:
            payload["subject"] = text.subject
        if rng.random() < 0.35:
            payload["place"] = scene.place
        if family.code in _FORM_FAMILIES:
            self._fill_form(rng, payload, scene, concern.kind)
        if family.code in _LOCATED_FAMILIES and scene.district.area is not None and rng.random() < 0.6:
            payload["location"] = _point(rng, scene.district.area)
        submitted = self._submitted(rng, family, at)
        if submitted is not None:
            payload["submitted_at"] = submitted
        if citizen is not None:
            payload["requester"] = _requester(rng, citizen, concern.kind)
        return payload

    def _fill_form(self, rng: random.Random, payload: dict[str, Any], scene: Scene, kind: RequestKind) -> None:
        if rng.random() < 0.9:
            payload["kind"] = kind.value
        if scene.matter.category in self._city.categories and rng.random() < 0.5:
            payload["category"] = scene.matter.category
        if rng.random() < 0.7:
            payload["district"] = scene.district.code

    def _submitted(self, rng: random.Random, family: Family, at: float) -> str | None:
        """When the citizen wrote it. Left out where the channel passes requests on at once."""
        median = _SLOW_FAMILIES.get(family.code)
        if median is None:
            return None
        written = self._plan.start + timedelta(seconds=at - around(rng, median))
        return written.astimezone(self._zone).isoformat(timespec="seconds")


def _point(rng: random.Random, area: tuple[float, float, float, float]) -> dict[str, float | str]:
    south, west, north, east = area
    latitude, longitude = round(rng.uniform(south, north), 6), round(rng.uniform(west, east), 6)
    return {"latitude": latitude, "longitude": longitude, "datum": "wgs84"}


def _requester(rng: random.Random, citizen: Person, kind: RequestKind) -> dict[str, str]:
    """What the citizen tells of themself, in the spellings that forms receive."""
    chance = rng.random()
    phone = citizen.phone
    if chance < 0.08:
        phone = f"{phone[:3]} {phone[3:7]} {phone[7:]}"
    elif chance < 0.14:
        phone = citizen.e164
    elif chance < 0.18:
        phone = f"+86-{phone[:3]}-{phone[3:7]}-{phone[7:]}"
    elif chance < 0.22:
        phone = phone.translate({0x30 + n: 0xFF10 + n for n in range(10)})
    told = {"phone": phone}
    if rng.random() < 0.9:
        told["name"] = citizen.name
    if kind is RequestKind.SERVICE and rng.random() < 0.6:
        told["identity"] = citizen.identity
    return told
