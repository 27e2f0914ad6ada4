"""What tests of the hosted page share: somebody with a link, in front of a page."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from playwright.async_api import Frame, Locator, Page, Route, expect

from browser.conftest import PHONE, Visit, VisitMaker
from tenants import Tenant

T = TypeVar("T")

SOON = 15_000
"""Milliseconds in which everything happens that happens by itself, also on a busy machine."""


async def ticket(tenant: Tenant, user_id: str | None = "student-1", reference: str = "lesson-1", **wish: Any) -> str:
    """A ticket for somebody; without a `user_id`, for the `guest` of the wish."""
    named = {} if user_id is None else {"user_id": user_id}
    response = await tenant.post(f"/v1/bookings/{reference}/links", {**named, **wish})
    assert response.status_code == 201, response.text
    return str(response.json()["ticket"])


@dataclass
class Held:
    """Requests of a page that are kept waiting until a test lets them go on."""

    routes: list[Route] = field(default_factory=list)

    def hold(self, route: Route) -> None:
        """For `page.route`."""
        self.routes.append(route)

    async def let_go(self) -> None:
        """Send them on."""
        for route in self.routes:
            await route.continue_()


@dataclass
class Visitor:
    """Somebody in front of the hosted page."""

    visit: Visit
    ticket: str
    url: str

    @property
    def page(self) -> Page:
        """Their page."""
        return self.visit.page

    @property
    def heading(self) -> Locator:
        """What the page says first."""
        return self.page.locator("#heading")

    def button(self, name: str) -> Locator:
        """A button, by what it is called."""
        return self.page.get_by_role("button", name=name, exact=True)

    async def sees(self, heading: str) -> None:
        """Wait until the page says this."""
        await expect(self.heading).to_have_text(heading, timeout=SOON)

    async def enters(self) -> Frame:
        """Look at themselves, press the button, and answer the frame of the call."""
        await expect(self.page.locator("#devices")).to_have_attribute("data-state", "on", timeout=SOON)
        await self.button("Join now").click(timeout=SOON)
        return await self.frame()

    async def was_refused(self) -> bool:
        """Whether the service has refused something."""
        return any("status of 4" in each for each in self.visit.complaints)

    async def frame(self) -> Frame:
        """The frame of the call, once there is one."""
        element = await self.page.wait_for_selector("#call iframe", timeout=SOON)
        frame = await element.content_frame() if element is not None else None
        assert frame is not None
        return frame


async def at_the_door(
    visit: VisitMaker, served: str, text: str, *, phone: bool = False, query: str = "", **options: Any
) -> Visitor:
    """Open the page behind a ticket."""
    if phone:
        options = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2, **options}
    one = await visit(**options)
    url = f"{served}/join/{text}{query}"
    await one.page.goto(url)
    return Visitor(one, text, url)
