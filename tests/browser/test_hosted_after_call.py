"""After the call: its duration, and feedback."""

import pytest
from playwright.async_api import expect

from browser.conftest import OpenBrowser
from browser.states import expect_state
from browser.visitors import TIMEOUT_MS, Visitor, create_ticket, open_hosted_page
from polling import eventually
from tenants import MovableClock, Tenant

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("fast_polling")]


async def leave_call(open_browser: OpenBrowser, service_url: str, tenant: Tenant, **options: object) -> Visitor:
    """Ben has joined and left."""
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tenant), **options)  # type: ignore[arg-type]
    await ben.join_call()
    await ben.use_toolbar("Leave")
    await expect(ben.page.locator("#after")).to_be_visible(timeout=TIMEOUT_MS)
    return ben


@pytest.mark.representative
async def test_a_person_reports_a_problem_with_the_keyboard(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await leave_call(open_browser, service_url, tutoring)
    await expect(ben.page.locator("#stayed")).to_contain_text("You were in the call for")
    send = ben.button("Send feedback")
    await send.focus()
    await ben.page.keyboard.press("Enter")
    await expect(ben.page.locator("#feedback-status")).to_have_text("Choose a rating, or describe a problem.")
    await expect_state(ben.page, "feedback-empty")

    await ben.page.get_by_role("radio", name="1 of 5: very bad").focus()
    await ben.page.keyboard.press("ArrowRight")
    await expect(ben.page.get_by_role("radio", name="2 of 5: bad")).to_be_checked()
    await expect(ben.page.get_by_role("checkbox", name="Sound")).to_be_visible()
    await expect_state(ben.page, "feedback-problem")
    await ben.page.get_by_role("checkbox", name="Sound").focus()
    await ben.page.keyboard.press("Space")
    await ben.page.get_by_role("textbox", name="What happened? (optional)").fill("There was an echo.")
    await ben.page.route("**/feedback", lambda route: route.abort(), times=1)
    ben.browser.expected_errors.append("net::ERR_FAILED")
    await send.press("Enter")
    await expect_state(ben.page, "feedback-failed")
    await send.press("Enter")

    status = ben.page.locator("#feedback-status")
    await expect(status).to_have_text("Thank you for your feedback.", timeout=TIMEOUT_MS)
    await expect(status).to_be_focused()
    await expect_state(ben.page, "feedback-given")
    (event,) = await tutoring.events("feedback.given")
    assert (event["user_id"], event["data"]["rating"]) == ("student-1", 2)
    assert event["data"]["details"] == {"problems": ["audio"], "comment": "There was an echo."}


async def test_feedback_is_asked_once_per_call(open_browser: OpenBrowser, service_url: str, tutoring: Tenant) -> None:
    await tutoring.book()
    ben = await leave_call(open_browser, service_url, tutoring)
    await ben.page.locator(".stars label").nth(4).click()
    await ben.button("Send feedback").click()
    await expect(ben.page.locator("#feedback-status")).to_have_text("Thank you for your feedback.", timeout=TIMEOUT_MS)

    await ben.button("Rejoin").click()
    await ben.call_frame()
    await ben.use_toolbar("Leave")
    await expect(ben.page.locator("#stayed")).to_be_visible(timeout=TIMEOUT_MS)
    await expect(ben.page.locator("form.feedback")).to_have_count(0)
    await ben.button("Rejoin").click()
    await ben.call_frame()

    await tutoring.post("/v1/bookings/lesson-1/end")
    await ben.expect_heading("The call has ended")
    await expect(ben.page.locator("form.feedback")).to_have_count(0)


async def test_feedback_is_possible_after_the_window_has_closed(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.book()
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring), phone=True, locale="de-DE")
    await expect(ben.page.locator("#devices")).to_have_attribute("data-state", "on", timeout=TIMEOUT_MS)
    await ben.button("Jetzt beitreten").click()
    await ben.call_frame()
    clock.move(hours=4)
    await tutoring.run_due_jobs()
    await ben.expect_heading("Dieser Termin ist vorbei")

    await ben.page.locator(".stars label").nth(3).click()
    await ben.button("Rückmeldung senden").click()

    async def is_given() -> bool:
        return len(await tutoring.events("feedback.given")) == 1

    await eventually(is_given)
