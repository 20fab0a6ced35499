from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.console import panels
from services.console.domain.figures import Counted, Live, Minute, OpenCases, Surveyed
from services.console.domain.happenings import Happening
from services.console.domain.language import Language, knows
from services.console.domain.names import Names
from services.console.domain.platform import ServiceHealth, ServiceState
from services.console.domain.reading import DENIALS, Freshness, Reading, Trouble
from services.console.domain.snapshot import Snapshot
from services.console.panels import PARTS, Panels

NOW = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
OPENED = Happening(type="minsheng.case.opened.v1", time=NOW, case_id="c", family="wechat", kind="help", urgent=True)
TEMPLATES = Path(panels.__file__).parent / "templates"


def snapshot(age: float = 0, **changes: object) -> Snapshot:
    at = NOW - timedelta(seconds=age)
    values: dict[str, object] = {
        "families": Reading((Counted(family="wechat", received=1234, resolved=1000, in_time=999, overdue=2),), at),
        "districts": Reading((Counted(district="d1", received=1234),), at),
        "satisfaction": Reading((Surveyed(answered=2000, satisfied_count=1999),), at),
        "units": Reading((Surveyed(unit="u1", answered=3, satisfied_count=2),), at),
        "open": Reading((OpenCases(state="assigned", cases=7),), at),
        "live": Reading(Live(per_minute=(Minute(minute=NOW, requests=4),), rate_per_minute=4), at),
        "recent": Reading((OPENED,), at),
        "services": (ServiceHealth("intake", ServiceState.READY),),
        "names": Names(districts={"d1": "临江区"}, units={"u1": "临江分局"}, families={"wechat": "微信公众号"}),
    }
    return Snapshot(NOW, **(values | changes))  # type: ignore[arg-type]


def refused(trouble: Trouble) -> Snapshot:
    names = ("families", "districts", "satisfaction", "units", "open", "live", "recent")
    given: dict[str, Any] = {name: Reading[Any]().failed(trouble) for name in names}
    return snapshot(**given)


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def test_figures_are_grouped_and_shares_are_never_rounded_up_to_all() -> None:
    tiles = text(Panels().render(snapshot(), Language.CHINESE).parts["tiles"])
    assert "今日受理 1,234" in tiles
    assert "今日按时办结率 99.9% 999 / 1,000 件" in tiles
    assert "今日回访满意率 99.9% 2,000 件已答复" in tiles
    assert "办理中 7 民警应办，其中整改 0 件 等待群众 0" in tiles
    assert "超期 2 件" in tiles


def test_codes_are_shown_by_their_names() -> None:
    parts = Panels().render(snapshot(), Language.CHINESE).parts
    assert text(parts["events"]) == "09:00:30 生成工单 紧急 微信公众号·求助"
    assert text(parts["units"]) == "临江分局 66.6% 样本少 3 答复"
    assert "临江区 1,234" in text(parts["groups"])
    assert text(parts["services"]) == "平台状态 受理 正常"


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("state", Freshness)
@pytest.mark.parametrize("trouble", [*Trouble])
def test_every_part_has_something_to_say_in_every_state(language: Language, state: Freshness, trouble: Trouble) -> None:
    made = {
        Freshness.FRESH: snapshot(),
        Freshness.STALE: snapshot(age=60),
        Freshness.LOADING: Snapshot(NOW, services=(ServiceHealth("intake", ServiceState.CHECKING),)),
        Freshness.DENIED: refused(Trouble.FORBIDDEN),
        Freshness.ABSENT: Snapshot(
            NOW,
            families=Reading(trouble=trouble),
            districts=Reading(trouble=trouble),
            satisfaction=Reading(trouble=trouble),
            units=Reading(trouble=trouble),
            open=Reading(trouble=trouble),
            live=Reading(trouble=trouble),
            recent=Reading(trouble=trouble),
            services=(ServiceHealth("intake", ServiceState.NOT_READY, ("relay",)),),
        ),
    }[state]
    assert made.freshness is (Freshness.DENIED if state is Freshness.ABSENT and trouble in DENIALS else state)
    parts = Panels().render(made, language).parts
    assert set(parts) == set(PARTS)
    for name in set(PARTS) - {"banner", "minutes-over"}:
        assert text(parts[name]), name


