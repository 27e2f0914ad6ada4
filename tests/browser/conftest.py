"""Chromium with fake devices, and the service on a port."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Frame, Page, ViewportSize, async_playwright
from playwright.async_api import Error as PlaywrightError

from node_packages import node_modules
from servers import serving
from videobroker.cli.serve import KEEP_ALIVE_SECONDS
from videobroker.usecases.joining import visits

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
LANGUAGE = "en-GB"
SERIOUS = frozenset({"serious", "critical"})
ALL_IMPACTS = SERIOUS | {"minor", "moderate"}

SWITCHES = [
    # The tests may run as root, where Chromium's own sandbox refuses to.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    # A low frame rate is enough to see that frames are decoded.
    "--use-fake-device-for-media-stream=fps=10",
    # Two tabs on one machine without a network connect through loopback candidates, without mDNS names.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]


@dataclass
class BrowserSession:
    """One person's browser context, and the errors on its pages."""

    context: BrowserContext
    page: Page
    errors: list[str] = field(default_factory=list)
    expected_errors: list[str] = field(default_factory=list)
    """Parts of messages that the test provokes, for example with a request that is refused."""

    def collect_errors(self, page: Page) -> None:
        """Record console errors and uncaught exceptions of a page."""
        page.on("console", self._add_console_error)
        page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))

    def _add_console_error(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"console: {message.text} ({message.location.get('url', '')})")

    def unexpected_errors(self) -> list[str]:
        return [each for each in self.errors if not any(part in each for part in self.expected_errors)]


OpenBrowser = Callable[..., Awaitable[BrowserSession]]


def chromium_path() -> str:
    """The path of the system's Chromium. Skips the test if there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    return program


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium. Skips the test if there is none."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=SWITCHES)
        yield browser
        await browser.close()


@pytest.fixture
async def open_browser(chromium: Browser) -> AsyncIterator[OpenBrowser]:
    """Opens browsers of different people. Fails at the end if a page had an unexpected error."""
    made: list[BrowserSession] = []

    async def make(**options: Any) -> BrowserSession:
        context = await chromium.new_context(**{"viewport": DESKTOP, "locale": LANGUAGE, **options})
        await context.grant_permissions(["camera", "microphone"])
        made.append(browser := BrowserSession(context, await context.new_page()))
        browser.collect_errors(browser.page)
        context.on("page", browser.collect_errors)
        return browser

    yield make
    for browser in made:
        await browser.context.close()
    assert [each for browser in made for each in browser.unexpected_errors()] == []


@pytest.fixture(scope="session")
async def service_url(app: FastAPI) -> AsyncIterator[str]:
    """The URL of the service of this test process. The test can move its clock."""
    # A page may still have a stream open at the end.
    async with serving(app, timeout_keep_alive=KEEP_ALIVE_SECONDS, force_exit=True) as url:
        yield url


@pytest.fixture
def fast_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Visit streams poll often: moving the clock of a test does not wake them."""
    monkeypatch.setattr(visits, "POLL_SECONDS", 0.3)
    monkeypatch.setattr(visits, "PAUSE_SECONDS", 0.1)


async def accessibility_violations(page: Page, impacts: Collection[str] = SERIOUS) -> list[str]:
    """The violations that axe-core finds on a page and in its frames, as `rule: element`.

    Playwright evaluates axe-core, because the content security policy of the page blocks foreign scripts. Each frame
    is checked separately: axe-core cannot reach frames of another origin.
    """
    found: list[str] = []
    for frame in page.frames:
        try:
            found += await _violations(frame, impacts)
        except PlaywrightError:
            # A frame that was closed meanwhile is no part of the page.
            if not frame.is_detached():
                raise
    return found


async def _violations(frame: Frame, impacts: Collection[str]) -> list[str]:
    if not await frame.evaluate("'axe' in globalThis"):
        await frame.evaluate(_axe())
    found = await frame.evaluate(
        "async () => (await axe.run(document, { iframes: false, resultTypes: ['violations'] })).violations"
    )
    return [
        f"{each['id']}: {node['html'][:200]}" for each in found if each["impact"] in impacts for node in each["nodes"]
    ]


@cache
def _axe() -> str:
    return (node_modules() / "axe-core" / "axe.min.js").read_text()
