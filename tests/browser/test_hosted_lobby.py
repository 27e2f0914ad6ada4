"""The hosted page before the call: it shows every change of the session by itself."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from playwright.async_api import Route, expect

from browser.conftest import OpenBrowser
from browser.states import expect_state
from browser.visitors import TIMEOUT_MS, DelayedRequests, Visitor, create_ticket, open_hosted_page
from tenants import MovableClock, Sandbox, Tenant
from videobroker.domain.ids import AppId
from videobroker.errors import StorageUnavailable
from videobroker.storage.postgres.database import Store

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("fast_polling")]


async def change_booking(tenant: Tenant, **fields: Any) -> None:
    response = await tenant.send("PATCH", "/v1/bookings/lesson-1", json=fields)
    assert response.status_code == 200, response.text


async def expect_announced(visitor: Visitor, heading: str, state: str) -> None:
    """Wait for this heading and state, and for its announcement to screen readers."""
    await visitor.expect_heading(heading)
    await expect_state(visitor.page, state)
    await expect(visitor.page.locator("#announcement")).to_contain_text(heading)


@pytest.mark.representative
async def test_the_button_appears_when_the_window_opens(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(title="Algebra, lesson 1", starts_in=timedelta(minutes=32))
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await ben.expect_heading("You're early")
    await expect(ben.page.locator("#devices")).to_have_attribute("data-state", "on", timeout=TIMEOUT_MS)
    await expect_state(ben.page, "early")
    await expect(ben.page.locator("#remaining")).to_have_text("22 min")
    await expect(ben.page.get_by_text("Joining as Ben")).to_be_visible()

    clock.move(minutes=23)

    await expect_announced(ben, "Ready to join?", "ready")
    await expect(ben.button("Join now")).to_be_visible()
    await expect(ben.page.locator("#heading")).to_be_focused()


async def test_a_person_who_has_asked_joins_automatically_when_the_window_opens(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(starts_in=timedelta(minutes=32))
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring), phone=True)
    await ben.button("Join automatically").click(timeout=TIMEOUT_MS)
    await expect(ben.page.locator("#asked", has_text="You'll join automatically.")).to_be_visible()
    await expect_state(ben.page, "early-asked")

    clock.move(minutes=23)

    frame = await ben.call_frame()
    await expect(frame.locator("vb-call")).to_contain_text("Ben", timeout=TIMEOUT_MS)


async def test_a_wrong_clock_on_the_device_does_not_change_the_countdown(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(starts_in=timedelta(minutes=32))
    browser = await open_browser()
    await browser.page.clock.install(time=clock() - timedelta(hours=5))

    await browser.page.goto(f"{service_url}/join/{await create_ticket(tutoring)}")

    await expect(browser.page.locator("#remaining")).to_have_text("22 min", timeout=TIMEOUT_MS)
    # The device sleeps for ten minutes: timers stop, but the time passes.
    clock.move(minutes=10)
    await browser.page.clock.fast_forward("10:00")
    await expect(browser.page.locator("#remaining")).to_have_text("12 min", timeout=TIMEOUT_MS)


async def test_every_change_of_the_session_is_shown_at_once(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await ben.expect_heading("Ready to join?")

    await change_booking(tutoring, status="pending", title="Geometry")
    await expect_announced(ben, "This session is not confirmed yet", "not-confirmed")
    await expect(ben.page.locator("#session")).to_have_text("Geometry")
    await change_booking(tutoring, status="confirmed", modality="physical")
    await expect_announced(ben, "This session isn't a video call", "video-off")
    await change_booking(tutoring, modality="virtual")
    await ben.expect_heading("Ready to join?")
    await tutoring.send("DELETE", "/v1/bookings/lesson-1/participants/student-1")
    await expect_announced(ben, "You're no longer invited", "not-on-the-list")
    await tutoring.send(
        "PUT", "/v1/bookings/lesson-1/participants/student-1", json={"role": "student", "display_name": "Ben"}
    )
    await ben.expect_heading("Ready to join?")
    await tutoring.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})
    await expect_announced(ben, "You were removed from the call", "removed-for-good")
    await expect(ben.page.locator("#actions button:visible")).to_have_count(0)
    await tutoring.post("/v1/bookings/lesson-1/participants/student-1/readmit")
    await ben.expect_heading("Ready to join?")
    await tutoring.post("/v1/bookings/lesson-1/cancel")
    await expect_announced(ben, "This session was canceled", "cancelled")


async def test_a_session_that_is_over_shows_when_it_ended(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring), phone=True)
    await ben.expect_heading("Ready to join?")

    clock.move(hours=2)

    await expect_announced(ben, "This session is over", "over")
    await expect(ben.page.locator("#text")).to_contain_text("It ended on ")


@pytest.mark.representative
async def test_participants_wait_until_the_host_is_present(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(title="Algebra, lesson 1", policy={"waiting_room": "until_host"})
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring), phone=True)
    await expect_announced(ben, "Waiting for the host", "waiting-for-host")

    assert (await tutoring.join(user_id="tutor-1")).status_code == 200

    await expect_announced(ben, "Ready to join?", "ready-call-runs")
    await expect(ben.page.locator("#text")).to_have_text("The call is in progress.")


async def test_ten_seconds_without_a_network_strand_no_one(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(policy={"waiting_room": "until_host"})
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    ben.browser.expected_errors.append("ERR_INTERNET_DISCONNECTED")
    ben.browser.expected_errors.append("ERR_NETWORK_CHANGED")
    await ben.button("Join automatically").click(timeout=TIMEOUT_MS)

    await ben.browser.context.set_offline(True)
    await expect(ben.page.locator("#trouble")).to_contain_text("You're offline.")
    await expect_state(ben.page, "offline")
    # The host joins while this page is offline.
    assert (await tutoring.join(user_id="tutor-1")).status_code == 200
    clock.move(seconds=10)
    await ben.browser.context.set_offline(False)

    await ben.call_frame()
    await expect(ben.page.locator("#trouble")).to_be_empty()


async def test_a_vendor_that_is_down_is_retried_until_it_responds(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    await sandbox.inject_fault("status", status=500, times=4)
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    ben.browser.expected_errors.append("503")
    await ben.button("Join now").click(timeout=TIMEOUT_MS)

    await expect(ben.page.locator("#text")).to_contain_text("The video service isn't responding.", timeout=TIMEOUT_MS)
    await expect_announced(ben, "Connecting...", "vendor-down")
    await sandbox.clear_faults()

    frame = await ben.call_frame()
    await expect(frame.locator("vb-call")).to_contain_text("Ben", timeout=TIMEOUT_MS)


@pytest.mark.representative
async def test_an_expired_link_shows_where_to_get_a_new_one(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(starts_in=timedelta(hours=30))
    text = await create_ticket(tutoring, expires_in_seconds=3600)
    ben = await open_hosted_page(open_browser, service_url, text, phone=True)
    ben.browser.expected_errors.append("status of 401")
    ben.browser.expected_errors.append("status of 410")
    await expect_announced(ben, "You're early", "early-another-day")
    await expect(ben.page.locator("#text")).to_contain_text("Use this same link then.")

    clock.move(hours=2)

    await expect_announced(ben, "This link has expired", "link-expired")
    response = await ben.page.reload()
    assert response is not None
    assert response.status == 410
    await ben.expect_heading("This link has expired")


async def test_an_invalid_link_gets_a_friendly_explanation(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    text = await create_ticket(tutoring)
    browser = await open_browser(locale="de-AT")
    browser.expected_errors.append("status of 404")

    response = await browser.page.goto(f"{service_url}/join/{text[:-7]}")

    assert response is not None
    assert response.status == 404
    await expect(browser.page.locator("#heading")).to_have_text("Dieser Link funktioniert nicht")
    await browser.page.goto(f"{service_url}/join/{text[:-7]}?lang=en")
    await expect_state(browser.page, "link-broken")


@pytest.mark.representative
async def test_a_ticket_of_another_session_or_deployment_is_refused(
    service_url: str, tutoring: Tenant, other: Tenant
) -> None:
    await tutoring.book("mine")
    await tutoring.book("not-mine")
    text = await create_ticket(tutoring, reference="mine")

    async with httpx.AsyncClient(base_url=service_url, headers={"Authorization": f"Bearer {text}"}) as client:
        other_session = await client.post("/v1/bookings/not-mine/join", json={})
        responses = [await client.get("/v1/bookings"), await client.post("/v1/bookings/mine/links", json={})]

    assert other_session.status_code == 404
    assert {response.status_code for response in responses} == {403}


@pytest.mark.representative
async def test_the_page_works_with_the_keyboard_alone(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await ben.expect_heading("Ready to join?")
    await expect(ben.page.locator("#devices")).to_have_attribute("data-state", "on", timeout=TIMEOUT_MS)

    for _ in range(6):
        await ben.page.keyboard.press("Tab")
        if await ben.button("Join now").evaluate("element => element === document.activeElement"):
            break
    await ben.page.keyboard.press("Enter")

    toolbar = (await ben.call_frame()).get_by_role("toolbar", name="Call")
    # The keyboard goes on where the person works next.
    await expect(toolbar.get_by_role("button", name="Mute")).to_be_focused(timeout=TIMEOUT_MS)


DEVICES = """
const genuine = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const fail = (name) => { throw new DOMException("no", name); };
navigator.mediaDevices.getUserMedia = async (constraints) => {
    %s
};"""
"""States of the devices in front of a page."""


@pytest.mark.parametrize(
    ("devices", "state"),
    [
        ('fail("NotAllowedError")', "devices-denied"),
        ('fail("NotFoundError")', "devices-none"),
        ('fail("NotReadableError")', "devices-busy"),
        ('return constraints.video ? fail("NotFoundError") : genuine(constraints)', "devices-no-camera"),
        ('return constraints.audio ? fail("NotFoundError") : genuine(constraints)', "devices-no-microphone"),
        ("return new Promise(() => {})", "devices-asking"),
    ],
)
async def test_a_person_can_join_without_a_camera(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, devices: str, state: str
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    browser = await open_browser()
    await browser.page.add_init_script(DEVICES % devices)
    ben = Visitor(browser, "", "")
    await browser.page.goto(f"{service_url}/join/{await create_ticket(tutoring)}")
    await ben.expect_heading("Ready to join?")

    await expect_state(browser.page, state)

    retry = ben.button("Check again")
    await (expect(retry).to_be_visible() if "fail" in devices[:4] else expect(retry).to_be_hidden())
    await expect(ben.button("Join now")).to_be_enabled()


async def test_the_camera_stays_off_until_the_page_may_use_it(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    browser = await open_browser()
    # Chromium asks for no permission to use fake devices.
    await browser.page.add_init_script("navigator.permissions.query = async () => ({ state: 'prompt' });")
    await browser.page.goto(f"{service_url}/join/{await create_ticket(tutoring)}")
    ben = Visitor(browser, "", "")
    await ben.expect_heading("Ready to join?")

    await expect_state(browser.page, "devices-not-asked")

    await expect(ben.page.locator("#devices")).to_have_attribute("data-state", "idle")
    await expect(ben.button("Join now")).to_be_enabled()


async def test_the_page_shows_that_it_is_loading(open_browser: OpenBrowser, service_url: str, tutoring: Tenant) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    browser = await open_browser()
    delayed = DelayedRequests()
    await browser.page.route("**/v1/visit/stream", delayed.delay)

    await browser.page.goto(f"{service_url}/join/{await create_ticket(tutoring)}")
    await expect_state(browser.page, "loading")

    await delayed.release()
    await Visitor(browser, "", "").expect_heading("Ready to join?")


async def test_joining_can_be_canceled(open_browser: OpenBrowser, service_url: str, tutoring: Tenant) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await ben.page.route("**/join", DelayedRequests().delay)
    await ben.button("Join now").click(timeout=TIMEOUT_MS)

    await expect_state(ben.page, "connecting")
    await ben.button("Cancel").click()

    await ben.expect_heading("Ready to join?")
    await expect(ben.page.locator("#call iframe")).to_have_count(0)


async def test_a_guest_sees_that_guests_are_no_longer_allowed(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1", policy={"guests_allowed": True})
    gus = await open_hosted_page(
        open_browser, service_url, await create_ticket(tutoring, None, guest={"display_name": "Gus"})
    )
    await gus.expect_heading("Ready to join?")

    await change_booking(tutoring, policy={"guests_allowed": False})

    await expect_announced(gus, "This session is invite-only", "no-guests")


async def test_a_session_that_is_completed_early_is_shown_as_over(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await ben.expect_heading("Ready to join?")

    await change_booking(tutoring, status="completed")

    await expect_announced(ben, "This session is over", "over-early")


async def test_an_unknown_reason_is_shown_as_a_refusal(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    browser = await open_browser()
    text = await create_ticket(tutoring)
    headers = {"Authorization": f"Bearer {text}"}
    async with httpx.AsyncClient(base_url=service_url, headers=headers) as client:
        found = (await client.get("/v1/visit")).json()
    found["decision"] = {**found["decision"], "decision": "refuse", "reason": "of_a_later_version"}
    body = f"event: visit\ndata: {json.dumps(found)}\n\n"
    await browser.page.route(
        "**/v1/visit/stream", lambda route: route.fulfill(body=body, content_type="text/event-stream")
    )

    await browser.page.goto(f"{service_url}/join/{text}")

    await expect_announced(Visitor(browser, text, ""), "You can't join", "refused")


async def test_a_setup_error_is_shown_with_its_code_and_can_be_retried(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, sandbox: Sandbox
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    await sandbox.inject_fault("status", status=422, operation="create_room")
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    ben.browser.expected_errors.append("status of 502")
    await ben.button("Join now").click(timeout=TIMEOUT_MS)

    await expect_announced(ben, "We couldn't start the call", "setup")

    await expect(ben.page.locator("#text")).to_contain_text("provider_refused")
    await sandbox.clear_faults()
    await ben.button("Try again").click()
    await ben.call_frame()


async def test_without_javascript_it_says_what_it_needs(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    browser = await open_browser(java_script_enabled=False)

    await browser.page.goto(f"{service_url}/join/{await create_ticket(tutoring)}")

    await expect_state(browser.page, "hosted-no-javascript")


async def test_it_supports_the_dark_color_scheme_and_german(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, Stunde 1", starts_in=timedelta(minutes=32))

    ben = await open_hosted_page(
        open_browser, service_url, await create_ticket(tutoring), query="?lang=de", color_scheme="dark"
    )

    await ben.expect_heading("Sie sind früh dran")
    await expect(ben.page.locator("#devices")).to_have_attribute("data-state", "on", timeout=TIMEOUT_MS)
    await expect_state(ben.page, "early-german")
    await ben.page.emulate_media(color_scheme="dark")
    assert await ben.page.evaluate("document.documentElement.lang") == "de"
    body = ben.page.locator("body")
    assert await body.evaluate("element => getComputedStyle(element).backgroundColor") == "rgb(16, 21, 19)"


async def test_it_shows_a_database_outage_and_retries(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tutoring.book()
    text = await create_ticket(tutoring)
    browser = await open_browser()
    browser.expected_errors.append("status of 503")
    is_down = True

    def transaction(store: Store, app_id: AppId | None = None) -> Any:
        if is_down:
            raise StorageUnavailable("The database does not answer. Try again in a moment.", retry_after=1)
        return reach(store, app_id)

    reach = Store.transaction
    monkeypatch.setattr(Store, "transaction", transaction)
    response = await browser.page.goto(f"{service_url}/join/{text}")
    assert response is not None
    assert response.status == 503
    assert response.headers["retry-after"] == "1"
    await expect(browser.page.locator("#heading")).to_have_text("We can't load your session")
    await browser.page.route("**/join/**", lambda route: None)
    await expect_state(browser.page, "unavailable")
    await browser.page.unroute_all()

    is_down = False
    ben = Visitor(browser, text, "")
    await ben.expect_heading("Ready to join?")
    is_down = True
    await ben.page.evaluate("dispatchEvent(new Event('online'))")
    await expect(ben.page.locator("#trouble")).to_contain_text("We're having a problem.", timeout=TIMEOUT_MS)
    await expect_state(ben.page, "service-disturbed")
    is_down = False
    await expect(ben.page.locator("#trouble")).to_be_empty(timeout=TIMEOUT_MS)
    await expect(ben.button("Join now")).to_be_visible()


async def test_the_page_says_that_a_request_was_sent_only_after_the_service_has_it(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(policy={"waiting_room": "admit"})
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    may_continue = asyncio.Event()

    async def delay(route: Route) -> None:
        await may_continue.wait()
        await route.continue_()

    await ben.page.route("**/v1/visit/knock", delay)
    await ben.button("Ask to join").click(timeout=TIMEOUT_MS)
    await expect_state(ben.page, "asking-to-join")
    may_continue.set()
    await expect(ben.page.locator("#text")).to_contain_text("We've sent your request.", timeout=TIMEOUT_MS)


async def test_a_person_who_has_asked_and_reloads_the_page_still_waits(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(policy={"waiting_room": "admit"})
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await ben.button("Ask to join").click(timeout=TIMEOUT_MS)
    await expect(ben.page.locator("#text")).to_contain_text("We've sent your request.")

    await ben.page.reload()

    await expect(ben.page.locator("#text")).to_contain_text("We've sent your request.", timeout=TIMEOUT_MS)
    assert len(await tutoring.events("participant.waiting")) == 1
