"""Public events as people read them: when, through which channel, about what, and what happened."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from services.console.domain.language import Language
from shared.events.words import Satisfaction, Settlement

REMEMBERED_CASES = 2_000

_HAPPENED: Mapping[str, tuple[str, str]] = {
    "minsheng.request.received.v1": ("收到诉求", "Request received"),
    "minsheng.request.flagged.v1": ("标记为紧急", "Flagged urgent"),
    "minsheng.request.urgency-judged.v1": ("紧急标记已核定", "Urgency judged"),
    "minsheng.case.opened.v1": ("生成工单", "Case opened"),
    "minsheng.case.assigned.v1": ("派单", "Assigned"),
    "minsheng.case.accepted.v1": ("民警接单", "Accepted"),
    "minsheng.case.contacted.v1": ("已联系群众", "Citizen contacted"),
    "minsheng.case.resolved.v1": ("办结", "Resolved"),
    "minsheng.case.reopened.v1": ("重新办理", "Reopened"),
    "minsheng.case.overdue.v1": ("超期", "Overdue"),
    "minsheng.case.urgency-changed.v1": ("紧急程度变更", "Urgency changed"),
    "minsheng.case.closed.v1": ("结案", "Closed"),
    "minsheng.survey.requested.v1": ("发起回访", "Survey begun"),
    "minsheng.survey.sent.v1": ("回访已发出", "Survey sent"),
    "minsheng.survey.delivered.v1": ("回访已送达", "Survey delivered"),
    "minsheng.survey.undeliverable.v1": ("回访无法送达", "Survey undeliverable"),
    "minsheng.survey.unclear.v1": ("回访答复不明，再次询问", "Reply unclear, asked again"),
    "minsheng.survey.referred.v1": ("转人工电话回访", "Phone desk asks"),
    "minsheng.survey.opted-out.v1": ("群众退订短信", "Citizen opted out"),
    "minsheng.survey.referral-ended.v1": ("人工电话回访结束", "Phone desk ended"),
    "minsheng.survey.answered.v1": ("回访答复", "Survey answered"),
    "minsheng.rectification.opened.v1": ("要求整改", "Rectification owed"),
    "minsheng.rectification.understood.v1": ("群众表示理解", "Citizen understood"),
    "minsheng.case.settled.v1": ("回访结束", "Follow-up ended"),
    "minsheng.insight.day-counted.v1": ("日统计更新", "Day counted"),
}

_BAD = frozenset(
    {
        "minsheng.request.flagged.v1",
        "minsheng.case.overdue.v1",
        "minsheng.case.reopened.v1",
        "minsheng.survey.undeliverable.v1",
        "minsheng.rectification.opened.v1",
    }
)
_GOOD = frozenset({"minsheng.case.resolved.v1", "minsheng.case.closed.v1", "minsheng.rectification.understood.v1"})
_ABOUT = ("family", "kind", "category", "district", "unit", "urgent")


class Happening(BaseModel):
    """A public event, as far as the page tells it. Fields that its event doesn't carry are None."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str
    time: AwareDatetime
    case_id: str
    family: str | None = None
    kind: str | None = None
    category: str | None = None
    district: str | None = None
    unit: str | None = None
    urgent: bool | None = None
    level: str | None = None
    settlement: str | None = None
    in_time: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_its_data(cls, given: Any) -> Any:
        # `data` holds the event's own public fields, beside it is what its case was like when it came.
        if isinstance(given, dict) and isinstance(given.get("data"), dict):
            return {**given["data"], **{name: value for name, value in given.items() if value is not None}}
        return given

    def told(self, language: Language) -> str:
        """What happened, in a few words."""
        chinese, english = _HAPPENED.get(self.type, (self.type, self.type))
        text = chinese if language is Language.CHINESE else english
        detail = self._detail(language)
        return f"{text}{'：' if language is Language.CHINESE else ': '}{detail}" if detail else text

    @property
    def tone(self) -> str:
        """How the page colours it: `good`, `bad` or `plain`."""
        if self.type == "minsheng.survey.answered.v1" and self.level in set(Satisfaction):
            return "good" if Satisfaction(self.level).is_satisfied else "bad"
        if self.type in _BAD or self.in_time is False:
            return "bad"
        return "good" if self.type in _GOOD else "plain"

    def _detail(self, language: Language) -> str | None:
        chinese = language is Language.CHINESE
        if self.level in set(Satisfaction):
            return Satisfaction(self.level).chinese if chinese else self.level.replace("-", " ")
        if self.settlement in set(Settlement):
            return Settlement(self.settlement).chinese if chinese else self.settlement
        return None


class Dossiers:
    """What is known of recent cases, so that an event which names only its unit can still say what it is about."""

    def __init__(self, limit: int = REMEMBERED_CASES) -> None:
        self._limit = limit
        self._known: OrderedDict[str, dict[str, object]] = OrderedDict()

    def complete(self, happenings: Iterable[Happening]) -> tuple[Happening, ...]:
        """The same events, with what other events of their cases said; an event's own fields win."""
        listed = tuple(happenings)
        for one in sorted(listed, key=lambda happening: happening.time):
            about = self._known.setdefault(one.case_id, {})
            about.update({name: value for name in _ABOUT if (value := getattr(one, name)) is not None})
            self._known.move_to_end(one.case_id)
        completed = tuple(
            one.model_copy(
                update={name: value for name, value in self._known[one.case_id].items() if getattr(one, name) is None}
            )
            for one in listed
        )
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
        return completed
