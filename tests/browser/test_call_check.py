"""`/test`: the check of camera, microphone, speaker, connection, and browser without a booking."""

import pytest
from playwright.async_api import Page, expect

from browser.conftest import BrowserSession, OpenBrowser
from browser.states import expect_state
from browser.visitors import TIMEOUT_MS

pytestmark = pytest.mark.long

DEVICES = """
const genuine = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const fail = (name) => { throw new DOMException("no", name); };
navigator.mediaDevices.getUserMedia = async (constraints) => { %s };"""
INSECURE = "Object.defineProperty(window, 'isSecureContext', { value: false });"


async def open_check(
    open_browser: OpenBrowser, service_url: str, script: str = "", *, state: str = "on", query: str = ""
) -> BrowserSession:
    """The page, after this script."""
    browser = await open_browser()
    if script:
        await browser.page.add_init_script(script)
    await browser.page.goto(f"{service_url}/test{query}")
    await expect(browser.page.locator("#devices")).to_have_attribute("data-state", state, timeout=TIMEOUT_MS)
    return browser


async def summary(page: Page) -> str:
    return await page.locator("#summary").inner_text()


@pytest.mark.representative
async def test_it_checks_everything_without_a_ticket_and_sends_nothing(
    open_browser: OpenBrowser, service_url: str
) -> None:
    browser = await open_check(open_browser, service_url)
    sent: list[tuple[str, str]] = []
    browser.page.on("request", lambda request: sent.append((request.method, request.url)))
    await expect_state(browser.page, "test")

    await browser.page.get_by_role("button", name="Check connection").click()
    await expect(browser.page.locator("#summary")).to_contain_text("WebRTC: udp", timeout=TIMEOUT_MS)

    text = await summary(browser.page)
    assert "Camera: works: fake_device_0" in text
    assert "Connection: Good (" in text
    assert "Chrome/" in text
    assert {method for method, _ in sent} == {"GET"}
    # The browser loads the page's icon at a time of its own.
    requested = {url.removeprefix(service_url) for _, url in sent} - {"/pages/icon.svg"}
    assert requested == {"/test/ping", "/test/sample"}


async def test_the_summary_can_be_copied(open_browser: OpenBrowser, service_url: str) -> None:
    browser = await open_check(open_browser, service_url)
    await browser.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await browser.page.get_by_role("button", name="Copy summary").click()
    await expect_state(browser.page, "test-copied")
    assert await browser.page.evaluate("navigator.clipboard.readText()") == await summary(browser.page)


async def test_a_summary_that_cannot_be_copied_is_selected(open_browser: OpenBrowser, service_url: str) -> None:
    script = "navigator.clipboard.writeText = async () => { throw new Error('no'); };"
    browser = await open_check(open_browser, service_url, script)
    await browser.page.get_by_role("button", name="Copy summary").click()
    await expect_state(browser.page, "test-copy-failed")


async def test_it_is_in_the_language_of_the_person(open_browser: OpenBrowser, service_url: str) -> None:
    browser = await open_check(open_browser, service_url, query="?lang=de")
    await expect_state(browser.page, "test-german")
    assert await browser.page.title() == "Testen Sie Ihr Gerät"


@pytest.mark.parametrize(
    ("script", "check", "state"),
    [
        (DEVICES % 'fail("NotAllowedError")', "denied", "test-denied"),
        (DEVICES % 'fail("NotReadableError")', "busy", "test-busy"),
        (DEVICES % 'return constraints.video ? fail("NotFoundError") : genuine(constraints)', "no_camera", "test-none"),
        ("delete MediaDevices.prototype.getDisplayMedia;", "on", "test-no-screen"),
        ("delete window.RTCPeerConnection;", "on", "test-no-calls"),
        (INSECURE, "on", "test-insecure"),
    ],
)
async def test_it_says_what_is_missing(
    open_browser: OpenBrowser, service_url: str, script: str, check: str, state: str
) -> None:
    browser = await open_check(open_browser, service_url, script, state=check)
    await expect_state(browser.page, state)


async def test_a_camera_that_is_off_is_no_fault(open_browser: OpenBrowser, service_url: str) -> None:
    browser = await open_check(open_browser, service_url)
    await browser.page.get_by_role("button", name="Turn camera off").click()
    await expect_state(browser.page, "test-off")
