"""The console in Chromium, on a desktop and on a phone."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import update

from browser.conftest import BrowserSession, OpenBrowser, accessibility_violations
from browser.states import SIZES, expect_state, horizontal_overflow
from consoles import ADMIN_KEY, OPERATOR, service_with_console
from delivery.backend import deliver_due, respond, start_backend
from servers import serving
from tenants import MovableClock, Sandbox, Tenant
from videobroker.broker import Broker
from videobroker.delivery.sender import WebhookSender
from videobroker.domain.apps import App
from videobroker.domain.webhooks import RETRY_DELAYS
from videobroker.storage.tables import apps
from videobroker.usecases.operations.statistics import update_statistics_of
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest

pytestmark = pytest.mark.long

MAX_PAGE_BYTES = 200 * 1024
expect.set_options(timeout=20_000)
XSS = '<script>window.hacked = true</script><img src=x onerror="window.hacked = true">'


@pytest.fixture
async def console_url(broker: Broker, no_failed_attempts: None) -> AsyncIterator[str]:
    """The URL of a service with a console. Each test has its own, because a process remembers wrong keys."""
    async with serving(service_with_console(broker), force_exit=True) as url:
        yield url


SignIn = Callable[..., Awaitable[BrowserSession]]


@pytest.fixture
async def open_console(console_url: str, open_browser: OpenBrowser) -> SignIn:
    """Opens browsers in which an operator has signed in with the form."""

    async def make(**options: Any) -> BrowserSession:
        browser = await open_browser(**{"timezone_id": "Europe/Berlin", **options})
        await browser.page.goto(f"{console_url}/console")
        await browser.page.get_by_label("Your name or initials").fill(OPERATOR)
        await browser.page.get_by_label("Admin key").fill(ADMIN_KEY)
        await browser.page.get_by_role("button", name="Sign in").click()
        await expect(browser.page.get_by_role("heading", name="Today")).to_be_visible()
        return browser

    return make


async def join_room(tenant: Tenant, sandbox: Sandbox, user_id: str = "tutor-1") -> tuple[dict[str, Any], str]:
    """Request credentials and join the room with them. Returns the peer ID."""
    joined = (await tenant.join(user_id=user_id)).json()
    return joined, await sandbox.join_room(joined["room_id"], token=joined["token"])


async def lesson(tenant: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
    """A lesson that Ada attends from the start. Ben is late, leaves, and returns. Cleo is absent."""
    people = [
        {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
        {"user_id": "student-1", "role": "student", "display_name": "Ben"},
        {"user_id": "student-2", "role": "student", "display_name": "Cleo"},
    ]
    await tenant.book(title="Algebra, lesson 1", participants=people)
    clock.move(minutes=4)
    ada, _ = await join_room(tenant, sandbox)
    clock.move(minutes=9)
    _, peer = await join_room(tenant, sandbox, "student-1")
    clock.move(minutes=15)
    await sandbox.leave_room(ada["room_id"], peer)
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()
    clock.move(minutes=6)
    await join_room(tenant, sandbox, "student-1")
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()


async def test_every_page_is_accessible_small_and_fits_a_desktop_and_a_phone(
    open_console: SignIn, console_url: str, webhook_tenant: Tenant, other: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await webhook_tenant.book("lesson-0", title="Geometry", starts_in=timedelta(hours=2))
    await lesson(webhook_tenant, sandbox, clock)
    await webhook_tenant.book("lesson-2", title="Trigonometry", starts_in=timedelta(minutes=-3))
    await webhook_tenant.create_group("circle", title="Evening circle")
    await webhook_tenant.book("exam", title="Exam", starts_in=timedelta(minutes=5), policy={"waiting_room": "admit"})
    await webhook_tenant.join("exam", "student-1")
    endpoint = await endpoints.create(
        webhook_tenant.context,
        EndpointRequest("https://backend.example/hooks", "The backend"),
    )
    await update_statistics_of(webhook_tenant.broker, webhook_tenant.app.id)
    # With a single app, there is no choice.
    await rename_app(other, f"therapy-{str(other.app.id)[-4:]}")
    await rename_app(webhook_tenant, f"lessons-{str(webhook_tenant.app.id)[-4:]}")
    page, app = (await open_console()).page, webhook_tenant.app.id
    weighed: list[int] = []
    page.on("response", lambda response: weighed.append(int(response.headers.get("content-length", "0"))))
    pages = {
        "today": f"/console?app={app}",
        "list": f"/console/list/late?app={app}",
        "waiting": f"/console/waiting?app={app}",
        "search": f"/console/search?q=tutor-1&app={app}",
        "groups": f"/console/groups?app={app}",
        "booking": f"/console/book?app={app}",
        "choice": "/console/deliveries",
        "charts": f"/console/charts?app={app}",
        "journal": f"/console/journal?app={app}",
        "deliveries": f"/console/deliveries?app={app}",
        "all-deliveries": f"/console/deliveries/{app}/all",
        "endpoint": f"/console/deliveries/{app}/{endpoint.id}",
        "health": "/console/health",
        "diagnostics": f"/console/diagnostics?app={app}",
        "session": await session_path(page, console_url, webhook_tenant.app),
    }
    for name, path in pages.items():
        weighed.clear()
        await page.goto(f"{console_url}{path}")
        assert sum(weighed) < MAX_PAGE_BYTES, name
        await expect_state(page, f"console-{name}")


@pytest.mark.parametrize("size", SIZES)
async def test_a_long_app_name_does_not_widen_a_page(
    open_console: SignIn, console_url: str, webhook_tenant: Tenant, other: Tenant, size: str
) -> None:
    await webhook_tenant.book("lesson-1", title="Algebra, lesson 1")
    await rename_app(other, f"other-{uuid4()}")
    await rename_app(webhook_tenant, f"{'therapy_and_counseling_' * 8}{webhook_tenant.app.id}")
    page, app = (await open_console()).page, webhook_tenant.app.id
    await page.set_viewport_size(SIZES[size])
    for path in (
        "/console",
        f"/console?app={app}",
        "/console/deliveries",
        f"/console/health?app={app}",
        "/console/diagnostics",
        f"/console/diagnostics?app={app}",
        f"/console/charts?app={app}",
        f"/console/journal?app={app}",
        await session_path(page, console_url, webhook_tenant.app),
    ):
        await page.goto(f"{console_url}{path}")
        await expect(page.locator("h1")).to_be_visible()
        assert await horizontal_overflow(page) <= 0, path


async def rename_app(tenant: Tenant, name: str) -> None:
    """Give an app a name for a screenshot."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        await unit_of_work.execute(update(apps).where(apps.c.id == tenant.app.id).values(name=name))


