"""How a request becomes durable: checked against the registry, sealed, stored in a group, answered."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from services.intake.channels.registry import Channel, ChannelRegistry
from services.intake.domain.case_id import CaseIds
from services.intake.domain.datum import to_wgs84
from services.intake.domain.fingerprint import fingerprint, is_same
from services.intake.domain.form import Point, Requester, RequestForm
from services.intake.domain.number import case_number
from services.intake.domain.remarks import Remark, remarks_on
from services.intake.screening.in_force import ScreenInForce
from services.intake.screening.screen import Finding
from services.intake.store import RequestStore, Stored, Submission
from shared.events.request import Location, RequestFlagged, RequestReceived
from shared.privacy.contact import PhoneReading
from shared.privacy.keys import KeyRing
from shared.privacy.pseudonym import pseudonym
from shared.privacy.sealing import seal
from shared.store.group_commit import GroupCommit
from shared.telemetry.tracing import carried, current_traceparent
from shared.web.auth import ChannelScope, wrong_channel
from shared.web.problems import Problem

CLOCK_TOLERANCE = timedelta(minutes=10)
"""How far a channel's clock may be ahead."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that is durable. `repeated`: it was so already, by an earlier call. `remarks`: what to tell of it."""

    case_id: UUID
    number: str
    received_at: datetime
    urgent: bool
    repeated: bool
    remarks: tuple[Remark, ...] = ()


class Acceptance:
    """Takes requests in. Safe to call from many places at once; each request becomes one case."""

    def __init__(
        self,
        store: RequestStore,
        registry: ChannelRegistry,
        *,
        sealing: KeyRing,
        pseudonyms: KeyRing,
        screen: ScreenInForce,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        capacity: int,
        largest_group: int,
    ) -> None:
        self._registry = registry
        self._sealing = sealing
        self._pseudonyms = pseudonyms
        self._screen = screen
        self._zone = zone
        self._clock = clock
        self._new_id = CaseIds(time.time_ns, secrets.randbits)
        self._group: GroupCommit[Submission, Stored] = GroupCommit(
            store.accept, capacity=capacity, largest=largest_group
        )

    async def accept(self, form: RequestForm, scope: ChannelScope) -> Accepted:
        """Return once the request is committed, or found to be already.

        Raises `Problem` for what the caller can mend, `QueueFullError` or `NotWrittenError` when the database can't.
        """
        channel = self._channel(form, scope)
        now = self._clock()
        if form.submitted_at is not None and form.submitted_at > now + CLOCK_TOLERANCE:
            raise Problem(
                422,
                "submitted-in-the-future",
                "Submitted in the future",
                "`submitted_at` is later than now. Check the channel's clock and the offset of the time.",
            )
        submission = self._submission(form, channel, now)
        stored = await self._group.submit(submission)
        repeated = stored.case_id != submission.case_id
        if repeated and not is_same(self._pseudonyms, stored.fingerprint, form):
            raise Problem(
                409,
                "request-differs",
                "Another request has this id",
                "The channel posted another content under this `channel_request_id` before; it is the case "
                "that `case_id` names. Give a new request an id of its own.",
                case_id=str(stored.case_id),
            )
        return Accepted(stored.case_id, stored.number, stored.received_at, stored.urgent, repeated, remarks_on(form))

    async def close(self) -> None:
        """Return once everything taken in is stored or refused."""
        await self._group.close()

    def _channel(self, form: RequestForm, scope: ChannelScope) -> Channel:
        channel = self._registry.get(form.channel)
        if channel is None:
            raise Problem(
                422,
                "unknown-channel",
                "Unknown channel",
                "`channel` is not in the registry of channels. Use the id that the bureau gave this channel; staff see "
                "all of them at GET /v1/channels.",
            )
        if not scope.allows(channel.id, channel.family):
            raise wrong_channel(scope, channel.id)
        return channel

    def _submission(self, form: RequestForm, channel: Channel, now: datetime) -> Submission:
        case_id = self._new_id()
        finding = self._screen.judge(form.subject, form.body)
        return Submission(
            case_id=case_id,
            channel=channel.id,
            channel_request_id=form.channel_request_id,
            fingerprint=fingerprint(self._pseudonyms, form),
            urgent=finding.urgent,
            screening=finding.version,
            received_at=now,
            traceparent=carried(current_traceparent()),
            number=partial(case_number, now.astimezone(self._zone).date()),
            event=partial(self._event, form, channel, case_id, now, finding),
            flag=partial(self._flag, now, finding) if finding.urgent else None,
        )

    def _event(
        self, form: RequestForm, channel: Channel, case_id: UUID, now: datetime, finding: Finding, number: str
    ) -> RequestReceived:
        sealed, person = self._sealed(form.requester, case_id)
        return RequestReceived(
            number=number,
            channel=channel.id,
            family=channel.family,
            channel_request_id=form.channel_request_id,
            received_at=now,
            submitted_at=form.submitted_at or now,
            kind_hint=form.kind,
            category_hint=form.category,
            district_hint=form.district,
            subject=form.subject,
            body=form.body,
            place=form.place,
            location=self._location(form.location, channel),
            requester=sealed,
            pseudonym=person,
            urgent=finding.urgent,
            screening=finding.version,
        )

    @staticmethod
    def _flag(now: datetime, finding: Finding, number: str) -> RequestFlagged:
        return RequestFlagged(
            number=number,
            flagged_at=now,
            score=round(finding.score, 4),
            rule=finding.rule,
            screening=finding.version,
        )

    def _location(self, point: Point | None, channel: Channel) -> Location | None:
        if point is None:
            return None
        datum = point.datum or self._registry.datum_of(channel)
        latitude, longitude = to_wgs84(point.latitude, point.longitude, datum)
        return Location(latitude=latitude, longitude=longitude)

    def _sealed(self, requester: Requester | None, case_id: UUID) -> tuple[str | None, str | None]:
        if requester is None:
            return None, None
        phone = requester.phone or PhoneReading(None)
        told = {
            "name": requester.name,
            "phone": phone.number,
            "extension": phone.extension,
            "unread_contact": phone.unread,
            "identity": requester.identity,
        }
        known = {name: value for name, value in told.items() if value is not None}
        if not known:
            return None, None
        # A phone number is the same on every channel, so it goes first; the prefix keeps an identity apart from it.
        contact = phone.line or (f"identity:{requester.identity.upper()}" if requester.identity else None)
        return (
            seal(self._sealing, orjson.dumps(known), case_id.bytes),
            pseudonym(self._pseudonyms, contact) if contact else None,
        )
