"""Operators sign in at an OpenID Connect provider that runs in the tests, or with a one-time link, in Chromium."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from playwright.async_api import Page, expect

from browser.conftest import BrowserSession, OpenBrowser
from browser.states import expect_state
from consoles import ADMIN_KEY, service_with_console
from oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, serving_provider
from servers import serving
from tenants import MovableClock
from videobroker.broker import Broker, OperatorSignIn
from videobroker.domain.operator_sign_in import RoleRules
from videobroker.domain.operators import OperatorIdentity, OperatorRole
from videobroker.identity.jwks import JwksCache
from videobroker.identity.oidc import OidcClient, OidcSettings
from videobroker.identity.user_tokens import JwtVerifier
from videobroker.usecases.operations import sign_in_links
from videobroker.web.console.access import ConsoleAccess

pytestmark = pytest.mark.long

RULES = RoleRules("groups", {"desk": OperatorRole.SUPPORT})


@dataclass(frozen=True)
class Installation:
    """A service whose operators sign in at a provider."""

    url: str
    provider: OidcProvider
    broker: Broker

    async def open_provider(self, page: Page, path: str = "/console") -> None:
        """Open a page of the console, and choose to sign in: the provider asks who it is."""
        await page.goto(f"{self.url}{path}")
        await page.get_by_role("link", name="Sign in with 127.0.0.1").click()
        await expect(page).to_have_title("Identity")
        assert page.url.startswith(self.provider.issuer)


@pytest.fixture
async def installation(broker: Broker, no_failed_attempts: None) -> AsyncIterator[Installation]:
    async with serving_provider(broker.now) as provider:
        provider.users.update(sam={"name": "Sam Desk", "groups": ["desk"]}, eve={"name": "Eve", "groups": ["visitors"]})
        tokens = JwtVerifier(JwksCache())
        client = OidcClient(OidcSettings(provider.issuer, CLIENT_ID, CLIENT_SECRET), tokens)
        own = replace(broker, operator_sign_in=OperatorSignIn(client, provider.issuer, CLIENT_ID, RULES))
        access = ConsoleAccess(ADMIN_KEY, issuer=provider.issuer)
        async with serving(service_with_console(own, access), force_exit=True) as url:
            provider.redirect_uris.add(f"{url}/console/oidc/callback")
            yield Installation(url, provider, own)
        await client.aclose()
        await tokens.aclose()


@pytest.fixture
async def browser(open_browser: OpenBrowser) -> BrowserSession:
    browser = await open_browser(timezone_id="Europe/Berlin")
    # Of refused sign-ins, and of the provider, which has no icon.
    browser.expected_errors += ["400", "403", "/favicon.ico"]
    return browser


@pytest.mark.representative
async def test_an_operator_signs_in_at_the_provider_and_out_again(
    installation: Installation, browser: BrowserSession
) -> None:
    page = browser.page
    await page.goto(f"{installation.url}/console/health")
    await expect_state(page, "console-sign-in-oidc")
    await installation.open_provider(page, "/console/health")
    await page.get_by_role("button", name="Continue as sam").click()
    # The page that the operator wanted, with their name, role, and the time zone of their browser.
    await expect(page.get_by_role("heading", name="Health", level=1)).to_be_visible()
    await expect(page.get_by_text("Sam Desk")).to_be_visible()
    await expect(page.get_by_text("Times in Europe/Berlin")).to_be_visible()
    cookies = {cookie["name"]: cookie for cookie in await browser.context.cookies()}
    assert set(cookies) == {"videobroker_console"}
    assert (cookies["videobroker_console"]["httpOnly"], cookies["videobroker_console"]["sameSite"]) == (True, "Strict")
    # A supporter manages no app.
    await page.goto(f"{installation.url}/console/apps")
    await expect(page.get_by_role("button", name="Create app")).to_have_count(0)
    await page.get_by_role("button", name="Sign out").click()
    await expect_state(page, "console-signed-out")
    await page.get_by_role("link", name="Sign out there, too").click()
    await expect(page.get_by_role("heading", name="Sign in to the console")).to_be_visible()
    (signed_out,) = installation.provider.signed_out
    assert signed_out["post_logout_redirect_uri"] == f"{installation.url}/console/sign-in"


async def test_a_person_without_a_role_learns_whom_to_ask(installation: Installation, browser: BrowserSession) -> None:
    await installation.open_provider(browser.page)
    await browser.page.get_by_role("button", name="Continue as eve").click()
    await expect_state(browser.page, "console-no-role")
    await browser.page.goto(f"{installation.url}/console")
    await expect(browser.page.get_by_role("heading", name="Sign in to the console")).to_be_visible()


async def test_who_cancels_at_the_provider_can_try_again(installation: Installation, browser: BrowserSession) -> None:
    page = browser.page
    await installation.open_provider(page)
    await page.get_by_role("button", name="Cancel").click()
    await expect_state(page, "console-sign-in-canceled")
    await page.get_by_role("link", name="Sign in with 127.0.0.1").click()
    await page.get_by_role("button", name="Continue as sam").click()
    await expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()


async def test_a_sign_in_that_took_too_long_starts_again(
    installation: Installation, browser: BrowserSession, clock: MovableClock
) -> None:
    await installation.open_provider(browser.page)
    clock.move(minutes=11)
    await browser.page.get_by_role("button", name="Continue as sam").click()
    await expect_state(browser.page, "console-sign-in-expired")
    assert await browser.context.cookies() == []


async def test_a_one_time_link_signs_in_once(
    installation: Installation, browser: BrowserSession, open_browser: OpenBrowser
) -> None:
    page = browser.page
    await page.goto(f"{installation.url}/console/link")
    await expect_state(page, "console-link")
    identity = OperatorIdentity("Olive", OperatorRole.VIEWER)
    path = await sign_in_links.create(installation.broker, identity, now=installation.broker.now())
    await page.goto(f"{installation.url}/")
    await page.goto(f"{installation.url}{path}")
    await expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()
    other = await open_browser()
    other.expected_errors.append("403")
    await other.page.goto(f"{installation.url}{path}")
    await expect_state(other.page, "console-link-used")


async def test_the_start_page_leads_to_the_console(installation: Installation, browser: BrowserSession) -> None:
    await browser.page.goto(installation.url)
    await expect_state(browser.page, "console-start")
    await browser.page.get_by_role("link", name="Console", exact=True).click()
    await expect(browser.page.get_by_role("heading", name="Sign in to the console")).to_be_visible()