def test_the_page_is_as_bad_as_its_worst_part() -> None:
    assert snapshot(live=Reading[Live]().failed(Trouble.FAILING)).freshness is Freshness.ABSENT
    stale = snapshot(open=Reading((OpenCases(state="assigned", cases=7),), NOW - timedelta(minutes=3)))
    assert stale.freshness is Freshness.STALE
    status = text(Panels().render(stale, Language.CHINESE).parts["status"])
    # The first words show only while the browser has lost the console.
    assert status == "连接中断 数据停滞 数据停于 08:57:30"


def test_what_a_person_may_not_see_is_called_so_and_nothing_else() -> None:
    parts = Panels().render(refused(Trouble.FORBIDDEN), Language.CHINESE).parts
    assert text(parts["status"]) == "连接中断 无权查看"
    assert text(parts["banner"]) == "您的角色无权查看此项数据，请联系管理员"
    for name in ("tiles", "states", "units", "groups", "events", "minutes-over"):
        assert "无权查看" in text(parts[name])
    assert not any(word in html for word in ("数据停滞", "暂时没有数据", "数据停于") for html in parts.values())


def test_one_refusal_among_answers_is_no_standstill() -> None:
    made = snapshot(recent=Reading[Any]().failed(Trouble.FORBIDDEN))
    assert made.freshness is Freshness.FRESH
    parts = Panels().render(made, Language.CHINESE).parts
    assert "无权查看" in text(parts["events"])
    assert "数据停于" not in text(parts["banner"])


def test_a_unit_that_the_bureau_does_not_have_is_told() -> None:
    parts = Panels().render(snapshot(unit="nix"), Language.CHINESE).parts
    assert "组织机构中没有单位“nix”" in text(parts["banner"])
    assert text(Panels().render(snapshot(unit="u1"), Language.CHINESE).parts["banner"]) == ""
    # As long as nobody has told which units there are, nothing is said of them.
    assert text(Panels().render(snapshot(unit="nix", names=Names()), Language.CHINESE).parts["banner"]) == ""


def test_figures_say_whose_they_are_and_of_which_day() -> None:
    parts = Panels().render(snapshot(unit="u1"), Language.CHINESE).parts
    assert text(parts["tiles"]).startswith("本单位：临江分局 2026年3月2日 星期一")
    assert "全局" in text(parts["minutes-head"])
    assert "全局" in text(parts["events-head"])
    assert text(Panels().render(snapshot(), Language.ENGLISH).parts["tiles"]).startswith(
        "Whole bureau Monday, 2 March 2026"
    )


def test_the_chart_claims_nothing_of_the_time_before_it_counted() -> None:
    started = Live(since=NOW - timedelta(minutes=10), per_minute=(Minute(minute=NOW, requests=0),))
    view = Panels().render(snapshot(live=Reading(started, NOW)), Language.CHINESE)
    assert "自 08:51 起统计" in text(view.parts["minutes-head"])
    assert text(view.parts["minutes-over"]) == "自 08:51 起没有新诉求"
    assert view.requests == (None,) * 50 + (0,) * 10
    whole = Live(since=NOW - timedelta(hours=2), per_minute=(Minute(minute=NOW, requests=0),))
    view = Panels().render(snapshot(live=Reading(whole, NOW)), Language.CHINESE)
    assert text(view.parts["minutes-over"]) == "近 60 分钟没有新诉求"
    assert view.requests == (0,) * 60


def test_the_chart_claims_nothing_of_the_time_after_it_was_read() -> None:
    view = Panels().render(snapshot(age=180), Language.CHINESE)
    assert view.requests[-4:] == (0, None, None, 4)
    assert view.requests[:-4] == (0,) * 56


def test_a_district_that_could_not_be_determined_is_no_total() -> None:
    names = Names(districts={"all": "全市", "d1": "临江区", "d2": "云山区"}, undetermined="all")
    counted = Reading((Counted(district="all", received=9), Counted(district="d1", received=3)), NOW)
    parts = Panels().render(snapshot(names=names, districts=counted), Language.CHINESE).parts
    assert text(parts["groups"]).startswith("临江区 3 云山区 0 未能确定辖区 9")
    assert "全市" not in parts["groups"]


