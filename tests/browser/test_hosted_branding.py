"""The branding of an app on the hosted page: in every state, also without a valid link."""

import io
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.async_api import expect

from browser.conftest import OpenBrowser
from browser.states import expect_state
from browser.visitors import TIMEOUT_MS, create_ticket, open_hosted_page
from tenants import MovableClock, Tenant
from videobroker.domain.branding import Branding, resolve_palette
from videobroker.usecases import branding

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("fast_polling")]

CLUB = Branding(
    display_name="Algebra Club",
    color="#7b1fa2",
    contact_email="help@algebra.example",
    contact_phone="+49 30 123456",
    contact_url="https://algebra.example/help",
    return_url="https://algebra.example/lessons/{reference}?from=call",
)


def logo() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (160, 40), "#7b1fa2").save(content, "PNG")
    return content.getvalue()


async def brand(tenant: Tenant, chosen: Branding = CLUB, content: bytes | None = None) -> Branding:
    now = tenant.broker.now()
    app = await branding.change_branding(tenant.broker, tenant.app, chosen, now=now)
    if content is not None:
        app = await branding.set_logo(tenant.broker, app, content, now=now)
    return app.branding


@pytest.mark.representative
async def test_the_page_has_the_colors_logo_contact_and_way_back_of_the_app(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await brand(tutoring, content=logo())
    await tutoring.book("lesson 1&2", title="Algebra")
    link = await tutoring.post("/v1/bookings/lesson%201%262/links", {"user_id": "student-1"})
    ben = await open_hosted_page(open_browser, service_url, link.json()["ticket"])
    image = ben.page.locator("#brand img")
    await expect(image).to_have_attribute("alt", "Algebra Club", timeout=TIMEOUT_MS)
    assert await image.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 160
    await expect(ben.page.locator("#go")).to_have_css("background-color", "rgb(123, 31, 162)", timeout=TIMEOUT_MS)
    await ben.page.emulate_media(color_scheme="dark")
    palette = resolve_palette(CLUB)
    assert palette is not None
    dark = tuple(int(palette.dark.accent[at : at + 2], 16) for at in (1, 3, 5))
    await expect(ben.page.locator("#go")).to_have_css("background-color", f"rgb({dark[0]}, {dark[1]}, {dark[2]})")
    await ben.page.emulate_media(color_scheme="null")

    await ben.join_call()
    await ben.use_toolbar("Leave")
    await ben.expect_heading("You left the call")
    back = ben.page.get_by_role("link", name="Back to Algebra Club")
    await expect(back).to_have_attribute("href", "https://algebra.example/lessons/lesson%201%262?from=call")
    await expect(ben.page.get_by_role("link", name="+49 30 123456")).to_have_attribute("href", "tel:+4930123456")
    await expect_state(ben.page, "branded-left")


async def test_a_name_without_a_logo_is_shown_as_text(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await brand(tutoring)
    await tutoring.book(title="Algebra")
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring))
    await expect_state(ben.page, "branded")


async def test_texts_name_the_contact_of_the_app(open_browser: OpenBrowser, service_url: str, tutoring: Tenant) -> None:
    await brand(tutoring)
    await tutoring.book()
    ticket = await create_ticket(tutoring)
    await tutoring.post("/v1/bookings/lesson-1/cancel")
    ben = await open_hosted_page(open_browser, service_url, ticket)
    await expect(ben.page.locator("#text")).to_have_text(
        "This session won't take place. Questions? Contact Algebra Club.", timeout=TIMEOUT_MS
    )
    await expect(ben.page.get_by_role("link", name="help@algebra.example")).to_be_visible()


async def test_an_expired_link_is_branded_too(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await brand(tutoring, Branding(contact_email="help@algebra.example", return_url="https://algebra.example/"))
    await tutoring.book()
    ticket = await create_ticket(tutoring)
    clock.move(hours=48)
    ben = await open_hosted_page(open_browser, service_url, ticket)
    ben.browser.expected_errors.append("410")
    await expect_state(ben.page, "branded-expired")


@pytest.mark.parametrize(
    ("languages", "default", "locale", "expected"),
    [((), None, "fr-FR", "en"), (("de",), None, "en-GB", "de"), ((), "de", "fr-FR", "de"), ((), "de", "en-GB", "en")],
)
async def test_the_page_uses_the_languages_of_the_app(
    open_browser: OpenBrowser,
    service_url: str,
    tutoring: Tenant,
    languages: tuple[str, ...],
    default: str | None,
    locale: str,
    expected: str,
) -> None:
    await brand(tutoring, Branding(languages=languages, default_language=default))
    await tutoring.book()
    ben = await open_hosted_page(open_browser, service_url, await create_ticket(tutoring), locale=locale)
    await expect(ben.page.locator("html")).to_have_attribute("lang", expected, timeout=TIMEOUT_MS)


async def test_the_files_are_cached_forever_and_run_nothing(api: httpx.AsyncClient, tutoring: Tenant) -> None:
    stored = await brand(tutoring, content=logo())
    assert stored.logo is not None
    path = f"/branding/{tutoring.app.id}/logo/{stored.logo.digest}"
    response = await api.get(path)
    assert (response.status_code, response.content) == (200, logo())
    headers: dict[str, Any] = dict(response.headers)
    assert headers["content-type"] == "image/png"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    await branding.set_logo(tutoring.broker, tutoring.app, None, now=tutoring.broker.now())
    assert (await api.get(path)).status_code == 404


async def test_without_a_branding_there_is_no_style_sheet(api: httpx.AsyncClient, tutoring: Tenant) -> None:
    await tutoring.book()
    assert "branding/" not in (await api.get(f"/join/{await create_ticket(tutoring)}")).text
    assert (await api.get(f"/branding/{tutoring.app.id}/000000000000.css")).status_code == 404
