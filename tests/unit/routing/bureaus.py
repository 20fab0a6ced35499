"""A small bureau for tests. Its calendar is easy to reckon with: Monday to Friday, 09:00 to 17:00 UTC, no holidays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.routing.domain.organisation import Area, Bureau, Deadline, Deadlines, District, Unit
from services.routing.domain.taxonomy import Category, Taxonomy
from shared.events.request import RequestReceived
from shared.events.words import Grade, RequestKind
from shared.worktime import WorkingCalendar, week_of

CASE = UUID("01930a5e-7a3c-7000-8000-0000000000a1")
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = 480

CALENDAR = WorkingCalendar("UTC", week_of({"mon-fri": ["09:00-17:00"]}))
DISTRICTS = (
    District("east", "东区", ("东区", "东门街"), Area(10, 20, 11, 21)),
    District("west", "西区", ("西区", "西门街"), Area(10, 19, 11, 20)),
    District("all", "全市", ("全市", "平安市")),
)
CATEGORIES = (
    Category("noise", "噪音", strong=("扰民",), words=("太吵", "噪音")),
    Category("card", "身份证", strong=("身份证", "临时身份证")),
    Category("other", "其他", words=("物业费",)),
)


def unit(code: str, district: str | None, categories: Sequence[str], *officers: str, default: bool = False) -> Unit:
    """A unit with the tests' calendar."""
    return Unit(code, code, district, tuple(categories), officers, CALENDAR, default)


UNITS = (
    unit("centre", None, ["other"], "c1", "c2", default=True),
    unit("cards", None, ["card"]),
    unit("east-branch", "east", ["noise"], "e1", "e2", "e3", default=True),
)
TAXONOMY = Taxonomy(
    CATEGORIES,
    default_category="other",
    kinds={RequestKind.COMPLAINT: ["投诉"], RequestKind.ENQUIRY: ["请问", "咨询"]},
    default_kind=RequestKind.HELP,
    major=["贩毒", "持刀"],
    district_names={name: district.code for district in DISTRICTS for name in district.names},
    ignored=["噪音计"],
)
DEADLINES = Deadlines(
    by_grade={
        Grade.ORDINARY: Deadline(DAY, 5 * DAY),
        Grade.MAJOR: Deadline(DAY // 2, 7 * DAY),
        Grade.COMPLEX: Deadline(DAY, 15 * DAY),
    },
    urgent=Deadline(60, 2 * DAY),
    rectification=3 * DAY,
)


def bureau(units: Sequence[Unit] = UNITS) -> Bureau:
    """The tests' bureau."""
    return Bureau(
        name="平安市",
        districts=DISTRICTS,
        fallback_district="all",
        units=units,
        deadlines=DEADLINES,
        taxonomy=TAXONOMY,
    )


BUREAU = bureau()


def request(body: str = "东门街每晚唱歌扰民", **changed: Any) -> RequestReceived:
    """A request that falls to the eastern branch unless `changed` says otherwise."""
    fields: dict[str, Any] = {
        "number": "2603020000017",
        "channel": "wechat-0001",
        "family": "wechat",
        "channel_request_id": "r1",
        "received_at": MONDAY,
        "submitted_at": MONDAY,
        "body": body,
        "requester": "v1.k1.sealed",
        "pseudonym": "p1",
    }
    return RequestReceived(**(fields | changed))
