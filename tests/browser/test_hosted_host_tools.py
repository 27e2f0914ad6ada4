"""What a host does beside the call: see who is there, remove, block, unblock, and notice who asks to join."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from browser.conftest import OpenBrowser
from browser.states import expect_state
from browser.test_hosted_call import expect_in_call, wait_for_admission
from browser.visitors import TIMEOUT_MS, create_ticket, open_hosted_page
from polling import eventually
from tenants import Sandbox, Tenant

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("fast_polling")]

PEOPLE = [
    {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
    {"user_id": "student-1", "role": "student", "display_name": "Ben"},
    {"user_id": "student-2", "role": "student", "display_name": "Cleo"},
    {"user_id": "student-3", "role": "student", "display_name": "Dan"},
]


async def test_a_host_removes_blocks_and_unblocks_people(
    open_browser: OpenBrowser, service_url: str, webhook_tenant: Tenant, sandbox: Sandbox
) -> None:
    await webhook_tenant.book(title="Algebra, lesson 1", participants=PEOPLE)
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(webhook_tenant, "tutor-1"))
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(webhook_tenant))
    await expect_in_call(await ada.join_call())
    await ada.page.locator("#people-toggle").click()
    await expect(ada.page.locator("#people-heading")).to_be_focused()
    await expect_state(ada.page, "host-people-unknown")
    await expect_in_call(await ben.join_call())
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()

    people = ada.page.locator("#people")
    await expect(people).to_contain_text("In the call (2)", timeout=TIMEOUT_MS)
    await ada.button("Block Dan").click()
    await expect_state(ada.page, "host-blocks")
    await expect(ada.page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    await ada.page.route("**/remove", lambda route: route.abort(), times=1)
    ada.browser.expected_errors.append("net::ERR_FAILED")
    block = ada.page.get_by_role("dialog").get_by_role("button", name="Block")
    await block.click()
    await expect_state(ada.page, "host-blocks-failed")
    await block.click()
    await expect(people.get_by_role("status")).to_have_text("Dan was blocked.", timeout=TIMEOUT_MS)
    await expect(ada.page.locator("#people-heading")).to_be_focused()
    await expect_state(ada.page, "host-people")

    await ada.button("Unblock Dan").press("Enter")
    await expect(people.get_by_role("status")).to_have_text("Dan was unblocked.", timeout=TIMEOUT_MS)
    await expect(people).not_to_contain_text("Blocked")

    await ada.button("Remove Ben").click()
    await expect_state(ada.page, "host-removes")
    await ada.page.keyboard.press("Escape")
    await ada.button("Remove Ben").click()
    await ada.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await ben.expect_heading("You were removed from the call")
    await expect(people.get_by_role("status")).to_have_text("Ben was removed.", timeout=TIMEOUT_MS)
    await expect(ada.button("Remove Ada")).to_have_count(0)


async def test_the_lists_open_and_close_with_the_keyboard(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1", participants=PEOPLE, policy={"waiting_room": "admit"})
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    await expect_in_call(await ada.join_call())

    for panel, toggle in (("people", "people-toggle"), ("lobby", "toggle")):
        for close in ("Escape", "Close"):
            await ada.page.locator(f"#{toggle}").press("Enter")
            await expect(ada.page.locator(f"#{panel}-heading")).to_be_focused()
            await expect(ada.page.locator(f"#{toggle}")).to_have_attribute("aria-expanded", "true")
            if close == "Escape":
                await ada.page.keyboard.press("Escape")
            else:
                await ada.page.locator(f"#{panel}").get_by_role("button", name="Close").press("Enter")
            await expect(ada.page.locator(f"#{panel}")).to_be_hidden()
            await expect(ada.page.locator(f"#{toggle}")).to_be_focused()


async def test_the_list_of_people_is_loaded_again_when_it_has_changed(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(participants=PEOPLE)
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    await expect_in_call(await ada.join_call())
    requests: list[str] = []
    ada.page.on("request", lambda request: requests.append(request.url))
    await ada.page.locator("#people-toggle").click()
    people = ada.page.locator("#people")
    await expect(people).to_contain_text("Dan", timeout=TIMEOUT_MS)
    await tutoring.post("/v1/bookings/lesson-1/participants/student-3/remove", {"ban": True})
    await expect(people).to_contain_text("Blocked (1)", timeout=TIMEOUT_MS)
    eve = {"role": "student", "display_name": "Eve"}
    await tutoring.send("PUT", "/v1/bookings/lesson-1/participants/student-4", json=eve)
    await expect(people).to_contain_text("Eve", timeout=TIMEOUT_MS)
    # One when the list is opened, and one for each change: the event of a call that starts may come in between.
    assert 3 <= len([url for url in requests if url.endswith("/people")]) <= 4


async def test_the_call_does_not_take_the_focus_from_someone_who_types_beside_it(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(participants=[*PEOPLE, *({"user_id": f"s-{n}", "role": "student"} for n in range(10))])
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    may_load = asyncio.Event()

    async def load_late(route: Route) -> None:
        await may_load.wait()
        await route.continue_()

    await ada.page.route("**/page/call.js", load_late)
    frame = await ada.join_call()
    await ada.page.locator("#people-toggle").click()
    search = ada.page.get_by_role("searchbox", name="Search by name")
    await search.click()
    may_load.set()
    await expect_in_call(frame)
    await ada.page.keyboard.type("Ben")

    await expect(search).to_have_value("Ben")
    await expect(ada.page.locator("#people li")).to_have_count(1)


async def test_a_long_list_can_be_searched(open_browser: OpenBrowser, service_url: str, tutoring: Tenant) -> None:
    many = [{"user_id": f"s-{n}", "role": "student", "display_name": f"Student {n}"} for n in range(40)]
    await tutoring.book(title="Algebra, lesson 1", participants=[*PEOPLE, *many])
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    await ada.join_call()
    await ada.page.locator("#people-toggle").click()
    await expect(ada.page.locator("#people li")).to_have_count(44, timeout=TIMEOUT_MS)

    await ada.page.get_by_role("searchbox", name="Search by name").fill("student 3")
    await expect(ada.page.locator("#people li")).to_have_count(11)
    await ada.page.get_by_role("searchbox", name="Search by name").fill("nobody")  # codespell:ignore nobody
    await expect_state(ada.page, "host-people-no-match")


async def test_25_people_wait_and_one_sound_announces_a_batch(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1", policy={"waiting_room": "admit", "guests_allowed": True})
    ada = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring, "tutor-1"))
    await expect_in_call(await ada.join_call())
    await wait_for_admission(tutoring, 25)
    await expect(ada.page.locator("#lobby li")).to_have_count(25, timeout=TIMEOUT_MS)
    assert await ada.page.title() == "(25) Algebra, lesson 1"
    chimes = int(await ada.page.locator("body").get_attribute("data-chimes") or 0)
    assert 1 <= chimes <= 25
    await expect(ada.page.locator("#announcement")).to_contain_text("is in the waiting room.")

    search = ada.page.locator("#lobby").get_by_role("searchbox")
    await search.fill("number 24")
    await expect(ada.page.locator("#lobby li:visible")).to_have_count(1)
    await search.fill("")
    await ada.page.get_by_role("checkbox", name="Play a sound when someone asks to join").uncheck()
    await wait_for_admission(tutoring, 1)
    await expect(ada.page.locator("#lobby li")).to_have_count(26, timeout=TIMEOUT_MS)
    assert int(await ada.page.locator("body").get_attribute("data-chimes") or 0) == chimes
    await ada.page.reload()
    await expect(ada.page.locator("#chime")).not_to_be_checked()

    await ada.button("Admit all (26)").click(timeout=TIMEOUT_MS)
    await expect(ada.page.locator("#lobby li")).to_have_count(0, timeout=TIMEOUT_MS)


async def test_only_hosts_have_the_list(open_browser: OpenBrowser, service_url: str, tutoring: Tenant) -> None:
    await tutoring.book()
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await ben.join_call()

    async def has_visit() -> bool:
        return bool(await ben.page.locator("#session").text_content())

    await eventually(has_visit)
    await expect(ben.page.locator("#people-toggle")).to_be_hidden()
    await expect(ben.page.locator("#people")).to_be_hidden()