def test_the_worst_unit_leads_and_the_colours_are_explained() -> None:
    units = Reading(
        (Surveyed(unit="u1", answered=100, satisfied_count=99), Surveyed(unit="u2", answered=100, satisfied_count=50)),
        NOW,
    )
    parts = Panels().render(snapshot(units=units), Language.CHINESE).parts
    assert text(parts["units"]).startswith("u2 50.0%")
    assert "由低到高；红：低于 80%，黄：低于 90%" in text(parts["units-head"])


@pytest.mark.parametrize("part", PARTS)
def test_an_english_page_is_in_english(part: str) -> None:
    names = Names(
        districts={"lin-jiang": "临江区", "all": "全市"},
        units={"traffic-police": "交通警察支队"},
        categories={"lost-property": "失物招领"},
        families={"wechat": "微信公众号"},
        undetermined="all",
    )
    event = OPENED.model_copy(
        update={"district": "lin-jiang", "unit": "traffic-police", "category": "lost-property", "level": "satisfied"}
    )
    made = snapshot(
        names=names,
        unit="traffic-police",
        districts=Reading((Counted(district="lin-jiang", received=2), Counted(district="all", received=1)), NOW),
        units=Reading((Surveyed(unit="traffic-police", answered=3, satisfied_count=2),), NOW),
        recent=Reading((event,), NOW),
    )
    html = Panels().render(made, Language.ENGLISH).parts[part]
    assert re.findall(r"[\u3000-\u9fff\uff00-\uffef]+", html) == []
    if part == "events":
        assert "WeChat · help · Lost property · Lin jiang · Traffic police" in html


def test_a_passing_failure_raises_no_alarm() -> None:
    made = snapshot(open=Reading((OpenCases(state="assigned", cases=7),), NOW).failed(Trouble.FAILING))
    assert made.trouble is None
    assert Panels().render(made, Language.CHINESE).parts["banner"] == ""


@pytest.mark.parametrize("state", ServiceState)
def test_a_service_that_is_not_well_is_named_in_the_banner(state: ServiceState) -> None:
    made = snapshot(services=(ServiceHealth("routing", state, ("relay",)),))
    parts = Panels().render(made, Language.CHINESE).parts
    well = state in (ServiceState.READY, ServiceState.CHECKING)
    assert ("分派" in text(parts["banner"])) is not well
    # The names of a service's parts are for operators, who read them in /readyz.
    assert not any("relay" in html for html in parts.values())
    assert text(parts["services"]).startswith("平台状态 分派 ")


def test_yesterdays_event_says_its_day() -> None:
    event = Happening(type="minsheng.case.opened.v1", time=NOW - timedelta(days=1), case_id="c")
    parts = Panels().render(snapshot(recent=Reading((event,), NOW)), Language.CHINESE).parts
    assert text(parts["events"]) == "03-01 09:00 生成工单 待分类"


def test_an_answer_can_not_become_markup() -> None:
    event = Happening(type="minsheng.case.opened.v1", time=NOW, case_id="c", district='"><script>x</script>')
    html = Panels().render(snapshot(recent=Reading((event,), NOW)), Language.CHINESE).parts["events"]
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_one_snapshot_is_rendered_once_for_each_language() -> None:
    renders, made = Panels(), snapshot()
    assert renders.render(made, Language.CHINESE) is renders.render(made, Language.CHINESE)
    assert renders.render(made, Language.ENGLISH) is not renders.render(made, Language.CHINESE)
    assert renders.render(snapshot(), Language.CHINESE) is not renders.render(made, Language.CHINESE)


def test_every_text_that_a_template_names_is_there() -> None:
    named = {
        key
        for template in TEMPLATES.glob("*.html")
        for key in re.findall(r"\bt\('([a-z0-9-]+)'[,)]", template.read_text(encoding="utf-8"))
    }
    assert len(named) > 30
    assert [key for key in sorted(named) if not knows(key)] == []
