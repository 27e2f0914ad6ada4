"""axe finds nothing on the pages outside of a session: light and dark, on a desktop and on a phone.

`/redoc` is left out: it shows the whole contract in 67,000 elements of Redoc, for which axe needs minutes and more than
a gigabyte.
"""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from browser.conftest import OpenBrowser, accessibility_violations
from browser.sandbox_rooms import TIMEOUT_MS, make_room
from browser.states import page_problems
from consoles import service_with_console
from servers import serving
from tenants import Sandbox, Tenant
from videobroker.broker import Broker
from videobroker.domain.sessions import SessionKind
from videobroker.web.demo import DemoPlan, install

pytestmark = pytest.mark.long


@pytest.fixture
async def url(broker: Broker, tutoring: Tenant, sandbox: Sandbox, no_failed_attempts: None) -> AsyncIterator[str]:
    """The URL of a service with a console and a demo."""
    await tutoring.book(title="Algebra")

    async def reset(_: Broker) -> None:
        """Not used here."""

    service = service_with_console(broker)
    async with serving(service, ws="none", force_exit=True) as address:
        sessions = [(tutoring.app.name, SessionKind.BOOKING, "lesson-1")]
        install(service, DemoPlan(sessions, sandbox.url, reset, network_url=address))
        yield address


@pytest.mark.parametrize("language", ["en", pytest.param("de", marks=pytest.mark.representative)])
async def test_every_page_outside_of_a_session_is_accessible(
    open_browser: OpenBrowser, url: str, sandbox: Sandbox, language: str
) -> None:
    room = await make_room(sandbox)
    pages = [
        f"{url}/",
        f"{url}/demo",
        f"{url}/test",
        f"{url}/problems/too_early",
        f"{url}/join/unknown",
        f"{url}/console/sign-in",
        f"{url}/console/link",
        room.url("teacher"),
        f"{sandbox.url}/meeting/unknown",
        f"{sandbox.url}/agora/meeting",
    ]
    browser = await open_browser(locale=language)
    browser.expected_errors.append("status of 404")
    found = []
    for each in pages:
        await browser.page.goto(each)
        await expect(browser.page.get_by_role("heading", level=1)).to_be_visible(timeout=TIMEOUT_MS)
        found += await page_problems(browser.page, each)
    assert found == []


async def test_a_refused_sign_in_is_accessible(open_browser: OpenBrowser, url: str) -> None:
    browser = await open_browser()
    browser.expected_errors.append("status of 403")
    page = browser.page
    await page.goto(f"{url}/console/sign-in")
    await page.get_by_label("Your name or initials").fill("Olive")
    await page.get_by_label("Admin key").fill("not the key")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("Wrong admin key.")).to_be_visible()
    await expect(page.get_by_label("Admin key")).to_have_attribute("aria-invalid", "true")
    assert await page_problems(page, "wrong key") == []


async def test_the_api_reference_is_accessible_and_opens_an_operation_with_the_keyboard(
    open_browser: OpenBrowser, url: str
) -> None:
    # Swagger UI has headings that leave out a level, which is no serious violation.
    page = (await open_browser()).page
    await page.goto(f"{url}/docs")
    operation = page.get_by_role("button", name="Create or replace a booking")
    await operation.focus(timeout=TIMEOUT_MS)
    assert await accessibility_violations(page) == []
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Example Value").first).to_be_visible(timeout=TIMEOUT_MS)
    await expect(page).to_have_url(f"{url}/docs#/bookings/createBooking")
    assert await accessibility_violations(page) == []
