from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from services.routing.domain.organisation import OrganisationError
from services.routing.organisation import load_bureau, parse_bureau
from services.routing.settings import DEFAULT_ORGANISATION

TEXT = """\
city: {code: town, name: 平安市, timezone: Asia/Shanghai}
districts:
  - {code: east, name: 东区, aliases: [东门街], area: [10, 20, 11, 21]}
  - {code: all, name: 全市, fallback: true}
calendars:
  - {code: office, holidays: china, days: {mon-fri: ["09:00-12:00", "14:00-17:00"]}}
  - {code: duty, holidays: none, days: {mon-sun: ["00:00-24:00"]}}
announced: {2031: {holidays: [2031-03-05]}}
deadlines:
  ordinary: {contact: 60, resolution: 120}
  major: {contact: 60, resolution: 120}
  complex: {contact: 60, resolution: 120}
  urgent: {contact: 30, resolution: 60}
  rectification: 90
units:
  - {code: centre, name: 中心, default: true, calendar: office, categories: [other], officers: [c1, c2]}
  - {code: station, name: 派出所, district: east, calendar: duty, categories: [noise], officers: [s1]}
categories:
  - {code: noise, name: 噪音, strong: [扰民]}
  - {code: other, name: 其他, default: true}
kinds:
  default: help
  words: {complaint: [投诉]}
"""


def line_of(part: str) -> int:
    return next(n for n, line in enumerate(TEXT.splitlines(), start=1) if part in line)


def test_reads_a_bureau() -> None:
    bureau = parse_bureau(TEXT)
    assert bureau.name == "平安市"
    assert bureau.fallback_district == "all"
    assert bureau.units["station"].officers == ("s1",)
    assert bureau.deadlines.urgent.contact == 30


def test_calendars_take_holidays_into_account_where_they_say_so() -> None:
    bureau = parse_bureau(TEXT)
    china = ZoneInfo("Asia/Shanghai")
    night = datetime(2025, 1, 28, 2, 0, tzinfo=china)
    # New Year's Eve of 2025 to 4 February were free, Saturday 8 February was worked.
    assert bureau.units["centre"].calendar.add(night, 60) == datetime(2025, 2, 5, 10, 0, tzinfo=china).astimezone(UTC)
    assert bureau.units["station"].calendar.add(night, 60) == datetime(2025, 1, 28, 3, 0, tzinfo=china).astimezone(UTC)


def test_a_year_that_is_announced_later_can_be_added() -> None:
    wednesday = datetime(2031, 3, 5, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    calendar = parse_bureau(TEXT).units["centre"].calendar
    assert not calendar.is_working(wednesday)
    assert parse_bureau(TEXT.replace("2031-03-05", "2031-03-06")).units["centre"].calendar.is_working(wednesday)


@pytest.mark.parametrize(
    ("right", "wrong", "line", "told"),
    [
        ("calendar: duty", "calendar: night", "calendar: duty", "no calendar 'night'; there are duty, office"),
        ("district: east", "district: south", "district: east", "no district 'south'; there are all, east"),
        ("categories: [noise]", "categories: [noize]", "[noise]", "no category 'noize'"),
        ("code: station", "code: centre", "code: station", "'centre' is there already"),
        ("officers: [s1]", "officers: [c1]", "officers: [s1]", "'c1' is there already"),
        ("aliases: [东门街]", "aliases: [全市]", "fallback", "'全市' is there already"),
        ("aliases: [东门街]", "aliases: [全\u3000市]", "fallback", "'全市' is there already"),
        ("[10, 20, 11, 21]", "[11, 20, 10, 21]", "aliases", "south, west, north, east"),
        ("09:00-12:00", "9-12", "holidays: china", "'9-12' is not a span"),
        ("Asia/Shanghai", "Asia/Nowhere", "timezone", "no time zone 'Asia/Nowhere'"),
        ("rectification: 90", "rectification: 0", "rectification", "greater than or equal to 1"),
        ("strong: [扰民]", "strong: [吵]", "扰民", "at least 2 characters"),
        ("strong: [扰民]", 'strong: ["吵\\u200b"]', "扰民", "at least 2 visible characters"),
        ("name: 派出所, ", "name: 派出所, tel: 1, ", "派出所", "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_told_with_its_line(right: str, wrong: str, line: str, told: str) -> None:
    with pytest.raises(OrganisationError) as raised:
        parse_bureau(TEXT.replace(right, wrong), "town.yaml")
    assert f"town.yaml, line {line_of(line)} " in str(raised.value)
    assert told in str(raised.value)


def test_all_mistakes_are_told_at_once() -> None:
    broken = TEXT.replace("calendar: duty", "calendar: night").replace("[noise]", "[noize]")
    with pytest.raises(OrganisationError) as raised:
        parse_bureau(broken)
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (", fallback: true", "", "exactly one of the districts needs `fallback: true`, here none"),
        ("strong: [扰民]", "default: true", "here noise, other"),
        ("default: true, calendar", "calendar", "Give one unit without a district `default: true`"),
        ("city: {", "city: [", "line 1"),
    ],
)
def test_what_does_not_fit_together_is_told(right: str, wrong: str, told: str) -> None:
    with pytest.raises(OrganisationError, match=r"organisation\.yaml") as raised:
        parse_bureau(TEXT.replace(right, wrong))
    assert told in str(raised.value)


def test_a_file_that_is_something_else_is_told() -> None:
    with pytest.raises(OrganisationError, match="needs the parts city, districts"):
        parse_bureau("- one\n- two\n")


def test_a_missing_file_is_told_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(OrganisationError, match="MINSHENG_ORGANISATION_FILE"):
        load_bureau(tmp_path / "none.yaml")


def test_in_the_deployed_organisation_every_district_and_category_has_a_unit_with_officers() -> None:
    bureau = load_bureau(DEFAULT_ORGANISATION)
    written = yaml.safe_load(DEFAULT_ORGANISATION.read_text(encoding="utf-8"))
    assert len(bureau.units) == len(written["units"]) >= 20
    assert len(bureau.taxonomy.categories) >= 30
    assert all(unit.officers for unit in bureau.units.values())
    handled = {category for unit in bureau.units.values() for category in unit.categories}
    assert handled == set(bureau.taxonomy.categories)


def test_a_file_of_another_time_zone_than_the_deployments_is_refused() -> None:
    assert parse_bureau(TEXT, timezone="Asia/Shanghai")
    with pytest.raises(
        OrganisationError, match=r"line \d+ \(city\.timezone\): MINSHENG_TIMEZONE is Asia/Urumqi.*the same"
    ):
        parse_bureau(TEXT, timezone="Asia/Urumqi")


def test_office_hours_with_chinese_holidays_are_those_of_the_citys_zone() -> None:
    elsewhere = parse_bureau(TEXT.replace("Asia/Shanghai", "Asia/Urumqi"))
    assert {unit.calendar.timezone.key for unit in elsewhere.units.values()} == {"Asia/Urumqi"}
