"""Managing an app in the console, in Chromium: on a desktop and a phone, in both languages, with the keyboard."""

import io
import os
import re
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image, ImageDraw
from playwright.async_api import FilePayload, Page, expect

from browser.conftest import accessibility_violations
from browser.states import expect_state
from browser.test_console import SignIn, console_url, open_console
from tenants import Tenant, context_of
from videobroker.domain.branding import Branding
from videobroker.usecases import management, tenants
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
    # A word that no line can contain.
    await management.create_app(
        context_of(tutoring.broker, tenants.SERVICE), f"{uuid4().hex * 3}{name}", policy={}, role_maps={}
    )
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


def logo(color: str) -> bytes:
    """A wide image with a transparent background."""
    image, content = Image.new("RGBA", (320, 80), (0, 0, 0, 0)), io.BytesIO()
    ImageDraw.Draw(image).rounded_rectangle((4, 4, 315, 75), radius=36, fill=color)
    image.save(content, "PNG")
    return content.getvalue()


async def test_a_logo_is_uploaded_shown_on_light_and_dark_and_removed(
    open_console: SignIn, console_url: str, tutoring: Tenant
) -> None:
    browser = await open_console()
    browser.expected_errors.append("422")
    page = browser.page
    await page.goto(f"{console_url}/console/apps/{tutoring.app.id}/pages")
    await page.get_by_role("button", name="Save logo").click()
    await expect(page.get_by_label("Logo", exact=True)).to_have_accessible_description(re.compile("Choose an image"))
    svg: FilePayload = {"name": "logo.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"}
    await page.get_by_label("Logo", exact=True).set_input_files(svg)
    await page.get_by_role("button", name="Save logo").click()
    await expect(page.get_by_text("The logo must be a PNG, JPEG, or WebP image.")).to_be_visible()
    for color in ("#1a73e8", "#d93025"):
        image: FilePayload = {"name": "logo.png", "mimeType": "image/png", "buffer": logo(color)}
        await page.get_by_label(re.compile("^(New logo|Logo)$")).set_input_files(image)
        await page.get_by_role("button", name="Save logo").click()
        await expect(page.get_by_role("status")).to_contain_text("Saved.")
    shown = page.get_by_role("img", name=re.compile("The logo on a (light|dark) background"))
    assert await shown.evaluate_all("all => all.map((each) => each.naturalWidth)") == [320, 320]
    await expect_state(page, "console-app-branding")
    await page.goto(f"{page.url}&lang=de")
    await expect(page.get_by_role("img", name="Das Logo auf dunklem Hintergrund")).to_be_visible()
    await check_page(page, "logo-german")
    await page.goto(f"{console_url}/console/apps/{tutoring.app.id}/pages?lang=en")
    await page.locator("summary", has_text="Remove logo...").click()
    await page.get_by_role("button", name="Remove logo", exact=True).click()
    await expect(page.get_by_text("There is no logo.")).to_be_visible()
    assert (await tenants.find_app(tutoring.broker, tutoring.app.name)).branding.logo is None


async def test_a_form_shows_what_someone_else_saved_meanwhile(
    open_console: SignIn, console_url: str, tutoring: Tenant
) -> None:
    browser = await open_console()
    browser.expected_errors.append("412")
    page = browser.page
    await page.goto(f"{console_url}/console/apps/{tutoring.app.id}/pages")
    await page.get_by_label("Product name").fill("My Lessons")
    await management.change_branding(tutoring.context, Branding(display_name="Acme Lessons"))
    await page.get_by_label("Product name").press("Enter")
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.get_by_label("Product name")).to_have_value("My Lessons")
    await expect(page.get_by_label("Product name")).to_have_accessible_description("Saved meanwhile: Acme Lessons")
    await expect_state(page, "console-app-conflict")
    await page.get_by_role("button", name="Save branding").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved.")
    assert (await tenants.find_app(tutoring.broker, tutoring.app.name)).branding.display_name == "My Lessons"
