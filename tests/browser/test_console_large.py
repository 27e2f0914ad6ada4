"""The console with 300 sessions today, and a call with 200 people."""

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import text

from browser.keyboard import focus_problems
from browser.states import horizontal_overflow, page_problems
from browser.test_console import SignIn, console_url, open_console
from browser.test_console_operability import OVERLAPPING
from console_rows import SESSIONS_WITH_CALLS
from tenants import Tenant

pytestmark = pytest.mark.long

__all__ = ["console_url", "open_console"]
SESSIONS = 300
PEOPLE = 200
MAX_ELEMENTS = 12_000
"""Of one page. Chromium was interactive 70 to 670 ms after it received a page, on two busy cores."""
RUNNING = (
    "update sessions set starts_at = greatest(date_trunc('day', cast(:now as timestamptz)), "
    "cast(:now as timestamptz) - interval '30 minutes'), concluded_at = null, "
    "ends_at = cast(:now as timestamptz) + interval '30 minutes' where app_id = :app and reference = 'lesson-1'",
    "insert into calls (app_id, id, session_id, provider, started_at, people, peak, present) "
    "select app_id, gen_random_uuid(), id, '100ms', starts_at, :members, :members, :members from sessions "
    "where app_id = :app and reference = 'lesson-1'",
    "insert into attendance (app_id, call_id, connection, joined_at, session_id, provider_user_id, user_id, "
    "joined_source, roles, evidence) select c.app_id, c.id, 'r-' || p.user_id, c.started_at + interval '1 minute', "
    "c.session_id, p.user_id, p.user_id, 'observed', '[]', '{}' from calls c join participants p "
    "on p.app_id = c.app_id and p.session_id = c.session_id where c.app_id = :app and c.ended_at is null",
)


@pytest.fixture
async def large(tutoring: Tenant) -> Tenant:
    """An app with many sessions today."""
    values = {
        **{"app": tutoring.app.id, "now": tutoring.broker.now()},
        **{"sessions": SESSIONS, "today": SESSIONS, "members": PEOPLE},
    }
    async with tutoring.broker.store.transaction(tutoring.app.id) as unit_of_work:
        for statement in (*SESSIONS_WITH_CALLS, *RUNNING):
            names = {name for name in values if f":{name}" in statement}
            await unit_of_work.execute(text(statement), {name: values[name] for name in names})
    return tutoring


async def expect_good_layout(page: Page, name: str) -> None:
    """Texts do not overlap, no page scrolls sideways, and axe finds nothing."""
    assert await page.evaluate("document.querySelectorAll('*').length") < MAX_ELEMENTS
    assert await page.evaluate(OVERLAPPING) == []
    assert await page_problems(page, name) == []
    await page.set_viewport_size({"width": 320, "height": 256})
    assert await horizontal_overflow(page) <= 0
    await page.set_viewport_size({"width": 1280, "height": 800})


async def test_a_day_with_300_sessions(open_console: SignIn, console_url: str, large: Tenant) -> None:
    page = (await open_console(timezone_id="UTC")).page
    await page.goto(f"{console_url}/console?app={large.app.id}")
    tiles = page.get_by_role("list", name="Sessions by state").locator("strong")
    assert sum(int(each.rstrip("+")) for each in await tiles.all_inner_texts()) >= SESSIONS
    await expect_good_layout(page, "today")
    assert await focus_problems(page) == []
    # Every session can be reached: the list of a state has pages.
    await page.goto(f"{console_url}/console/list/upcoming?app={large.app.id}")
    await expect_good_layout(page, "list")


async def test_a_call_with_200_people(open_console: SignIn, console_url: str, large: Tenant) -> None:
    page = (await open_console(timezone_id="UTC")).page
    await page.goto(f"{console_url}/console/search?q=lesson-1&app={large.app.id}")
    await page.get_by_role("link", name="Algebra, lesson 1", exact=True).click()
    await expect(page.get_by_text(f"{PEOPLE} in call").first).to_be_visible()
    await expect_good_layout(page, "session")
    # The table has all of them.
    await page.get_by_text("Show as table").click()
    await expect(page.get_by_role("region", name="Attendance as a table").get_by_role("row")).to_have_count(
        1 + PEOPLE, timeout=20_000
    )
    # With the keyboard, one finds a person without passing all others.
    await page.get_by_label("Find a participant").focus()
    await page.keyboard.type("Member 150")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("1 of 200 match")).to_be_visible()
    assert await focus_problems(page, 60) == []