async def session_path(page: Page, console_url: str, app: App) -> str:
    await page.goto(f"{console_url}/console/search?q=lesson-1&app={app.id}")
    path = await page.get_by_role("link", name="Algebra, lesson 1").first.get_attribute("href")
    assert path
    return path


@pytest.mark.representative
async def test_only_the_admin_key_opens_the_console(open_browser: OpenBrowser, console_url: str) -> None:
    browser = await open_browser(timezone_id="Asia/Tokyo")
    browser.expected_errors.append("403")
    page = browser.page
    await page.goto(f"{console_url}/console/health")
    await expect_state(page, "console-sign-in")
    # With the keyboard only.
    for text in (OPERATOR, "not the key"):
        await page.keyboard.press("Tab")
        while await page.evaluate("document.activeElement.tagName") != "INPUT":
            await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Wrong admin key.")).to_be_visible()
    await expect_state(page, "console-wrong-key")
    await page.get_by_label("Admin key").fill(ADMIN_KEY)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Health", level=1)).to_be_visible()
    # The browser has sent its time zone.
    await expect(page.get_by_text("Times in Asia/Tokyo")).to_be_visible()
    (cookie,) = await browser.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in to the console")).to_be_visible()
    assert await browser.context.cookies() == []


@pytest.mark.representative
async def test_text_of_other_people_is_never_executed(open_console: SignIn, console_url: str, tutoring: Tenant) -> None:
    people = [{"user_id": "tutor-1", "role": "tutor", "display_name": XSS}]
    await tutoring.book(title=XSS, participants=people, metadata={"note": XSS})
    await tutoring.join(user_id='"><svg onload=hacked=true>')
    page = (await open_console()).page
    await page.goto(f"{console_url}/console?app={tutoring.app.id}")
    await page.get_by_role("link", name=XSS).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(XSS)
    await expect(page.get_by_text("\"><svg onload=hacked=true> couldn't join")).to_be_visible()
    assert await page.evaluate("window.hacked") is None


