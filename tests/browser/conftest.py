"""A real browser with pretend devices, and the service behind a socket where it can be reached."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
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
SERIOUS = {"serious", "critical"}

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
    # Few pictures are enough to see that there are ever more.
    "--use-fake-device-for-media-stream=fps=10",
    # Two tabs on one machine without a network: loopback candidates have to do, under their own names.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]


@dataclass
class Visit:
    """One person's browser: a context of its own, and everything that went wrong on its pages."""

    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of complaints that the test provokes: a request that has to be refused, say."""

    def hear(self, page: Page) -> None:
        """Keep what this page complains about: errors on its console, and exceptions."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    def unexpected(self) -> list[str]:
        """What nobody provoked."""
        return [each for each in self.complaints if not any(part in each for part in self.expected)]


VisitMaker = Callable[..., Awaitable[Visit]]


def chromium_path() -> str:
    """Where the system's Chromium is. Without one the test is skipped."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    return program


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium. Without one the test is skipped."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=SWITCHES)
        yield browser
        await browser.close()


@pytest.fixture
async def visit(chromium: Browser) -> AsyncIterator[VisitMaker]:
    """Makes browsers of different people; at the end none of their pages may have complained."""
    made: list[Visit] = []

    async def make(**options: Any) -> Visit:
        context = await chromium.new_context(**{"viewport": DESKTOP, "locale": LANGUAGE, **options})
        await context.grant_permissions(["camera", "microphone"])
        made.append(one := Visit(context, await context.new_page()))
        one.hear(one.page)
        context.on("page", one.hear)
        return one

    yield make
    for one in made:
        await one.context.close()
    assert [each for one in made for each in one.unexpected()] == []


@pytest.fixture(scope="session")
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The address of the service of this test process, whose clock the test may move."""
    # A page may still have a stream open at the end.
    async with serving(app, timeout_keep_alive=KEEP_ALIVE_SECONDS, force_exit=True) as url:
        yield url


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever watches a session looks often: a clock that a test moves wakes nobody up."""
    monkeypatch.setattr(visits, "POLL_SECONDS", 0.3)
    monkeypatch.setattr(visits, "PAUSE_SECONDS", 0.1)


async def violations(page: Page) -> list[str]:
    """What axe-core finds serious or worse on a page and in every frame of it, as `rule: element`.

    It is evaluated from outside: the page's own policy lets no foreign script in. Each frame is examined by itself:
    from the outermost one axe does not reach those of another origin.
    """
    found: list[str] = []
    for frame in page.frames:
        try:
            found += await _violations(frame)
        except PlaywrightError:
            # Frames come and go: one that was closed meanwhile is nobody's state.
            if not frame.is_detached():
                raise
    return found


async def _violations(frame: Frame) -> list[str]:
    if not await frame.evaluate("'axe' in globalThis"):
        await frame.evaluate(_axe())
    found = await frame.evaluate(
        "async () => (await axe.run(document, { iframes: false, resultTypes: ['violations'] })).violations"
    )
    return [
        f"{each['id']}: {node['html'][:200]}" for each in found if each["impact"] in SERIOUS for node in each["nodes"]
    ]


@cache
def _axe() -> str:
    return (node_modules() / "axe-core" / "axe.min.js").read_text()
