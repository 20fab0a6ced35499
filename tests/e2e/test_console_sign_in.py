"""Signing in and out at the console, and what is there for those who have not: nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.e2e.console_city import busy_city
from tests.e2e.console_process import token
from tests.e2e.console_stage import SIZES, Stage, browser, staged

__all__ = ["browser"]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
async def stage(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with staged(busy_city(), browser, tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture
async def http(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stage.console.url, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("size", SIZES)
async def test_a_pasted_token_signs_in(stage: Stage, size: str) -> None:
    async with stage.visitor(size) as context:
        page = await context.new_page()
        await page.goto(stage.console.url)
        await expect(page).to_have_url(f"{stage.console.url}/login")
        assert await page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
        await page.get_by_label("登录令牌").fill(f"  {token()}\n")
        await page.get_by_role("button", name="登录").click()
        await expect(page.locator(".beat.live")).to_be_visible()
    assert stage.errors == []


async def test_a_link_signs_in_and_leaves_no_token_behind(stage: Stage) -> None:
    async with stage.visitor() as context:
        page = await stage.sign_in(context)
        await expect(page.locator(".beat.live")).to_be_visible()
        (cookie,) = await context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert "eyJ" not in cookie["value"], "the cookie shows the token"
        assert await page.evaluate("document.cookie") == ""
        await page.go_back()
        assert "token" not in page.url
        await page.go_forward()
    assert "eyJ" not in stage.console.log()


async def test_a_link_on_another_site_signs_in_too(stage: Stage) -> None:
    async with stage.visitor() as context:
        page = await context.new_page()
        await page.goto("data:text/html,<a href='" + f"{stage.console.url}/login?token={token()}" + "'>go</a>")
        await page.get_by_role("link").click()
        await expect(page.locator(".beat.live")).to_be_visible()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("nonsense", "令牌无效"),
        (token()[:-4] + "AAAA", "令牌无效"),
        (token(seconds=60, issued_ago=3600), "令牌已过期"),
    ],
)
async def test_a_token_that_is_not_good_is_explained(stage: Stage, given: str, told: str) -> None:
    async with stage.visitor() as context:
        page = await context.new_page()
        await page.goto(f"{stage.console.url}/login")
        await page.get_by_label("登录令牌").fill(given)
        await page.get_by_role("button", name="登录").click()
        await expect(page.get_by_role("alert")).to_contain_text(told)
        assert await context.cookies() == []


async def test_signing_out_ends_every_page_of_the_session_and_its_cookie(stage: Stage, http: httpx.AsyncClient) -> None:
    async with stage.visitor() as context:
        first = await stage.sign_in(context)
        second = await context.new_page()
        await second.goto(stage.console.url)
        await expect(second.locator(".beat.live")).to_be_visible()
        (cookie,) = await context.cookies()
        await first.get_by_role("button", name="退出").click()
        await expect(first.get_by_role("status")).to_have_text("您已安全退出。")
        await expect(second.get_by_role("alert")).to_have_text("登录已到期，请重新登录。")
        assert await context.cookies() == []
    kept = await http.get("/", headers={"Cookie": f"{cookie['name']}={cookie['value']}"})
    assert kept.status_code == 401


async def test_a_page_whose_token_runs_out_goes_back_to_sign_in(stage: Stage) -> None:
    async with stage.visitor() as context:
        page = await stage.sign_in(context, token(seconds=4))
        await expect(page.locator(".beat.live")).to_be_visible()
        await expect(page.get_by_role("alert")).to_have_text("登录已到期，请重新登录。", timeout=15_000)


@pytest.mark.parametrize(
    "path", ["/", "/en", "/_nicegui_ws/socket.io/?EIO=4&transport=polling", "/openapi.json", "/docs", "/nowhere"]
)
async def test_nothing_is_there_without_sign_in(http: httpx.AsyncClient, path: str) -> None:
    machine = await http.get(path)
    assert machine.status_code == 401
    assert machine.headers["content-type"] == "application/problem+json"
    person = await http.get(path, headers={"Accept": "text/html"})
    assert person.status_code == 303
    assert person.headers["location"].startswith("/login")


async def test_a_connection_from_another_site_is_refused(stage: Stage, http: httpx.AsyncClient) -> None:
    async with stage.visitor() as context:
        await stage.sign_in(context)
        (cookie,) = await context.cookies()
    upgrade = {
        "Cookie": f"{cookie['name']}={cookie['value']}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Origin": "https://elsewhere.example",
    }
    socket = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    assert (await http.get(socket, headers=upgrade)).status_code == 403
    own = await http.get(socket, headers={**upgrade, "Origin": stage.console.url})
    assert own.status_code == 101


async def test_a_sign_in_that_another_site_sends_is_refused(http: httpx.AsyncClient) -> None:
    foreign = await http.post("/login", data={"token": token()}, headers={"Origin": "https://elsewhere.example"})
    assert foreign.status_code == 403
    assert "set-cookie" not in foreign.headers


async def test_the_headers_that_protect_every_answer(stage: Stage, http: httpx.AsyncClient) -> None:
    async with stage.visitor() as context:
        await stage.sign_in(context)
        (cookie,) = await context.cookies()
    live = await http.get("/", headers={"Cookie": f"{cookie['name']}={cookie['value']}"})
    plain = await http.get("/login")
    for answer in (live, plain, await http.get("/readyz")):
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "script-src" not in plain.headers["content-security-policy"]
    scripts = live.headers["content-security-policy"].split("script-src ")[1].split(";")[0]
    assert "'unsafe-inline'" not in scripts
    nonce = scripts.split("'nonce-")[1].split("'")[0]
    assert live.text.count("<script") == live.text.count(f'<script nonce="{nonce}"')
    assert live.headers["cache-control"] == "no-store"


async def test_an_address_prefix_that_a_caller_makes_up_is_ignored(stage: Stage, http: httpx.AsyncClient) -> None:
    async with stage.visitor() as context:
        await stage.sign_in(context)
        (cookie,) = await context.cookies()
    answer = await http.get(
        "/", headers={"Cookie": f"{cookie['name']}={cookie['value']}", "X-Forwarded-Prefix": "//elsewhere.example"}
    )
    assert "elsewhere" not in answer.text


async def test_says_when_it_stops_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    async with staged(busy_city(), browser, tmp_path) as stage, stage.visitor() as context:
        page = await stage.sign_in(context)
        await expect(page.locator(".beat.live")).to_be_visible()
        await stage.console.process.kill()
        await expect(page.locator("#popup")).to_be_visible(timeout=20_000)
        await expect(page.locator("#popup")).to_contain_text("连接")
        await expect(page.locator(".tile.received .value")).to_have_text("1,277")
