"""The live page when its way to the console is bad: it never claims to be live when it isn't, and goes on by itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.console_city import busy_city
from tests.e2e.console_process import running_console, token
from tests.e2e.console_stage import Stage, browser, staged
from tests.support.cutting_proxy import cutting_proxy

__all__ = ["browser"]

pytestmark = pytest.mark.browser

AT_ONCE_MS = 2_000
QUIET_MS = 9_000
GOES_ON_MS = 12_000


@pytest.fixture
async def stage(browser: Browser, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(busy_city(), browser, tmp_path) as made:
        yield made


async def says_that_it_is_cut(page: Page, within: float) -> None:
    await expect(page.locator(".beat.cut-off")).to_be_visible(timeout=within)
    await expect(page.locator(".beat.cut-off")).to_have_text("连接中断")
    await expect(page.locator(".beat.live")).to_be_hidden()
    await expect(page.locator(".console main")).to_have_css("opacity", "0.5")


async def is_live(page: Page, within: float) -> None:
    await expect(page.locator(".beat.live")).to_be_visible(timeout=within)
    await expect(page.locator(".beat.cut-off")).to_be_hidden()


async def test_a_console_that_was_killed_is_told_at_once_and_so_is_its_return(stage: Stage, tmp_path: Path) -> None:
    async with stage.visitor() as context:
        page = await stage.sign_in(context)
        await is_live(page, GOES_ON_MS)
        stage.console.process.send(signal.SIGKILL)
        await says_that_it_is_cut(page, AT_ONCE_MS)
        stage.city.received_extra = 1_000
        again = tmp_path / "again"
        again.mkdir()
        port = stage.console.url.rpartition(":")[2]
        async with running_console(again, stage.servers.urls, console_port=port):
            await is_live(page, GOES_ON_MS)
            await expect(page.locator(".tile.received .value")).to_have_text("2,277")


async def test_a_console_that_says_nothing_more_is_told_and_so_is_its_return(stage: Stage) -> None:
    async with stage.visitor() as context:
        page = await stage.sign_in(context)
        await is_live(page, GOES_ON_MS)
        await page.evaluate("window.sameDocument = true")
        stage.console.process.send(signal.SIGSTOP)
        try:
            await says_that_it_is_cut(page, QUIET_MS)
        finally:
            stage.console.process.send(signal.SIGCONT)
        await is_live(page, GOES_ON_MS)
        assert await page.evaluate("window.sameDocument") is True


async def test_a_page_whose_figures_stand_still_is_not_taken_for_cut(stage: Stage) -> None:
    async with stage.visitor() as context:
        page = await stage.sign_in(context)
        await is_live(page, GOES_ON_MS)
        await stage.servers.stop_analytics()
        await expect(page.locator(".beat.stale")).to_be_visible(timeout=20_000)
        # Long enough for the browser to miss the console, if it heard nothing of it.
        for _ in range(14):
            await expect(page.locator(".beat.cut-off")).to_be_hidden()
            await page.wait_for_timeout(500)


async def test_goes_on_through_a_proxy_that_cuts_and_loses(stage: Stage) -> None:
    """A short form of five minutes behind a proxy that cuts after 20 s and once loses packets for a while."""
    port = int(stage.console.url.rpartition(":")[2])
    async with cutting_proxy(port, longest=4.0) as proxy, stage.visitor() as context:
        page = await context.new_page()
        await page.goto(f"http://127.0.0.1:{proxy.port}/login?token={token()}")
        await page.wait_for_url(f"http://127.0.0.1:{proxy.port}/")
        await is_live(page, GOES_ON_MS)
        await page.evaluate(
            """() => {
                window.sameDocument = true;
                document.body.insertAdjacentHTML("beforeend", "<textarea id=typed></textarea>");
            }"""
        )
        await page.fill("#typed", "写到一半")
        for nth in range(1, 4):
            cuts = proxy.cuts
            async with asyncio.timeout(30):
                while proxy.cuts == cuts:
                    await page.wait_for_timeout(100)
            stage.city.received_extra = nth * 1000
            await expect(page.locator(".tile.received .value")).to_have_text(f"{nth + 1},277", timeout=GOES_ON_MS)
            await is_live(page, GOES_ON_MS)
        losing = asyncio.create_task(proxy.lose(20))
        await says_that_it_is_cut(page, QUIET_MS)
        stage.city.received_extra = 8_000
        await losing
        await expect(page.locator(".tile.received .value")).to_have_text("9,277", timeout=GOES_ON_MS)
        await is_live(page, GOES_ON_MS)
        assert await page.evaluate("window.sameDocument") is True
        assert await page.input_value("#typed") == "写到一半"
