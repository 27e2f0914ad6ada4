"""Two pages of one person at 100ms: the newer one has the call, and the older one says so."""

import asyncio

import pytest
from playwright.async_api import expect

from browser.conftest import OpenBrowser
from browser.test_hosted_call import expect_in_call
from browser.visitors import TIMEOUT_MS, Visitor, create_ticket, open_hosted_page
from polling import eventually
from tenants import Tenant

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("fast_polling")]

HEADING = "You joined on another device"


async def stays_in_call(visitor: Visitor) -> None:
    """For longer than the page needs to notice that another one has joined."""
    await asyncio.sleep(3)
    await expect(visitor.page.locator("body")).to_have_attribute("data-screen", "call")


@pytest.mark.representative
async def test_the_first_page_leaves_and_can_take_the_call_back(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    laptop = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await expect_in_call(await laptop.join_call())

    phone = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring), phone=True)
    await expect_in_call(await phone.join_call())

    await laptop.expect_heading(HEADING)
    await expect(laptop.heading).to_be_focused()
    await expect(laptop.page.locator("#announcement")).to_contain_text(HEADING)
    await expect(laptop.page.locator("#call iframe")).to_have_count(0)
    await stays_in_call(phone)

    await laptop.button("Switch to this device").click()
    await expect_in_call(await laptop.call_frame())
    await phone.expect_heading(HEADING)
    await stays_in_call(laptop)
    assert len(await tutoring.events("credentials.issued")) == 3


async def test_a_page_that_is_reloaded_joins_again_and_others_are_not_affected(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await expect_in_call(await ada.join_call())
    await expect_in_call(await ben.join_call())

    await ben.page.reload()
    await expect_in_call(await ben.join_call())

    await asyncio.gather(stays_in_call(ben), stays_in_call(ada))


async def test_credentials_for_the_apps_own_frontend_do_not_end_the_call(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await expect_in_call(await ben.join_call())

    assert (await tutoring.join(user_id="student-1")).status_code == 200

    await stays_in_call(ben)


async def test_of_two_pages_that_start_at_once_exactly_one_stays(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    ticket = await create_ticket(tutoring)
    visitors = [await open_hosted_page(open_browser, service_url, ticket) for _ in range(2)]
    for each in visitors:
        await expect(each.page.locator("#devices")).to_have_attribute("data-state", "on", timeout=TIMEOUT_MS)

    await asyncio.gather(*(each.button("Join now").click(timeout=TIMEOUT_MS) for each in visitors))

    async def screens() -> list[str]:
        return sorted([str(await each.page.locator("body").get_attribute("data-screen")) for each in visitors])

    async def is_settled() -> bool:
        return await screens() == ["call", "elsewhere"]

    await eventually(is_settled)
    # No ping-pong: neither page joins again by itself.
    await asyncio.sleep(3)
    assert await is_settled()
    assert len(await tutoring.events("credentials.issued")) == 2