async def test_the_chart_shows_each_persons_stays(
    open_console: SignIn, console_url: str, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await lesson(webhook_tenant, sandbox, clock)
    page = (await open_console()).page
    await page.goto(f"{console_url}{await session_path(page, console_url, webhook_tenant.app)}")
    chart = page.get_by_role("img", name=re.compile("Attendance from"))
    people = [await line.get_attribute("data-person") for line in await chart.locator(".person-line").all()]
    assert people == ["Ben", "Cleo", "Ada"]
    bars = {
        person: [await bar.bounding_box() for bar in await chart.locator(f'[data-person="{person}"] .bar').all()]
        for person in people
        if person
    }
    assert {person: len(each) for person, each in bars.items()} == {"Ben": 2, "Cleo": 0, "Ada": 1}
    (ada,), (first, second) = bars["Ada"], bars["Ben"]
    planned = await chart.locator(".planned").bounding_box()
    assert ada
    assert first
    assert second
    assert planned
    # Ada joined before the start and is present. Ben was late, was away for six minutes, and is back.
    assert ada["x"] < planned["x"] < first["x"] < second["x"]
    minute = planned["width"] / 60
    assert second["x"] - (first["x"] + first["width"]) == pytest.approx(6 * minute, abs=1.5 * minute)
    assert first["width"] == pytest.approx(15 * minute, abs=1.5 * minute)
    await page.get_by_text("Show as table").click()
    table = page.get_by_role("region", name="Attendance as a table")
    assert await table.get_by_role("row").count() == 5
    await expect(table.get_by_role("row", name="Cleo")).to_contain_text("Did not join")


@pytest.mark.representative
async def test_an_operator_can_end_a_call_remove_a_participant_and_create_a_link(
    open_console: SignIn, console_url: str, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await lesson(webhook_tenant, sandbox, clock)
    page = (await open_console()).page
    await page.goto(f"{console_url}{await session_path(page, console_url, webhook_tenant.app)}")
    await page.get_by_text("Remove... Ben").click()
    await page.get_by_label("Also block from rejoining").and_(page.locator("[open] input")).check()
    await page.get_by_role("button", name="Remove Ben").click()
    await expect(page.locator(".notice")).to_have_text("Removed.")
    await expect(page.get_by_text("Ben was removed and blocked.")).to_be_visible()
    await page.get_by_text("End call...").click()
    await page.get_by_role("button", name="End call for everyone").click()
    await expect(page.locator(".notice")).to_have_text("The call has ended.")
    await expect_state(page, "console-acted")
    await page.get_by_role("button", name="Create link for Cleo").click()
    link = page.get_by_label("Cleo", exact=True)
    await expect(link).to_have_value(re.compile(f"^{console_url}/join/vbt_"))
    assert await accessibility_violations(page) == []
    assert [
        each["asked_by"]["operator"] for each in await webhook_tenant.events("participant.removed", "link.issued")
    ] == [
        OPERATOR,
        OPERATOR,
    ]


async def test_the_start_of_a_new_booking_is_in_the_operators_time_zone(
    open_console: SignIn, console_url: str, tutoring: Tenant
) -> None:
    browser = await open_console(timezone_id="America/New_York")
    browser.expected_errors.append("422")
    page = browser.page
    await page.goto(f"{console_url}/console/book?app={tutoring.app.id}")
    await page.get_by_label("Title").fill("Algebra")
    await page.get_by_label("Reference").fill("lesson-7")
    await page.get_by_label("Start").fill("2027-07-01T09:30")
    await expect(page.get_by_text("That is 2027-07-01 13:30 UTC.")).to_be_visible()
    third = page.get_by_role("group", name="Participant 3", exact=True)
    await expect(third).to_be_hidden()
    await page.get_by_role("button", name="Add participant").click()
    await expect(third.get_by_label("User ID")).to_be_focused()
    await page.keyboard.type("student-1")
    await page.get_by_role("group", name="Participant 1", exact=True).get_by_label("Name").fill("Ada")
    await page.get_by_role("button", name="Create booking").click()
    wrong = page.get_by_role("group", name="Participant 1", exact=True).get_by_label("User ID")
    await expect(wrong).to_have_attribute("aria-invalid", "true")
    await expect(wrong).to_have_accessible_description(re.compile("Enter the user ID"))
    await expect_state(page, "console-booking-errors")
    await wrong.fill("tutor-1")
    await page.get_by_role("group", name="Participant 1", exact=True).get_by_label("Role").select_option("tutor")
    await page.get_by_role("button", name="Create booking").click()
    await expect(page.get_by_text("Booking created.")).to_be_visible()
    await expect(page.get_by_label("Ada", exact=True)).to_have_value(re.compile("/join/vbt_"))
    await expect_state(page, "console-booked")
    assert (await tutoring.get("/v1/bookings/lesson-7")).json()["starts_at"] == "2027-07-01T13:30:00Z"


async def test_a_conflict_between_two_operators_is_shown_and_resolved(
    open_console: SignIn, console_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    browser = await open_console()
    browser.expected_errors.append("409")
    page = browser.page
    await page.goto(f"{console_url}{await session_path(page, console_url, tutoring.app)}")
    await page.get_by_role("link", name="Edit title, time, and rules").click()
    await expect_state(page, "console-edit")
    await page.get_by_label("Title").fill("Algebra, lesson 2")
    await tutoring.send("PATCH", "/v1/bookings/lesson-1", json={"title": "Geometry"})
    await page.get_by_label("Title").press("Enter")
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect_state(page, "console-edit-conflict")
    await page.get_by_role("button", name="Save changes").click()
    await expect(page.locator(".notice")).to_have_text("Changes saved.")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Algebra, lesson 2")


async def test_the_overview_updates_itself(open_console: SignIn, console_url: str, tutoring: Tenant) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    page = (await open_console()).page
    await page.goto(f"{console_url}/console?app={tutoring.app.id}")
    await expect(page.get_by_text("No calls in progress.")).to_be_visible()
    await expect_state(page, "console-quiet")
    await page.reload()
    await tutoring.join()
    # Sooner than a page that polls.
    await expect(page.get_by_text("No calls in progress.")).to_be_hidden(timeout=10_000)
    await expect(page.get_by_text(re.compile("^Updated at "))).to_be_visible()
    await expect(page.locator("[data-announcement]")).to_have_text("In progress: 1")


async def test_a_failed_delivery_can_be_sent_again(
    open_console: SignIn, console_url: str, tutoring: Tenant, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = WebhookSender(allow_private=True)
    monkeypatch.setattr(tutoring.broker.webhook_sender, "send", sender.send)
    monkeypatch.setattr(tutoring.broker.webhook_sender, "allow_private", True)
    async with start_backend() as backend:
        await endpoints.create(
            tutoring.context,
            EndpointRequest(backend.url),
        )
        backend.default_behavior = respond(503, b"not now")
        await tutoring.book()
        for delay in (*RETRY_DELAYS, timedelta(0)):
            await deliver_due(tutoring)
            # Longer than the jitter, and than the time between two probes of a paused endpoint.
            clock.move(seconds=1.2 * delay.total_seconds() + 120)
        page = (await open_console()).page
        await page.goto(f"{console_url}/console/deliveries?app={tutoring.app.id}")
        await expect_state(page, "console-not-delivered")
        await page.get_by_role("link", name="session.registered").click()
        await expect(page.get_by_text("Request headers", exact=False)).to_have_count(len(RETRY_DELAYS) + 1)
        await expect_state(page, "console-delivery")
        backend.default_behavior = respond(200)
        await page.get_by_role("button", name="Resend").click()
        await expect(page.get_by_role("status").first).to_have_text("Queued for resending.")
        await deliver_due(tutoring)
        await page.reload()
        await expect(page.get_by_text("Delivered", exact=True)).to_be_visible()
        await page.get_by_role("link", name=backend.url).click()
        await page.get_by_role("button", name="Send test event").click()
        await expect_state(page, "console-tested")
    await sender.aclose()


async def test_an_unknown_path_shows_an_error_page(
    open_console: SignIn, open_browser: OpenBrowser, console_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await rename_app(tutoring, f"lessons-{str(tutoring.app.id)[-4:]}")
    operator = await open_console()
    operator.expected_errors.append("status of 404")
    page, app = operator.page, tutoring.app.id
    await page.goto(f"{console_url}/console/search?q=nothing-of-this-kind&app={app}")
    await expect_state(page, "console-nothing-found")
    await page.goto(f"{console_url}/console/deliveries?app={app}")
    await expect_state(page, "console-no-endpoints")
    await page.goto(f"{console_url}/console/nowhere")
    await expect_state(page, "console-no-such-page")
    signed_out = await open_browser()
    signed_out.expected_errors.extend(["status of 403", "status of 429"])
    page = signed_out.page
    await page.goto(f"{console_url}/console")
    for _ in range(8):
        await page.get_by_label("Your name or initials").fill(OPERATOR)
        await page.get_by_label("Admin key").fill("not the key")
        await page.get_by_role("button", name="Sign in").click()
        error = page.get_by_text(re.compile("Wrong admin key|Too many"))
        await expect(error).to_be_visible()
        if "Too many" in str(await error.text_content()):
            break
    await expect_state(page, "console-too-many-tries")
