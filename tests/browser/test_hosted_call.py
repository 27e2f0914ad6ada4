"""The call on the hosted page, with two people and real media."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Frame, expect
from sqlalchemy import update

from browser.conftest import OpenBrowser
from browser.states import expect_state
from browser.visitors import TIMEOUT_MS, DelayedRequests, Visitor, create_ticket, open_hosted_page
from polling import eventually
from tenants import MovableClock, Sandbox, Tenant, context_of, create_guest_link, send_as
from videobroker.domain.apps import ProviderName
from videobroker.domain.times import rfc3339
from videobroker.storage.tables import sessions
from videobroker.usecases import management

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("fast_polling")]

DECODED = """async (least) => {
    for (;;) {
        const { people } = (await document.querySelector("vb-call")?.stats?.()) ?? { people: {} };
        const frames = Object.values(people).flatMap((each) => each.video.map((one) => one.framesDecoded));
        if (frames.length > 0 && Math.max(...frames) > least) return Math.max(...frames);
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}"""
AGORA_ROLES = {"tutor": "publisher", "student": "publisher", "guest": "publisher"}


async def expect_video(frame: Frame) -> None:
    """Wait until this frame decodes video of another person."""
    async with asyncio.timeout(30):
        seen = await frame.evaluate(DECODED, 0)
        await frame.evaluate(DECODED, seen)


async def start_lesson(open_browser: OpenBrowser, service_url: str, tenant: Tenant) -> tuple[Visitor, Visitor]:
    """Ada, a host, and Ben have joined with their links, and see each other."""
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tenant, "tutor-1"))
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tenant, "student-1"))
    frames = await asyncio.gather(ada.join_call(), ben.join_call())
    await asyncio.gather(*(expect_video(frame) for frame in frames))
    return ada, ben


async def join_alone(open_browser: OpenBrowser, service_url: str, tenant: Tenant) -> tuple[Visitor, Frame]:
    """Ben has joined alone."""
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tenant, "student-1"))
    frame = await ben.join_call()
    await expect_in_call(frame)
    return ben, frame


async def expect_in_call(frame: Frame) -> None:
    """Wait until this frame has left the preview and shows the call."""
    await expect(frame.get_by_role("toolbar", name="Call")).to_be_visible(timeout=TIMEOUT_MS)


@pytest.fixture
async def with_second_account(tutoring: Tenant, sandbox: Sandbox) -> Tenant:
    """The app `tutoring`, with an account at Agora in addition to the one at 100ms, which comes first."""
    return await _with_agora(tutoring, sandbox)


async def _with_agora(tenant: Tenant, sandbox: Sandbox) -> Tenant:
    project = sandbox.agora
    account = {
        "app_id": project.app_id,
        "app_certificate": project.app_certificate,
        "customer_id": project.customer_id,
        "customer_secret": project.customer_secret,
        "api_url": sandbox.url,
        "prebuilt_url": f"{sandbox.url}/agora/meeting",
    }
    now = tenant.broker.now()
    role_maps = {**tenant.app.role_maps, ProviderName.AGORA: AGORA_ROLES}
    app = await management.change_app(context_of(tenant.broker, tenant.app, now=now), policy={}, role_maps=role_maps)
    app = await management.set_account(context_of(tenant.broker, app, now=now), ProviderName.AGORA, account)
    return replace(tenant, app=app)


@pytest.mark.representative
async def test_two_people_meet_are_counted_and_see_that_the_host_has_ended_the_call(
    open_browser: OpenBrowser, service_url: str, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await webhook_tenant.book(title="Algebra, lesson 1")
    ada, ben = await start_lesson(open_browser, service_url, webhook_tenant)

    await expect_state(ada.page, "call-host")
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()
    calls = (await webhook_tenant.get("/v1/bookings/lesson-1/calls")).json()["data"]
    (call,) = calls
    people = (await webhook_tenant.get(f"/v1/calls/{call['id']}")).json()
    assert {each["user_id"] for each in people["attendance"]} == {"tutor-1", "student-1"}

    await ada.use_toolbar("End for everyone")
    await expect(ada.page.get_by_role("dialog")).to_contain_text("End the call for everyone?")
    await expect_state(ada.page, "ending")
    await ada.page.route("**/end", lambda route: route.abort(), times=1)
    ada.browser.expected_errors.append("net::ERR_FAILED")
    confirm = ada.page.get_by_role("dialog").get_by_role("button", name="End for everyone")
    await confirm.click()
    await expect_state(ada.page, "ending-failed")
    await confirm.click()

    await asyncio.gather(ada.expect_heading("The call has ended"), ben.expect_heading("The call has ended"))
    await expect(ada.page.locator("#text")).to_contain_text("You ended the call for everyone.")
    await expect(ben.page.locator("#text")).to_contain_text("The host ended the call for everyone.")
    await expect_state(ben.page, "ended")
    await expect_state(ada.page, "ended-by-me")


async def test_a_page_of_the_vendor_without_messages_gets_its_buttons_above_the_frame(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, sandbox: Sandbox
) -> None:
    """As 100ms Prebuilt, which reports nothing to the page around it."""
    await tutoring.book(title="Algebra, lesson 1")
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    page = "<!doctype html><html lang=en><title>Call</title><h1>The vendor's page</h1>"
    await ada.page.route(f"{sandbox.url}/**", lambda route: route.fulfill(body=page, content_type="text/html"))
    await ada.join_call()

    await expect_state(ada.page, "call-vendor-page")
    await ada.button("Leave").click()
    await ada.expect_heading("You left the call")
    await ada.button("Rejoin").click()
    await ada.button("End for everyone").click()
    await ada.page.get_by_role("dialog").get_by_role("button", name="End for everyone").click()
    await ada.expect_heading("The call has ended")
    assert (await tutoring.get("/v1/bookings/lesson-1/calls")).json()["data"][0]["ended_at"] is not None


@pytest.mark.representative
async def test_each_control_of_a_call_is_in_one_place(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    frame = await ada.join_call()
    await expect_in_call(frame)

    for name in ("Leave", "End for everyone"):
        await expect(ada.button(name)).to_have_count(0)
        await expect(frame.get_by_role("button", name=name, exact=True)).to_have_count(1)
    await ada.use_toolbar("End for everyone")
    await expect(frame.get_by_role("dialog")).to_have_count(0)
    await ada.page.keyboard.press("Escape")
    await expect(ada.page.get_by_role("dialog")).to_have_count(0)
    await ada.use_toolbar("Leave")
    await ada.expect_heading("You left the call")


async def test_a_person_who_has_left_can_rejoin(open_browser: OpenBrowser, service_url: str, tutoring: Tenant) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring), phone=True)
    await expect_in_call(await ben.join_call())
    await expect_state(ben.page, "call")

    await ben.use_toolbar("Leave")

    await ben.expect_heading("You left the call")
    await expect_state(ben.page, "left")
    await expect(ben.page.locator("#call iframe")).to_have_count(0)
    await ben.button("Rejoin").click()
    await expect_in_call(await ben.call_frame())


async def change_lesson(tenant: Tenant, **fields: object) -> None:
    response = await tenant.send("PATCH", "/v1/bookings/lesson-1", json=fields)
    assert response.status_code == 200, response.text


def tomorrow(tenant: Tenant) -> dict[str, object]:
    return {"starts_at": rfc3339(tenant.broker.now() + timedelta(days=1)), "duration_minutes": 60}


async def test_a_person_who_has_left_sees_how_to_join_again(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await expect_in_call(await ben.join_call())
    await ben.use_toolbar("Leave")
    await expect(ben.button("Rejoin")).to_be_visible(timeout=TIMEOUT_MS)

    await change_lesson(tutoring, policy={"waiting_room": "admit"})
    await expect(ben.button("Ask to rejoin")).to_be_visible(timeout=TIMEOUT_MS)
    await expect_state(ben.page, "left-admission")

    await change_lesson(tutoring, policy={})
    await tutoring.post("/v1/bookings/lesson-1/end")
    await expect(ben.button("Wait for the host")).to_be_visible(timeout=TIMEOUT_MS)
    await expect_state(ben.page, "left-host")

    await change_lesson(tutoring, **tomorrow(tutoring))
    await ben.expect_heading("You're early")


async def test_a_removed_person_sees_that_the_session_was_moved(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await expect_in_call(await ben.join_call())
    await tutoring.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": False})
    await expect(ben.page.locator("body")).to_have_attribute("data-screen", "removed", timeout=TIMEOUT_MS)

    await change_lesson(tutoring, **tomorrow(tutoring))

    await expect(ben.button("Join when it opens")).to_be_visible(timeout=TIMEOUT_MS)
    await expect_state(ben.page, "removed-early")


async def test_a_host_who_has_left_a_call_that_ended_can_start_another_one(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    await expect_in_call(await ada.join_call())
    await ada.use_toolbar("Leave")
    await ada.expect_heading("You left the call")

    await tutoring.post("/v1/bookings/lesson-1/end")

    await expect(ada.page.locator("#text")).to_contain_text("The call has ended since.", timeout=TIMEOUT_MS)
    await expect_state(ada.page, "left-over")


async def test_a_person_whose_call_ended_sees_the_next_one(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await expect_in_call(await ben.join_call())
    await tutoring.post("/v1/bookings/lesson-1/end")
    await expect(ben.button("Wait for the host")).to_be_visible(timeout=TIMEOUT_MS)

    assert (await tutoring.join()).status_code == 200
    await expect(ben.page.locator("#text")).to_contain_text("a new one has started", timeout=TIMEOUT_MS)
    await expect_state(ben.page, "ended-new")

    await change_lesson(tutoring, policy={"waiting_room": "admit"})
    await expect(ben.button("Ask to rejoin")).to_be_visible(timeout=TIMEOUT_MS)
    await expect_state(ben.page, "ended-admission")


@pytest.mark.representative
async def test_the_host_admits_people_one_by_one(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(title="Algebra, lesson 1", policy={"waiting_room": "admit", "guests_allowed": True})
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "student-1"), phone=True)
    gus = await open_hosted_page(
        open_browser, service_url, await create_ticket(tutoring, None, guest={"display_name": "Gus"})
    )
    await ben.expect_heading("Waiting room")
    await expect_state(ben.page, "asks-to-join")
    assert (await tutoring.get("/v1/bookings/lesson-1/lobby")).json()["data"] == []
    frame = await ada.join_call()

    await ben.button("Ask to join").click()
    await expect(ben.page.locator("#text")).to_contain_text("We've sent your request.")
    await expect_state(ben.page, "waiting-for-admission")
    await expect(ada.page.locator("#announcement")).to_have_text("Ben is in the waiting room.", timeout=TIMEOUT_MS)
    await gus.button("Ask to join").click()
    await expect(ada.page.get_by_role("listitem")).to_have_count(2, timeout=TIMEOUT_MS)
    await expect(ada.page).to_have_title("(2) Algebra, lesson 1")
    await expect_in_call(frame)
    await expect_state(ada.page, "host-waiting-room")
    await ada.page.route("**/deny", lambda route: route.abort(), times=1)
    ada.browser.expected_errors.append("net::ERR_FAILED")
    await ada.button("Deny Gus").click()
    await expect_state(ada.page, "host-waiting-room-failed")

    await ada.button("Deny Gus").click()
    await gus.expect_heading("The host declined your request")
    await expect_state(gus.page, "denied")
    await expect(ada.page.locator("#lobby-heading")).to_be_focused()
    await ada.button("Admit Ben").click()

    await expect_in_call(await ben.call_frame())
    await expect(ada.page.locator("#lobby")).to_be_hidden()
    await ada.page.get_by_role("button", name="Waiting room").click()
    await expect_state(ada.page, "host-waiting-room-no-one")
    await ada.page.get_by_role("button", name="Waiting room").click()
    await expect(ada.page.locator("#lobby")).to_be_hidden()
    issued = await tutoring.events("credentials.issued")
    assert [each["user_id"] for each in issued] == ["tutor-1", "student-1"]
    assert await tutoring.events("credentials.denied") == []


async def test_the_host_admits_all_who_wait_also_after_ten_seconds_without_a_network(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(policy={"waiting_room": "admit", "guests_allowed": True})
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"), phone=True)
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "student-1"))
    gus = await open_hosted_page(
        open_browser, service_url, await create_ticket(tutoring, None, guest={"display_name": "Gus"})
    )
    for visitor in (ben, gus):
        visitor.browser.expected_errors.extend(["ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED"])
        await visitor.button("Ask to join").click(timeout=TIMEOUT_MS)
    await expect(ada.page.get_by_role("listitem")).to_have_count(2, timeout=TIMEOUT_MS)

    await ben.browser.context.set_offline(True)
    await expect(ben.page.locator("#trouble")).to_contain_text("You're offline.")
    clock.move(seconds=10)
    await ada.button("Admit all (2)").click()
    await ben.browser.context.set_offline(False)

    await asyncio.gather(ben.call_frame(), gus.call_frame())


async def test_a_call_continues_after_the_link_has_expired(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book()
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, expires_in_seconds=60))
    ben.browser.expected_errors.append("status of 401")
    frame = await ben.join_call()
    await expect_in_call(frame)

    clock.move(minutes=2)
    await eventually(ben.has_failed_request)
    await expect_in_call(frame)
    await ben.use_toolbar("Leave")

    await ben.expect_heading("This link has expired")


async def test_joining_on_another_device_is_shown_on_the_first(
    open_browser: OpenBrowser, service_url: str, with_second_account: Tenant
) -> None:
    await with_second_account.book(providers=["agora"])
    text = await create_ticket(with_second_account)
    laptop = await open_hosted_page(open_browser, service_url, text)
    await expect_in_call(await laptop.join_call())

    phone = await open_hosted_page(open_browser, service_url, text, phone=True)
    await expect_in_call(await phone.join_call())

    await laptop.expect_heading("You joined on another device")
    await expect_state(laptop.page, "elsewhere")
    await expect(laptop.button("Switch to this device")).to_be_visible()


async def test_a_blocked_person_cannot_rejoin(
    open_browser: OpenBrowser, service_url: str, webhook_tenant: Tenant
) -> None:
    await webhook_tenant.book()
    ben, _ = await join_alone(open_browser, service_url, webhook_tenant)

    await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})

    await ben.expect_heading("You were removed from the call")
    await expect(ben.page.locator("#call iframe")).to_have_count(0)
    await expect(ben.page.locator("#actions button:visible")).to_have_count(0)


async def test_a_removed_person_can_ask_to_rejoin(
    open_browser: OpenBrowser, service_url: str, webhook_tenant: Tenant
) -> None:
    await webhook_tenant.book(title="Algebra, lesson 1")
    ben, _ = await join_alone(open_browser, service_url, webhook_tenant)

    await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": False})
    await webhook_tenant.run_due_jobs()

    await ben.expect_heading("You were removed from the call")
    await expect_state(ben.page, "removed")
    await ben.button("Rejoin").click()
    await expect_in_call(await ben.call_frame())


async def test_a_host_sees_when_the_connection_of_a_waiting_person_is_interrupted(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(title="Algebra, lesson 1", policy={"waiting_room": "admit"})
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "student-1"))
    await ben.button("Ask to join").click(timeout=TIMEOUT_MS)
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    await expect(ada.page.get_by_role("listitem")).to_have_count(1, timeout=TIMEOUT_MS)

    await ben.page.close()

    async def stranded() -> bool:
        # The open stream counts as activity until the service has noticed that its client is gone.
        clock.move(seconds=10)
        (entry,) = (await tutoring.get("/v1/bookings/lesson-1/lobby")).json()["data"]
        return bool(entry["state"] == "stranded")

    await eventually(stranded)

    await expect_state(ada.page, "host-waiting-room-stranded")


async def test_a_page_requests_another_code_if_its_code_was_replaced(
    open_browser: OpenBrowser, service_url: str, webhook_tenant: Tenant, sandbox: Sandbox
) -> None:
    await webhook_tenant.book()
    old = (await webhook_tenant.join(user_id="student-1", surface="prebuilt")).json()["room_code"]
    browser = await open_browser()
    browser.expected_errors.append("status of 403")

    async def stale(route: Any) -> None:
        response = await route.fetch()
        body = await response.text()
        # Meanwhile the code is disabled, as after the removal of another person with this role.
        await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})
        await webhook_tenant.run_due_jobs()
        await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/readmit")
        await route.fulfill(response=response, body=body)

    await browser.page.route("**/join", stale, times=1)
    await browser.page.goto(f"{service_url}/join/{await create_ticket(webhook_tenant)}")
    ben = Visitor(browser, "", "")

    await ben.button("Join now").click(timeout=TIMEOUT_MS)

    await ben.page.wait_for_selector(f"#call iframe:not([src*='{old}'])", timeout=TIMEOUT_MS)
    await expect_in_call(await ben.call_frame())


@pytest.mark.representative
async def test_the_url_of_the_vendors_page_contains_no_secret(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    ben, frame = await join_alone(open_browser, service_url, tutoring)

    joined = (await tutoring.join(user_id="student-1", surface="prebuilt")).json()

    path, _, query = frame.url.partition("?")
    assert path.endswith(f"/meeting/{joined['room_code']}")
    assert query == "name=Ben&userId=student-1&skip_preview_headful=true"
    assert ben.ticket not in frame.url
    assert await frame.evaluate("document.referrer") == ""


async def test_a_session_that_moves_to_another_provider_moves_everyone(
    open_browser: OpenBrowser, service_url: str, with_second_account: Tenant, clock: MovableClock
) -> None:
    await with_second_account.book(providers=["100ms", "agora"])
    ben, _ = await join_alone(open_browser, service_url, with_second_account)
    delayed = DelayedRequests()
    await ben.page.route("**/join", delayed.delay, times=1)

    async with with_second_account.broker.store.cross_app_transaction() as unit_of_work:
        of_app = sessions.c.app_id == with_second_account.app.id
        await unit_of_work.execute(update(sessions).where(of_app).values(provider=ProviderName.AGORA))

    await expect_state(ben.page, "moved")
    await delayed.release()
    await ben.page.wait_for_selector("#call iframe[src*='/agora/meeting']", timeout=TIMEOUT_MS)
    await expect_in_call(await ben.call_frame())


async def test_a_session_without_a_room_uses_the_next_provider_if_the_first_is_down(
    open_browser: OpenBrowser, service_url: str, with_second_account: Tenant, sandbox: Sandbox
) -> None:
    await with_second_account.book(providers=["100ms", "agora"])
    await sandbox.inject_fault("status", status=500, operation="create_room")
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(with_second_account))
    ben.browser.expected_errors.append("status of 503")

    frame = await ben.join_call()

    await expect_in_call(frame)
    assert "/agora/meeting" in frame.url


@pytest.mark.representative
async def test_two_people_meet_at_agora(
    open_browser: OpenBrowser, service_url: str, with_second_account: Tenant, clock: MovableClock
) -> None:
    await with_second_account.book(title="Algebra, lesson 1", providers=["agora"])

    ada, ben = await start_lesson(open_browser, service_url, with_second_account)

    assert "token" not in (await ada.call_frame()).url
    await ada.use_toolbar("End for everyone")
    await ada.page.get_by_role("dialog").get_by_role("button", name="End for everyone").click()
    await asyncio.gather(ada.expect_heading("The call has ended"), ben.expect_heading("The call has ended"))


async def test_a_token_is_renewed_before_it_expires_and_access_is_decided_again(
    open_browser: OpenBrowser, service_url: str, with_second_account: Tenant, clock: MovableClock
) -> None:
    await with_second_account.book(providers=["agora"], duration_minutes=180)
    ben, frame = await join_alone(open_browser, service_url, with_second_account)

    clock.move(minutes=40)
    await with_second_account.send("PATCH", "/v1/bookings/lesson-1", json={"title": "A new title"})

    await expect(ben.page.locator("body")).to_have_attribute("data-renewals", "1", timeout=TIMEOUT_MS)
    issued = await with_second_account.events("credentials.issued", user_id="student-1")
    assert len(issued) == 2
    await expect_in_call(frame)
    # The vendor warns 30 seconds before its token expires, independent of our clock.
    clock.move(minutes=59, seconds=40)
    await expect(ben.page.locator("body")).to_have_attribute("data-renewals", "2", timeout=TIMEOUT_MS)
    await expect_in_call(frame)


async def test_a_person_who_may_no_longer_join_gets_no_new_token(
    open_browser: OpenBrowser, service_url: str, with_second_account: Tenant, clock: MovableClock
) -> None:
    await with_second_account.book(providers=["agora"], duration_minutes=180)
    ben, _ = await join_alone(open_browser, service_url, with_second_account)
    ben.browser.expected_errors.append("status of 403")

    clock.move(minutes=40)
    await with_second_account.send("DELETE", "/v1/bookings/lesson-1/participants/student-1")

    await expect(ben.page.locator("#call iframe")).to_have_count(0, timeout=TIMEOUT_MS)
    await ben.expect_heading("You're no longer invited")


SIZES = [(1280, 800), (1366, 657), (1024, 600), (360, 640)]
UNREACHABLE = """() => {
    const missed = [];
    for (const button of document.querySelectorAll("#lobby button:not([hidden])")) {
        button.scrollIntoView({ block: "nearest" });
        const box = button.getBoundingClientRect();
        const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        if (hit?.closest("button") !== button) missed.push(button.getAttribute("aria-label") ?? button.textContent);
    }
    return missed;
}"""


async def wait_for_admission(tenant: Tenant, people: int) -> None:
    for number in range(people):
        link = await create_guest_link(tenant, f"Guest number {number}")
        response = await send_as(tenant, link, "POST", "/v1/visit/knock")
        assert response.status_code == 200, response.text


@pytest.mark.parametrize("in_call", [False, True], ids=["before the call", "in the call"])
async def test_every_button_of_the_waiting_list_is_reachable(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, in_call: bool
) -> None:
    await tutoring.book(title="Algebra, lesson 1", policy={"waiting_room": "admit", "guests_allowed": True})
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    if in_call:
        await ada.join_call()
    waiting = 0
    for people in (1, 8, 40):
        await wait_for_admission(tutoring, people - waiting)
        waiting = people
        await expect(ada.page.locator("#lobby li")).to_have_count(people, timeout=TIMEOUT_MS)
        for width, height in SIZES:
            await ada.page.set_viewport_size({"width": width, "height": height})
            assert await ada.page.evaluate(UNREACHABLE) == [], f"{people} at {width}x{height}"


async def test_a_withdrawn_request_leaves_the_waiting_room(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1", policy={"waiting_room": "admit"})
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "student-1"))
    await ben.button("Ask to join").click(timeout=TIMEOUT_MS)
    await expect(ben.page.locator("#heading")).to_be_focused()
    await expect(ben.page.locator("#text")).to_contain_text("We've sent your request.", timeout=TIMEOUT_MS)

    await ben.button("Withdraw request").click()

    async def is_empty() -> bool:
        return bool((await tutoring.get("/v1/bookings/lesson-1/lobby")).json()["data"] == [])

    await eventually(is_empty)
    await expect(ben.button("Ask to join")).to_be_visible()
    await expect(ben.page.locator("#heading")).to_be_focused()
    assert len(await tutoring.events("participant.withdrew")) == 1


async def test_a_host_in_the_call_is_notified_of_new_requests(
    open_browser: OpenBrowser, service_url: str, webhook_tenant: Tenant, sandbox: Sandbox
) -> None:
    await webhook_tenant.book(title="Algebra, lesson 1", policy={"waiting_room": "admit"})
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(webhook_tenant, "tutor-1"))
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(webhook_tenant, "student-1"))
    await expect_in_call(await ada.join_call())
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()
    await ben.button("Ask to join").click(timeout=TIMEOUT_MS)

    text = "We've told the host you're here."  # codespell:ignore told
    await expect(ben.page.locator("#text")).to_have_text(text, timeout=TIMEOUT_MS)
    await expect_state(ben.page, "waiting-host-present")


async def test_a_person_removed_from_a_session_with_a_waiting_room_can_ask_again(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1", policy={"waiting_room": "admit"})
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "student-1"))

    async def has_request() -> bool:
        entries = (await tutoring.get("/v1/bookings/lesson-1/lobby")).json()["data"]
        return [each["state"] for each in entries] == ["waiting"]

    await ben.button("Ask to join").click(timeout=TIMEOUT_MS)
    await eventually(has_request)
    await tutoring.post("/v1/bookings/lesson-1/lobby/admit")
    await expect_in_call(await ben.call_frame())

    await tutoring.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": False})
    await tutoring.run_due_jobs()

    await ben.expect_heading("You were removed from the call")
    await expect_state(ben.page, "removed-asks")
    await ben.button("Ask to rejoin").click()
    await ben.expect_heading("Waiting room")
    await eventually(has_request)


async def test_a_student_cannot_start_another_call_after_the_end(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "student-1"))
    await expect_in_call(await ada.join_call())
    await expect_in_call(await ben.join_call())
    await tutoring.post("/v1/bookings/lesson-1/end")

    await ben.expect_heading("The call has ended")
    await expect_state(ada.page, "ended-plain")
    await expect(ben.button("Start the call again")).to_have_count(0)
    refused = await tutoring.join(user_id="student-1")
    assert (refused.status_code, refused.json()["code"]) == (403, "waiting_for_host")
    await ben.button("Wait for the host").click()
    await ben.expect_heading("Waiting for the host")
    await ada.button("Start the call again").click()

    await expect_in_call(await ben.call_frame())
