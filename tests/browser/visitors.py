"""Visitors of the hosted page, each with a ticket and a browser."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from playwright.async_api import Frame, Locator, Page, Route, expect

from browser.conftest import PHONE, BrowserSession, OpenBrowser
from tenants import Tenant

T = TypeVar("T")

TIMEOUT_MS = 15_000
"""Long enough for everything that the page does without a click, also on a busy machine."""


async def create_ticket(
    tenant: Tenant, user_id: str | None = "student-1", reference: str = "lesson-1", **fields: Any
) -> str:
    """A ticket for a participant. Without a `user_id`, `fields` has to name a `guest`."""
    named = {} if user_id is None else {"user_id": user_id}
    response = await tenant.post(f"/v1/bookings/{reference}/links", {**named, **fields})
    assert response.status_code == 201, response.text
    return str(response.json()["ticket"])


@dataclass
class DelayedRequests:
    """Requests of a page that wait until the test releases them."""

    routes: list[Route] = field(default_factory=list)

    def delay(self, route: Route) -> None:
        """For `page.route`."""
        self.routes.append(route)

    async def release(self) -> None:
        for route in self.routes:
            await route.continue_()


@dataclass
class Visitor:
    """A person who has opened the hosted page."""

    browser: BrowserSession
    ticket: str
    url: str

    @property
    def page(self) -> Page:
        return self.browser.page

    @property
    def heading(self) -> Locator:
        return self.page.locator("#heading")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def expect_heading(self, heading: str) -> None:
        """Wait for this heading."""
        await expect(self.heading).to_have_text(heading, timeout=TIMEOUT_MS)

    async def join_call(self) -> Frame:
        """Wait for the camera preview, press the button, and return the frame of the call."""
        await expect(self.page.locator("#devices")).to_have_attribute("data-state", "on", timeout=TIMEOUT_MS)
        await self.button("Join now").click(timeout=TIMEOUT_MS)
        return await self.call_frame()

    async def use_toolbar(self, name: str) -> None:
        """Press a button of the toolbar in the frame of the call."""
        toolbar = (await self.call_frame()).get_by_role("toolbar", name="Call")
        await toolbar.get_by_role("button", name=name, exact=True).click(timeout=TIMEOUT_MS)

    async def has_failed_request(self) -> bool:
        """Whether the service has responded with a 4xx status."""
        return any("status of 4" in each for each in self.browser.errors)

    async def call_frame(self) -> Frame:
        """Wait for the frame of the call."""
        element = await self.page.wait_for_selector("#call iframe", timeout=TIMEOUT_MS)
        frame = await element.content_frame() if element is not None else None
        assert frame is not None
        return frame


async def open_hosted_page(
    open_browser: OpenBrowser, service_url: str, ticket: str, *, phone: bool = False, query: str = "", **options: Any
) -> Visitor:
    if phone:
        options = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2, **options}
    browser = await open_browser(**options)
    url = f"{service_url}/join/{ticket}{query}"
    await browser.page.goto(url)
    return Visitor(browser, ticket, url)
