"""Pages of the console behind nginx: they update at once, end with the session, and poll when there is no stream."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from browser.conftest import OpenBrowser
from browser.test_console import console_url
from consoles import ADMIN_KEY, OPERATOR
from scaling.local_proxies import needs_nginx, nginx
from tenants import Tenant

pytestmark = [pytest.mark.long, needs_nginx]

__all__ = ["console_url"]
POLL_MS = 15_000


@pytest.fixture
def proxied_url(console_url: str, tmp_path: Path) -> Iterator[str]:
    """The URL of nginx in front of the console."""
    port = urlsplit(console_url).port
    assert port is not None
    with nginx(tmp_path, [port]) as proxy:
        yield proxy.url


async def sign_in(page: Page, url: str) -> None:
    """Sign in to the console at this URL."""
    await page.goto(f"{url}/console/health")
    await page.get_by_label("Your name or initials").fill(OPERATOR)
    await page.get_by_label("Admin key").fill(ADMIN_KEY)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Health", level=1)).to_be_visible()


async def open_today(page: Page, url: str, tenant: Tenant) -> None:
    """Open the day of an app without a call."""
    await page.goto(f"{url}/console?app={tenant.app.id}")
    await expect(page.get_by_text("No calls in progress.")).to_be_visible()


async def test_a_page_updates_at_once_and_leaves_when_the_operator_signs_out(
    open_browser: OpenBrowser, proxied_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    browser = await open_browser()
    browser.expected_errors.append("401")
    await sign_in(browser.page, proxied_url)
    async with browser.page.expect_response("**/console/live*") as stream:
        await open_today(browser.page, proxied_url, tutoring)
    assert (await stream.value).headers["content-type"].startswith("text/event-stream")
    await tutoring.join()
    # Sooner than a page that polls.
    await expect(browser.page.get_by_text("No calls in progress.")).to_be_hidden(timeout=POLL_MS - 2_000)
    other = await browser.context.new_page()
    await other.goto(f"{proxied_url}/console/health")
    await browser.page.bring_to_front()
    await other.get_by_role("button", name="Sign out").click()
    await expect(browser.page.get_by_text("Your session has ended.")).to_be_visible(timeout=3 * POLL_MS)


async def test_a_page_without_a_stream_polls(open_browser: OpenBrowser, proxied_url: str, tutoring: Tenant) -> None:
    await tutoring.book()
    browser = await open_browser()
    await sign_in(browser.page, proxied_url)
    browser.expected_errors.append("Failed to load resource")
    await browser.page.route("**/console/live*", lambda route: route.abort())
    await open_today(browser.page, proxied_url, tutoring)
    await tutoring.join()
    await expect(browser.page.get_by_text("No calls in progress.")).to_be_hidden(timeout=3 * POLL_MS)
    await expect(browser.page.get_by_text("Updated at ")).to_be_visible()
