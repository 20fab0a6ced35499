"""What follow-up emits on `minsheng.followups`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.events.base import Event, Public
from shared.events.words import OfficerId, Satisfaction, Settlement, UnitCode


class FollowupEvent(Event, topic="followups"):
    """An event in asking the citizen afterwards, emitted by follow-up."""


SurveyMedium = Literal["sms", "phone", "wechat", "weibo"]


class SurveyRequested(FollowupEvent, type="minsheng.survey.requested.v1"):
    """A counted round of asking began. By `sms`, the message is on its way to the gateway; else a person asks."""

    round: Public[int]
    unit: Public[UnitCode]
    medium: Public[SurveyMedium]
    answer_by: Public[datetime]


class SurveySent(FollowupEvent, type="minsheng.survey.sent.v1"):
    """The carrier took the message; the citizen has until `answer_by`, which counts from here."""

    round: Public[int]
    sent_at: Public[datetime]
    message_id: str
    answer_by: Public[datetime | None] = None


class SurveyDelivered(FollowupEvent, type="minsheng.survey.delivered.v1"):
    """The carrier's receipt says that the message reached the citizen's device."""

    round: Public[int]
    delivered_at: Public[datetime]


class SurveyUndeliverable(FollowupEvent, type="minsheng.survey.undeliverable.v1"):
    """No message can reach the citizen; `reason` is a code of ours or, in our spelling, the carrier's.

    The phone desk tries until `call_by`; without one the case waits there until somebody has found a way.
    """

    round: Public[int]
    failed_at: Public[datetime]
    reason: Public[str]
    call_by: Public[datetime | None] = None


class SurveyUnclear(FollowupEvent, type="minsheng.survey.unclear.v1"):
    """A reply could not be understood, so that the citizen is asked once more; after a settlement until `answer_by`.

    The words of the reply stay sealed with follow-up.
    """

    round: Public[int]
    unit: Public[UnitCode]
    replied_at: Public[datetime]
    answer_by: Public[datetime | None] = None


class SurveyReferred(FollowupEvent, type="minsheng.survey.referred.v1"):
    """No message can bring the answer: a person of the phone desk asks, until `call_by`.

    `reason`: `unclear-again` (so was the reply to the question), `unclear-only` (the time to answer ended with unclear
    replies alone), `opted-out` (the citizen wants no messages).
    """

    round: Public[int]
    unit: Public[UnitCode]
    referred_at: Public[datetime]
    reason: Public[str]
    call_by: Public[datetime]


class SurveyOptedOut(FollowupEvent, type="minsheng.survey.opted-out.v1"):
    """The citizen wants no more messages about this case."""

    round: Public[int]
    opted_out_at: Public[datetime]


class ReferralEnded(FollowupEvent, type="minsheng.survey.referral-ended.v1"):
    """What was written after a settlement was for the phone desk, and brought no answer: the settlement stands.

    `recorded_by` is who gave up; nobody where the time was over.
    """

    round: Public[int]
    ended_at: Public[datetime]
    recorded_by: OfficerId | None = None


class SurveyAnswered(FollowupEvent, type="minsheng.survey.answered.v1"):
    """The citizen answered. `comment` is their own words and stays in the bureau, as does who recorded a spoken one."""

    round: Public[int]
    unit: Public[UnitCode]
    answered_at: Public[datetime]
    level: Public[Satisfaction]
    medium: Public[SurveyMedium]
    comment: str | None = None
    recorded_by: OfficerId | None = None


class RectificationOpened(FollowupEvent, type="minsheng.rectification.opened.v1"):
    """A dissatisfied answer: the unit owes a rectification; `round` is the survey that found it."""

    round: Public[int]
    unit: Public[UnitCode]
    opened_at: Public[datetime]


class UnderstandingRecorded(FollowupEvent, type="minsheng.rectification.understood.v1"):
    """The matter could not be changed, was explained, and the citizen understood. `note` stays in the bureau."""

    round: Public[int]
    recorded_at: Public[datetime]
    recorded_by: OfficerId
    visit: Public[bool]
    note: str | None = None


class CaseSettled(FollowupEvent, type="minsheng.case.settled.v1"):
    """Follow-up ended. `recorded_by` is who of the phone desk gave up reaching the citizen."""

    rounds: Public[int]
    unit: Public[UnitCode]
    settled_at: Public[datetime]
    settlement: Public[Settlement]
    recorded_by: OfficerId | None = None
