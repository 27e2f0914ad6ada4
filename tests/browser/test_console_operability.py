"""The console for people with a keyboard, a screen reader, a narrow or a magnified screen, and as every role."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.async_api import Page, expect

from browser.conftest import BrowserSession, OpenBrowser, accessibility_violations
from browser.states import expect_state, horizontal_overflow
from browser.test_console import SignIn, console_url, lesson, open_console, session_path
from consoles import service_with_console
from servers import serving
from tenants import MovableClock, Sandbox, Tenant
from videobroker.broker import Broker
from videobroker.domain.operators import OperatorIdentity, OperatorRole, SignInMethod
from videobroker.usecases.operations.console_sessions import ClientInfo
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest
from videobroker.web.console.access import COOKIE, ConsoleAccess
from videobroker.web.console.app_page import AppSection

pytestmark = pytest.mark.long

__all__ = ["console_url", "open_console"]
ZOOM_400: dict[str, Any] = {"viewport": {"width": 320, "height": 256}}
"""A window of 1280 by 1024 pixels at 400 %, as in success criterion 1.4.10 of WCAG 2.2."""
LONG_NAME = "Maximilian Konstantin von Hohenstein-Schwarzenberg"
LONG_URL = f"https://backend.example/{'hooks' * 20}"

OVERLAPPING = """() => {
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), parent = walker.currentNode.parentElement;
    if (!text || !parent.checkVisibility()) continue;
    if (parent.closest("svg, .hidden, .skip, select, .scroll, .stale, .chip")) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    for (const box of range.getClientRects()) {
      // What an ellipsis hides is not visible.
      const right = Math.min(box.right, parent.closest(".who-name")?.getBoundingClientRect().right ?? Infinity);
      if (right > box.left) boxes.push({ text, left: box.left, right, top: box.top, bottom: box.bottom });
    }
  }
  const found = [];
  boxes.forEach((one, index) => {
    for (const other of boxes.slice(index + 1)) {
      const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (width > 2 && height > 5) found.push(`${one.text.slice(0, 40)} / ${other.text.slice(0, 40)}`);
    }
  });
  return found;
}"""


async def paths_of(page: Page, console_url: str, tenant: Tenant) -> list[str]:
    """The pages with the densest rows, with long names and a long URL."""
    app = tenant.app.id
    endpoint = await endpoints.create(tenant.context, EndpointRequest(LONG_URL, LONG_NAME))
    people = [{"user_id": f"student-{number}", "role": "student", "display_name": LONG_NAME} for number in range(3)]
    await tenant.book("lesson-2", title=f"Geometry for {LONG_NAME}", participants=people)
    session = await session_path(page, console_url, tenant.app)
    return [f"/console?app={app}", session, f"/console/deliveries/{app}/{endpoint.id}"]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    "options", [{"viewport": {"width": 1280, "height": 800}}, ZOOM_400], ids=["desktop", "zoom-400"]
)
async def test_texts_do_not_overlap_and_no_page_scrolls_sideways(
    open_console: SignIn,
    console_url: str,
    webhook_tenant: Tenant,
    sandbox: Sandbox,
    clock: MovableClock,
    language: str,
    options: dict[str, Any],
) -> None:
    await lesson(webhook_tenant, sandbox, clock)
    page = (await open_console(**options)).page
    for path in await paths_of(page, console_url, webhook_tenant):
        await page.goto(f"{console_url}{path}{'&' if '?' in path else '?'}lang={language}")
        assert await page.evaluate(OVERLAPPING) == [], path
        # With all questions and forms open, too.
        await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert await horizontal_overflow(page) <= 0, path


async def test_a_question_opens_and_closes_with_the_keyboard(
    open_console: SignIn, console_url: str, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await lesson(webhook_tenant, sandbox, clock)
    page = (await open_console()).page
    await page.goto(f"{console_url}{await session_path(page, console_url, webhook_tenant.app)}")
    for opener, answer in (("Cancel session...", "Cancel this session"), ("End call...", "End call for everyone")):
        summary = page.locator("summary", has_text=opener)
        await summary.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name=answer)).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name=answer)).to_be_hidden()
        await expect(summary).to_be_focused()
        outline = await summary.evaluate("(each) => getComputedStyle(each).outlineStyle")
        assert outline == "solid", opener


async def test_the_result_of_an_action_has_the_focus(
    open_console: SignIn, console_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    """A screen reader announces it, and the next Tab continues at the list, not at the top of the page."""
    await tutoring.book("exam", title="Exam", policy={"waiting_room": "admit"})
    await tutoring.join("exam", "student-1")
    page = (await open_console()).page
    await page.goto(f"{console_url}/console/waiting?app={tutoring.app.id}")
    await page.get_by_role("button", name="Admit Ben").focus()
    await page.keyboard.press("Enter")
    result = page.get_by_role("status").filter(has_text="Admitted.")
    await expect(result).to_be_focused()
    await expect(page.get_by_text("No one is waiting.")).to_be_visible()


async def test_every_page_begins_with_a_link_to_its_content(
    open_console: SignIn, console_url: str, tutoring: Tenant
) -> None:
    page = (await open_console()).page
    await page.goto(f"{console_url}/console?app={tutoring.app.id}")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Previous day")).to_be_focused()


OpenAs = Callable[[OperatorRole], Awaitable[tuple[BrowserSession, str]]]


@pytest.fixture
async def open_as(broker: Broker, open_browser: OpenBrowser, no_failed_attempts: None) -> AsyncIterator[OpenAs]:
    """Opens browsers in which an operator with this role has signed in, and returns the URL of the service."""
    service: FastAPI = service_with_console(broker)
    async with serving(service, force_exit=True) as url:

        async def make(role: OperatorRole) -> tuple[BrowserSession, str]:
            access: ConsoleAccess = service.state.console
            token = await access.start(
                broker,
                OperatorIdentity("Vera", role),
                SignInMethod.OPENID_CONNECT,
                zone="Europe/Berlin",
                origin=ClientInfo(None, None),
                replaces=None,
                now=broker.now(),
            )
            browser = await open_browser()
            await browser.context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
            return browser, url

        yield make


async def test_a_viewer_sees_settings_as_text(open_as: OpenAs, tutoring: Tenant) -> None:
    browser, url = await open_as(OperatorRole.VIEWER)
    page = browser.page
    await page.goto(f"{url}/console/apps/{tutoring.app.id}/accounts")
    await expect(page.get_by_role("banner")).to_contain_text("Vera Viewer")
    await expect_state(page, "console-viewer")
    for section in AppSection:
        await page.goto(f"{url}/console/apps/{tutoring.app.id}/{section.value}")
        await expect(page.get_by_text("Only administrators can change these settings.")).to_be_visible()
        assert await page.get_by_role("textbox").count() == 0, section
        assert await accessibility_violations(page) == [], section
