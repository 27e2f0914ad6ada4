"""Managing an app in the console, in Chromium: on a desktop and a phone, in both languages, with the keyboard."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from browser.conftest import accessibility_violations
from browser.states import expect_state
from browser.test_console import SignIn, console_url, open_console
from tenants import Tenant
from videobroker.usecases import tenants
from videobroker.web.console.app_page import AppSection

pytestmark = pytest.mark.long

__all__ = ["console_url", "open_console"]
PHONE = {"viewport": {"width": 390, "height": 844}}
NARROWEST = {"viewport": {"width": 320, "height": 640}}
SHOTS = os.environ.get("SHOTS")


async def check_page(page: Page, name: str) -> None:
    """The page has no accessibility problem, and does not scroll sideways."""
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)
    assert await accessibility_violations(page) == [], name
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desktop", {}),
        ("phone", PHONE),
        ("narrow", NARROWEST),
        ("dark", {"color_scheme": "dark"}),
        ("german", {"locale": "de-DE", **PHONE}),
    ],
)
async def test_every_section_is_accessible_and_fits(
    open_console: SignIn, console_url: str, tutoring: Tenant, name: str, options: dict[str, object]
) -> None:
    page = (await open_console(**{key: value for key, value in options.items() if key != "locale"})).page
    await tutoring.post("/v1/webhook-endpoints", {"url": "https://backend.example/hooks", "types": ["call.started"]})
    language = "?lang=de" if "locale" in options else ""
    paths = ["/console/apps", "/console/operator-keys"]
    paths += [f"/console/apps/{tutoring.app.id}/{section.value}" for section in AppSection]
    for path in paths:
        await page.goto(f"{console_url}{path}{language}")
        await check_page(page, f"{name}-{path.rsplit('/', 1)[-1]}")


async def test_every_kind_of_page_shows_what_it_manages(
    open_console: SignIn, console_url: str, tutoring: Tenant
) -> None:
    page = (await open_console()).page
    app = f"/console/apps/{tutoring.app.id}"
    for path, state in (
        ("/console/apps", "console-apps"),
        (app, "console-app"),
        (f"{app}/keys", "console-app-section"),
        ("/console/operator-keys", "console-operator-keys"),
    ):
        await page.goto(console_url + path)
        await expect_state(page, state)


async def test_a_key_is_created_copied_and_revoked_with_the_keyboard(
    open_console: SignIn, console_url: str, tutoring: Tenant
) -> None:
    page = (await open_console()).page
    await page.goto(f"{console_url}/console/apps/{tutoring.app.id}/keys")
    await page.get_by_label("Name").focus()
    await page.keyboard.type("backend")
    await page.keyboard.press("Enter")
    # The focus is where the secret is, which is shown only once.
    await expect(page.get_by_role("heading", name="Store this now")).to_be_focused()
    secret = await page.get_by_label("API key backend", exact=True).input_value()
    assert secret.startswith("vb_")
    await check_page(page, "secret")
    await page.goto(f"{console_url}/console/apps/{tutoring.app.id}/keys")
    assert secret not in await page.content()
    await page.locator("summary", has_text="Revoke... backend").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Revoke this key")).to_be_focused()
    await check_page(page, "revoke")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Key revoked.")
    headers = {"Authorization": f"Bearer {secret}"}
    assert (await tutoring.api.get("/v1/bookings", headers=headers)).status_code == 401


async def test_the_first_error_of_the_policy_gets_the_focus(
    open_console: SignIn, console_url: str, tutoring: Tenant
) -> None:
    browser = await open_console()
    browser.expected_errors.append("422")
    page = browser.page
    await page.goto(f"{console_url}/console/apps/{tutoring.app.id}/policy")
    await page.get_by_label("Grace period").fill("soon")
    await page.get_by_role("button", name="Save policy").click()
    await expect(page.get_by_label("Grace period")).to_be_focused()
    await expect(page.get_by_label("Grace period")).to_have_accessible_description(
        "How long after the end participants can still join. Default: 900. "
        "Must be a number of seconds from 0 to 604800."
    )
    await check_page(page, "errors")
    await page.get_by_label("Grace period").fill("60")
    await page.get_by_role("button", name="Save policy").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved.")
    assert (await tenants.find_app(tutoring.broker, tutoring.app.name)).policy == {"grace_seconds": 60}
