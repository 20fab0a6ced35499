"""A city, the console that watches it and a real browser: where the console's tests take place."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.e2e import console_city
from tests.e2e.console_city import City, Servers
from tests.e2e.console_process import ConsoleProcess, running_console, token

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
SIZES = {"desk": (1366, 768), "phone": (390, 844)}


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests of a module."""
    if CHROMIUM is None:
        pytest.skip("no chromium: `apt-get install chromium` brings one")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        await started.close()


@dataclass
class Stage:
    """A city, the console that watches it, and a browser."""

    city: City
    servers: Servers
    console: ConsoleProcess
    browser: Browser
    errors: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def visitor(self, size: str = "desk") -> AsyncIterator[BrowserContext]:
        """A browser of somebody who has never been here."""
        width, height = SIZES[size]
        context = await self.browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        context.on("console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        yield context
        await context.close()

    async def sign_in(self, context: BrowserContext, signed: str | None = None, path: str = "/") -> Page:
        """A page that is signed in by a link, as `minsheng up` prints it."""
        page = await context.new_page()
        language = "&language=en-US" if path == "/en" else ""
        await page.goto(f"{self.console.url}/login?token={signed or token()}{language}")
        await page.wait_for_url(f"{self.console.url}{path}")
        return page


@asynccontextmanager
async def staged(city: City, browser: Browser, folder: Path, **settings: str) -> AsyncIterator[Stage]:
    async with (
        console_city.running(city) as servers,
        running_console(folder, servers.urls, **settings) as console,
    ):
        yield Stage(city, servers, console, browser)
