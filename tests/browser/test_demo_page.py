"""The demo page has a button for each person of the demo, which opens a signed link in a new tab."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from playwright.async_api import Page, expect

from browser.conftest import OpenBrowser
from browser.states import expect_state
from consoles import service_with_console
from servers import serving
from tenants import MovableClock, Tenant, error_code, send_as
from videobroker.broker import Broker
from videobroker.domain.sessions import SessionKind
from videobroker.web.demo import DemoPlan, install

pytestmark = pytest.mark.long

expect.set_options(timeout=20_000)
ADDRESS = re.compile(r"/join/(vbt_[\w.-]+)$")


@pytest.fixture
async def demo_url(broker: Broker, tutoring: Tenant) -> AsyncIterator[str]:
    """The URL of a service with a demo page for one app."""
    await tutoring.book(title="Algebra, about to begin")
    await tutoring.book("lesson-2", title="Algebra, not confirmed", status="pending")
    await tutoring.book("lesson-3", title="Algebra, tomorrow", starts_in=timedelta(days=1))
    await tutoring.create_group(title="Evening circle", policy={"guests_allowed": True})
    await tutoring.book("lesson-4", title="Consultation", policy={"waiting_room": "admit"})

    async def reset(_: Broker) -> None:
        await tutoring.book(title="Algebra, restarted")

    name = tutoring.app.name
    sessions = [
        *((name, SessionKind.BOOKING, f"lesson-{number}") for number in (1, 2, 3, 4)),
        (name, SessionKind.GROUP, "circle"),
    ]
    service = service_with_console(broker)
    async with serving(service, ws="none", force_exit=True) as url:
        install(service, DemoPlan(sessions, "http://127.0.0.1:1", reset, network_url=url))
        yield url


@pytest.fixture
async def demo(demo_url: str, open_browser: OpenBrowser) -> Page:
    """The demo page in a browser. It is closed before the service stops. Errors of the pages behind its links are
    ignored."""
    browser = await open_browser()
    await browser.page.goto(f"{demo_url}/demo")
    return browser.page


async def test_it_shows_every_person_and_how_to_start_a_call(demo: Page) -> None:
    await expect(demo.get_by_role("heading", name="Demo")).to_be_visible()
    await expect(demo.get_by_role("region", name="A call in a minute")).to_contain_text("Join as Ben")
    first = demo.get_by_role("listitem").filter(has_text="about to begin").last
    for label in ("Join as Ada (tutor)", "Join as Ben (student)"):
        await expect(demo.get_by_role("button", name=f"{label} at Algebra, about to begin")).to_be_visible()
        await expect(demo.get_by_role("button", name=f"{label} at Algebra, tomorrow")).to_be_visible()
        await expect(demo.get_by_role("button", name=f"{label} at Algebra, not confirmed")).to_have_count(0)
    await expect(demo.get_by_text("not confirmed", exact=False).first).to_be_visible()
    await expect(demo.get_by_role("button", name="Join as Ida (guest) at Evening circle")).to_have_count(2)
    assert await first.count() == 1
    await expect_state(demo, "demo")


@pytest.mark.representative
async def test_a_button_opens_the_hosted_page_of_its_person_in_a_new_tab(demo: Page, tutoring: Tenant) -> None:
    async with demo.expect_popup() as opening:
        await demo.get_by_role("button", name="Join as Ben (student) at Algebra, about to begin").click()
    tab = await opening.value
    await tab.wait_for_url(ADDRESS)
    ticket = ADDRESS.search(tab.url)
    assert ticket
    joined = await send_as(tutoring, ticket[1], "POST", "/v1/bookings/lesson-1/join")
    assert (joined.status_code, joined.json()["user_id"]) == (200, "student-1")
    await expect(demo).to_have_url(re.compile("/demo$"))


async def test_a_qr_code_has_the_link_of_its_person(demo: Page, demo_url: str, tutoring: Tenant) -> None:
    async with demo.expect_popup() as opening:
        await demo.get_by_role("button", name="QR code for Ada at Algebra, about to begin").click()
    tab = await opening.value
    await expect(tab.get_by_role("img", name="QR code of the link")).to_be_visible()
    size = await tab.locator(".qr svg").bounding_box()
    assert size is not None
    assert size["width"] == size["height"] >= 200
    await expect_state(tab, "demo-phone")
    url = await tab.get_by_role("link", name=f"{demo_url}/join/").get_attribute("href")
    assert url is not None
    ticket = ADDRESS.search(url)
    assert ticket
    joined = await send_as(tutoring, ticket[1], "POST", "/v1/bookings/lesson-1/join")
    assert (joined.status_code, joined.json()["user_id"]) == (200, "tutor-1")


async def test_without_an_address_it_shows_how_phones_can_reach_it(
    broker: Broker, tutoring: Tenant, open_browser: OpenBrowser
) -> None:
    await tutoring.book(title="Algebra, about to begin")
    service = service_with_console(broker)
    session = (tutoring.app.name, SessionKind.BOOKING, "lesson-1")
    install(service, DemoPlan([session], "http://127.0.0.1:1", lambda _: asyncio.sleep(0)))
    async with serving(service, ws="none", force_exit=True) as url:
        browser = await open_browser()
        await browser.page.goto(f"{url}/demo")
        async with browser.page.expect_popup() as opening:
            await browser.page.get_by_role("button", name="QR code for Ben at Algebra, about to begin").click()
        tab = await opening.value
        await expect_state(tab, "demo-phone-off")
        await browser.context.close()


async def test_a_guest_button_asks_for_a_name(demo: Page, tutoring: Tenant) -> None:
    async with demo.expect_popup() as opening:
        story = demo.get_by_role("region", name="Try a guest")
        await story.get_by_role("button", name="Join as Ida (guest)").click()
    tab = await opening.value
    await tab.wait_for_url(ADDRESS)
    ticket = ADDRESS.search(tab.url)
    assert ticket
    joined = (await send_as(tutoring, ticket[1], "POST", "/v1/groups/circle/join")).json()
    assert (joined["display_name"], joined["role"]) == ("Ida (guest)", "student")


async def test_the_waiting_room_is_shown_while_the_page_stays_open(demo: Page, tutoring: Tenant) -> None:
    story = demo.get_by_role("region", name="Try the waiting room")
    for label in ("Join as Ada (tutor)", "Join as Ben (student)"):
        await expect(story.get_by_role("button", name=label)).to_be_visible()
    await expect(demo.get_by_role("region", name="Try moderation")).to_contain_text("remove Ben")
    asked = await tutoring.post("/v1/bookings/lesson-4/join", {"user_id": "student-1"})
    assert error_code(asked) == "waiting_for_admission"
    await story.get_by_role("button", name="Join as Ada (tutor)").focus()
    await expect(demo.get_by_text("Waiting: Ben")).to_be_visible()
    await expect(story.get_by_role("button", name="Join as Ada (tutor)")).to_be_focused()


async def test_times_can_be_reset(demo: Page, clock: MovableClock) -> None:
    clock.move(hours=3)
    await demo.reload()
    await expect(demo.get_by_role("button", name="Algebra, about to begin")).to_have_count(0)
    await demo.get_by_role("button", name="Reset demo").click()
    await expect(demo.get_by_role("button", name="Join as Ada (tutor) at Algebra, restarted")).to_be_visible()


@pytest.mark.representative
async def test_other_sites_cannot_submit_its_forms(demo_url: str, tutoring: Tenant) -> None:
    fields = {"app": tutoring.app.name, "kind": "booking", "reference": "lesson-1", "user_id": "tutor-1"}
    async with httpx.AsyncClient(base_url=demo_url, trust_env=False) as client:
        for path in ("/demo/join", "/demo/phone", "/demo/again"):
            response = await client.post(path, data=fields, headers={"origin": "https://evil.example"})
            assert response.status_code == 403
        for wrong in ({"app": "another"}, {"reference": "secret"}, {"kind": "party"}):
            assert (await client.post("/demo/join", data={**fields, **wrong})).status_code == 422
        refused = await client.post("/demo/join", data={**fields, "reference": "lesson-2"})
        assert refused.status_code == 403
        assert "session_not_confirmed" in refused.text
    assert await tutoring.events("link.issued") == []
