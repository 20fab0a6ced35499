"""Events of whole cases, as intake, routing and follow-up emit them, for tests of what reads all three."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from shared.events import case, followup, request
from shared.events.base import Event
from shared.events.words import ContactMethod, Grade, RequestKind, Satisfaction, Settlement

SOURCES = {"requests": "/minsheng/intake", "cases": "/minsheng/routing", "followups": "/minsheng/followup"}
RECEIVED_AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
DAY = "2026-03-02"
CITIZENS_WORDS = "楼下烧烤摊半夜还在吵，请管一管"


@dataclass(frozen=True, slots=True)
class Story:
    """One case from its request to its end. `unit` None stops after the opening."""

    case_id: UUID
    family: str = "wechat"
    district: str = "dong-hu"
    unit: str | None = "traffic"
    category: str = "noise"
    in_time: bool = True
    level: Satisfaction | None = Satisfaction.SATISFIED
    at: datetime = RECEIVED_AT

    def requests(self) -> list[Event]:
        """What intake says."""
        return [
            request.RequestReceived(
                number="26030200000018",
                channel=f"{self.family}-0001",
                family=self.family,
                channel_request_id=str(self.case_id),
                received_at=self.at,
                submitted_at=self.at,
                body=CITIZENS_WORDS,
                requester="v1.k1.c2VhbGVk",
                pseudonym="5f0f2a526d0e5c0a9a572f6b1c7f5d11",
            )
        ]

    def cases(self) -> list[Event]:
        """What routing says."""
        opened = case.CaseOpened(
            number="26030200000018",
            channel=f"{self.family}-0001",
            family=self.family,
            received_at=self.at,
            kind=RequestKind.COMPLAINT,
            category=self.category,
            district=self.district,
            grade=Grade.ORDINARY,
        )
        if self.unit is None:
            return [opened]
        due = self.at + timedelta(days=5)
        events: list[Event] = [
            opened,
            case.CaseAssigned(unit=self.unit, officer="o-1", contact_due=due, due=due),
            case.CaseAccepted(officer="o-1", accepted_at=self.at),
            case.CitizenContacted(officer="o-1", contacted_at=self.at, method=ContactMethod.PHONE),
            case.CaseResolved(
                round=1,
                unit=self.unit,
                officer="o-1",
                resolved_at=self.at,
                in_time=self.in_time,
                result="已劝离并约谈摊主",
                number="26030200000018",
            ),
        ]
        if self.level is not None and self.level.is_satisfied:
            events.append(case.CaseClosed(unit=self.unit, closed_at=self.at, settlement=Settlement.SATISFIED))
        return events

    def followups(self) -> list[Event]:
        """What follow-up says."""
        if self.unit is None:
            return []
        events: list[Event] = [
            followup.SurveyRequested(round=1, unit=self.unit, medium="sms", answer_by=self.at + timedelta(days=3)),
            followup.SurveySent(round=1, sent_at=self.at, message_id="m-1"),
            followup.SurveyDelivered(round=1, delivered_at=self.at),
        ]
        if self.level is not None:
            events.append(
                followup.SurveyAnswered(
                    round=1, unit=self.unit, answered_at=self.at, level=self.level, medium="sms", comment=CITIZENS_WORDS
                )
            )
            if self.level.is_satisfied:
                events.append(
                    followup.CaseSettled(rounds=1, unit=self.unit, settled_at=self.at, settlement=Settlement.SATISFIED)
                )
        return events

    def told(self) -> Iterator[tuple[str, UUID, int, Event]]:
        """Everything as (topic, case, sequence, event), a source after the other."""
        for topic, events in (
            ("requests", self.requests()),
            ("cases", self.cases()),
            ("followups", self.followups()),
        ):
            for sequence, event in enumerate(events, start=1):
                yield topic, self.case_id, sequence, event


def stories(number: int) -> list[Story]:
    """Different cases: families, districts, units, levels and being in time vary out of step."""
    families, districts, units = (
        ("wechat", "website", "hotline-12345"),
        ("dong-hu", "xi-shan"),
        ("traffic", "household"),
    )
    levels = (*Satisfaction, None)
    return [
        Story(
            uuid4(),
            family=families[nth % 3],
            district=districts[nth // 3 % 2],
            unit=None if nth % 11 == 0 else units[nth // 2 % 2],
            in_time=nth % 5 != 0,
            level=levels[nth % 6],
            at=RECEIVED_AT + timedelta(hours=nth % 30),
        )
        for nth in range(number)
    ]
