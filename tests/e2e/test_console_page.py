"""The live page in a real browser, at the sizes of a desk and of a phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from shared.web.auth import Role
from tests.e2e.console_city import City, busy_city
from tests.e2e.console_process import token
from tests.e2e.console_stage import SIZES, Stage, browser, staged

__all__ = ["browser"]

pytestmark = pytest.mark.browser

STALE_MS = 20_000


@pytest.fixture(scope="module")
async def theatre(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with staged(busy_city(), browser, tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture
async def stage(theatre: Stage) -> AsyncIterator[Stage]:
    theatre.city.reset(busy_city())
    theatre.errors.clear()
    yield theatre
    await theatre.servers.start_analytics()


@pytest.mark.parametrize("size", SIZES)
async def test_shows_the_city_without_errors_and_without_scrolling_sideways(stage: Stage, size: str) -> None:
    async with stage.visitor(size) as context:
        page = await stage.sign_in(context)
        await expect(page.locator(".tile.received .value")).to_have_text("1,277")
        await expect(page.locator(".tile.in-time .value")).to_have_text("96.5%")
        await expect(page.locator(".tile.satisfaction .value")).to_have_text("93.7%")
        await expect(page.locator(".tile.open .value")).to_have_text("421")
        await expect(page.locator(".tile.waiting .value")).to_have_text("388")
        await expect(page.locator(".scope")).to_contain_text("全局")
        await expect(page.locator(".districts li").last).to_contain_text("未能确定辖区")
        await expect(page.locator(".beat.live")).to_have_text("实时")
        await expect(page.locator(".services")).to_contain_text("分派 正常")
        await expect(page.locator(".chart canvas")).to_be_visible()
        units = page.locator(".rates li")
        await expect(units.first).to_contain_text("治安管理支队")
        await expect(units.last).to_have_class("few")
        await expect(units.last).to_contain_text("样本少")
        about = page.locator(".events li", has_text="回访答复：不满意").first
        await expect(about).to_contain_text("门户网站和网上警局·求助·失物招领·清溪县·清溪县局")
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        assert await page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
        for name in await page.locator(".tile .value").all():
            assert await name.evaluate("it => it.scrollWidth <= it.clientWidth + 1")
    assert stage.errors == []


async def test_follows_without_reload_and_never_goes_blank(stage: Stage) -> None:
    async with stage.visitor() as context:
        page = await stage.sign_in(context)
        await expect(page.locator(".tile.received .value")).to_have_text("1,277")
        await page.evaluate(
            """() => {
                window.sameDocument = true;
                window.blank = 0;
                const events = document.querySelector(".events.panel .body");
                events.scrollTop = 120;
                for (const part of document.querySelectorAll(".tiles, .panel .body"))
                    new MutationObserver(() => { if (!part.innerText.trim()) window.blank += 1; })
                        .observe(part, {childList: true, subtree: true, characterData: true});
            }"""
        )
        stage.city.received_extra = 1000
        stage.city.happens("case.closed", 1, settlement="satisfied")
        await expect(page.locator(".tile.received .value")).to_have_text("2,277")
        await expect(page.locator(".events li").first).to_contain_text("结案：满意")
        await expect(page.locator(".events li").first).to_contain_text("身份证")
        assert await page.evaluate("[window.sameDocument, window.blank]") == [True, 0]
        assert await page.evaluate("document.querySelector('.events.panel .body').scrollTop") == 120
    assert stage.errors == []


async def test_says_that_figures_are_stale_keeps_them_and_recovers(stage: Stage) -> None:
    async with stage.visitor() as context:
        page = await stage.sign_in(context)
        await expect(page.locator(".beat.live")).to_be_visible()
        await stage.servers.stop_analytics()
        await expect(page.locator(".services .unreachable")).to_contain_text("统计 无响应")
        await expect(page.locator(".beat.stale")).to_have_text("数据停滞", timeout=STALE_MS)
        await expect(page.locator(".banner")).to_contain_text("统计服务无响应")
        await expect(page.locator(".panel.units .mark-stale")).to_contain_text("数据停于")
        await expect(page.locator(".tile.received .value")).to_have_text("1,277")
        await stage.servers.start_analytics()
        await expect(page.locator(".beat.live")).to_be_visible(timeout=STALE_MS)
        await expect(page.locator(".banner")).to_be_empty()
    assert stage.errors == []


@pytest.mark.parametrize("size", SIZES)
async def test_is_not_blank_when_there_was_never_an_answer(stage: Stage, size: str) -> None:
    await stage.servers.stop_analytics()
    async with stage.visitor(size) as context:
        # Nobody of this unit has looked before, so there is nothing older to show.
        page = await stage.sign_in(context, token(Role.UNIT_LEAD, unit=f"unit-{size}"))
        await expect(page.locator(".placeholder.absent")).to_have_count(6)
        await expect(page.locator(".panel.events .absent")).to_contain_text("统计服务无响应，正在自动重试")
        await expect(page.locator(".tile .value.none")).to_have_count(6)
        assert await page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert stage.errors == []


async def test_has_something_to_say_about_an_empty_city(browser: Browser, tmp_path: Path) -> None:
    async with staged(City(empty=True), browser, tmp_path) as stage, stage.visitor() as context:
        page = await stage.sign_in(context)
        await expect(page.locator(".panel.events .empty")).to_have_text("还没有动态，新诉求会出现在这里")
        await expect(page.locator(".panel.minutes .empty")).to_have_text("近 60 分钟没有新诉求")
        await expect(page.locator(".tile.in-time .value")).to_have_text("—")
        assert stage.errors == []


async def test_tells_who_may_not_see_the_figures(stage: Stage) -> None:
    stage.city.refuse = 403
    async with stage.visitor() as context:
        page = await stage.sign_in(context, token(Role.OFFICER))
        await expect(page.locator(".banner")).to_contain_text("您的角色无权查看此项数据")
        await expect(page.locator(".beat.denied")).to_have_text("无权查看")
        await expect(page.locator(".tile.open .hint")).to_have_text("无权查看")
        await expect(page.locator("body")).not_to_contain_text("数据停滞")
        await expect(page.locator("body")).not_to_contain_text("暂时没有数据")


async def test_tells_the_lead_of_a_unit_that_does_not_exist(stage: Stage) -> None:
    async with stage.visitor() as context:
        page = await stage.sign_in(context, token(Role.UNIT_LEAD, unit="nix"))
        await expect(page.locator(".banner")).to_contain_text("组织机构中没有单位“nix”")


async def test_tells_of_a_service_that_is_not_ready_and_of_the_live_part_being_down(stage: Stage) -> None:
    stage.city.not_ready.add("routing")
    stage.city.live_trouble = "is down and starts again"
    async with stage.visitor() as context:
        page = await stage.sign_in(context)
        await expect(page.locator(".banner")).to_have_text("平台有服务异常：分派（异常）")
        await expect(page.locator(".panel.minutes .over")).to_contain_text("实时统计正在恢复")


async def test_speaks_english_when_asked_and_chinese_first(stage: Stage) -> None:
    async with stage.visitor() as context:
        page = await stage.sign_in(context)
        await expect(page.locator(".tile.received .label")).to_have_text("今日受理")
        await page.get_by_role("link", name="EN").click()
        await expect(page.locator(".tile.received .label")).to_have_text("Today: Received")
        await expect(page.locator(".events li", has_text="Survey answered: dissatisfied")).to_be_visible()
        await expect(page.locator("html")).to_have_attribute("lang", "en-US")
        await page.get_by_role("link", name="中文").click()
        await expect(page.locator(".tile.received .label")).to_have_text("今日受理")
    assert stage.errors == []


async def test_what_services_answer_can_not_become_markup(stage: Stage) -> None:
    stage.city.happens("case.opened", 77, family="<img src=x onerror='window.taken=1'>", category="<script>1</script>")
    async with stage.visitor() as context:
        page = await stage.sign_in(context)
        await expect(page.locator(".events li").first).to_contain_text("<img src=x")
        assert await page.locator(".events img").count() == 0
        assert await page.evaluate("window.taken") is None


async def test_a_script_without_the_nonce_does_not_run(stage: Stage) -> None:
    async with stage.visitor() as context:
        page = await stage.sign_in(context)
        await expect(page.locator(".beat.live")).to_be_visible()
        await page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "window.taken = 1";
                document.body.append(script);
            }"""
        )
        assert await page.evaluate("window.taken") is None
        assert any("Content Security Policy" in error for error in stage.errors)


async def test_many_pages_of_one_role_cost_one_reading(stage: Stage) -> None:
    async with stage.visitor() as context:
        pages = [await stage.sign_in(context) for _ in range(5)]
        for page in pages:
            await expect(page.locator(".beat.live")).to_be_visible()
        stage.city.asked.clear()
        shown = await pages[0].locator(".as-of").inner_text()
        await expect(pages[0].locator(".as-of")).not_to_have_text(shown)
        await expect(pages[4].locator(".as-of")).not_to_have_text(shown)
        # Two readings a second; within these one to two seconds five pages of their own would make ten and more.
        assert 1 <= stage.city.asked.count("/v1/live") <= 6


async def test_refuses_more_pages_than_it_may_serve(browser: Browser, tmp_path: Path) -> None:
    async with staged(busy_city(), browser, tmp_path, console_viewers="1") as stage, stage.visitor() as context:
        await stage.sign_in(context)
        page = await stage.sign_in(context)
        await expect(page.locator(".banner")).to_contain_text("同时打开的页面已达上限")
