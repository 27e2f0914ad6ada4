"""The choice of a camera and a microphone takes effect, is remembered, and is passed to the call."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from browser.conftest import SWITCHES, BrowserSession, chromium_path
from browser.visitors import TIMEOUT_MS, Visitor, create_ticket
from polling import eventually
from tenants import Tenant

pytestmark = pytest.mark.long

THREE_OF_EACH = "--use-fake-device-for-media-stream=device-count=3,fps=10"
LABEL_IN_USE = """() => {
    const stream = document.querySelector("[data-part=preview]").srcObject;
    return stream?.getVideoTracks()[0]?.label ?? "";
}"""


@pytest.fixture
async def many_devices() -> AsyncIterator[Browser]:
    """A browser with three cameras and three microphones."""
    async with async_playwright() as playwright:
        switches = [each for each in SWITCHES if not each.startswith("--use-fake-device")]
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=[*switches, THREE_OF_EACH])
        yield browser
        await browser.close()


async def open_device_check(browser: Browser, url: str) -> Page:
    """Open a page and turn its devices on."""
    context = await browser.new_context(locale="en-GB")
    await context.grant_permissions(["camera", "microphone"])
    page = await context.new_page()
    await page.goto(url)
    await expect(page.locator("#devices")).to_have_attribute("data-state", "on", timeout=TIMEOUT_MS)
    return page


async def expect_camera(page: Page, label: str) -> None:
    """Wait until the preview shows this camera."""

    async def it_does() -> bool:
        return str(await page.evaluate(LABEL_IN_USE)) == label

    await eventually(it_does)


async def test_a_chosen_camera_is_used_remembered_and_replaced_when_it_is_unplugged(
    many_devices: Browser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    page = await open_device_check(many_devices, f"{service_url}/join/{await create_ticket(tutoring)}")
    first = str(await page.evaluate(LABEL_IN_USE))
    names = await page.locator("[data-part=camera] option").all_text_contents()
    other = next(name for name in reversed(names) if name != first)

    await page.locator("[data-part=camera]").select_option(label=other)
    await expect_camera(page, other)
    await page.reload()
    await expect_camera(page, other)
    await page.evaluate("""() => {
        const stored = JSON.parse(localStorage.getItem("videobroker-devices"));
        stored.camera.id = "unplugged";
        localStorage.setItem("videobroker-devices", JSON.stringify(stored));
    }""")
    await page.reload()

    await expect_camera(page, first)
    await expect(page.locator("#devices")).to_have_attribute("data-state", "on")
    await page.context.close()


@pytest.mark.representative
async def test_a_chosen_microphone_is_used(many_devices: Browser, service_url: str, tutoring: Tenant) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    page = await open_device_check(many_devices, f"{service_url}/join/{await create_ticket(tutoring)}")
    names = await page.locator("[data-part=microphone] option").all_text_contents()

    await page.locator("[data-part=microphone]").select_option(label=names[-1])

    async def in_use() -> bool:
        stream = "document.querySelector('[data-part=preview]').srcObject"
        return str(await page.evaluate(f"{stream}?.getAudioTracks()[0]?.label ?? ''")) == names[-1]

    await eventually(in_use)
    await page.context.close()


async def test_at_100ms_devices_are_chosen_in_the_vendors_preview(
    many_devices: Browser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    page = await open_device_check(many_devices, f"{service_url}/join/{await create_ticket(tutoring)}")
    names = await page.locator("[data-part=camera] option").all_text_contents()
    await page.locator("[data-part=camera]").select_option(label=names[-1])
    await expect_camera(page, names[-1])

    ben = Visitor(BrowserSession(page.context, page), "", "")
    frame = await ben.join_call()

    assert "skip_preview" not in frame.url
    await page.context.close()
