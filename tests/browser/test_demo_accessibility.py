"""axe finds nothing on the page of any person of the demo: light and dark, on a desktop and on a phone."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import expect

from browser.conftest import OpenBrowser
from browser.sandbox_rooms import TIMEOUT_MS
from browser.states import page_problems
from consoles import service_with_console
from servers import serving
from tenants import Sandbox, Tenant
from videobroker.broker import Broker
from videobroker.domain.sessions import SessionKind
from videobroker.web.demo import DemoPlan, install

pytestmark = pytest.mark.long

FORM_BUTTONS = "form[target=_blank] button[type=submit]"
SCREEN = re.compile("^(?!loading$).")


@pytest.fixture
async def demo_url(broker: Broker, tutoring: Tenant, agora: Tenant, sandbox: Sandbox) -> AsyncIterator[str]:
    """The URL of a service with a demo of two apps: every kind of session and of person."""
    await tutoring.book(title="Algebra, about to begin")
    await tutoring.book("lesson-2", title="Algebra, not confirmed", status="pending")
    await tutoring.book("lesson-3", title="Algebra, tomorrow", starts_in=timedelta(days=1))
    await tutoring.book("lesson-4", title="Algebra, with the host", policy={"waiting_room": "until_host"})
    await tutoring.create_group(title="Evening circle", policy={"guests_allowed": True})
    await agora.book("visit-1", title="Consultation", policy={"waiting_room": "admit"})

    async def reset(_: Broker) -> None:
        """Not used here."""

    sessions = [
        *((tutoring.app.name, SessionKind.BOOKING, f"lesson-{number}") for number in (1, 2, 3, 4)),
        (tutoring.app.name, SessionKind.GROUP, "circle"),
        (agora.app.name, SessionKind.BOOKING, "visit-1"),
    ]
    service = service_with_console(broker)
    async with serving(service, ws="none", force_exit=True) as url:
        install(service, DemoPlan(sessions, sandbox.url, reset, network_url=url))
        yield url


@pytest.mark.parametrize("language", ["en", pytest.param("de", marks=pytest.mark.representative)])
async def test_the_page_of_every_person_of_the_demo_is_accessible(
    open_browser: OpenBrowser, demo_url: str, language: str
) -> None:
    browser = await open_browser(locale=language)
    # A tab is closed while its stream is open.
    browser.expected_errors.append("net::ERR_INCOMPLETE_CHUNKED_ENCODING")
    demo = browser.page
    await demo.goto(f"{demo_url}/demo")
    buttons = await demo.locator(FORM_BUTTONS).all()
    names = [re.sub(r"\s+", " ", await each.inner_text()) for each in buttons]
    assert len(set(names)) > 10
    found = []
    for name, button in zip(names, buttons, strict=True):
        async with demo.expect_popup() as opening:
            await button.click()
        tab = await opening.value
        await tab.wait_for_load_state()
        if "/join/" in tab.url:
            await expect(tab.locator("body")).to_have_attribute("data-screen", SCREEN, timeout=TIMEOUT_MS)
        found += await page_problems(tab, name)
        await tab.close()
    assert found == []
