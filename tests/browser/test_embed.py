"""`<videobroker-call>` on a page of another origin, and the origins that may embed it."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import FrameLocator, Page, expect

from browser.conftest import OpenBrowser
from browser.embedding_site import Site, serving_site
from browser.states import expect_state
from browser.visitors import TIMEOUT_MS, create_ticket
from polling import eventually
from tenants import MovableClock, Tenant, context_of
from videobroker.usecases import management

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("fast_polling")]

RECIPES = Path(__file__).parents[2] / "docs" / "how-to" / "embed-the-hosted-page.md"
RECORD_EVENTS = """<script nonce="test">
  window.received = [];
  for (const type of ["waiting", "joined", "left", "error"]) {
    addEventListener(type, (event) => window.received.push([type, event.detail]), true);
  }
</script>"""


@pytest.fixture
async def shop() -> AsyncIterator[Site]:
    """The product's site. Request this fixture first: pages close before the server that holds their streams."""
    async with serving_site() as site:
        yield site


def recipe(service_url: str, text: str) -> str:
    """The recipe for plain HTML in the docs."""
    found = re.search(r"## Plain HTML\n\n```html\n(.*?)```", RECIPES.read_text(), re.DOTALL)
    assert found is not None
    return found[1].replace("https://video.example", service_url).replace("vbt_...", text)


async def allow_embedding(tenant: Tenant, origins: Sequence[str]) -> Tenant:
    """Let pages of these origins embed the hosted page."""
    app = await management.change_app(
        context_of(tenant.broker, tenant.app), policy={}, role_maps=tenant.app.role_maps, allowed_origins=origins
    )
    return replace(tenant, app=app)


def hosted_page_in(page: Page) -> FrameLocator:
    """The frame of the hosted page in the element."""
    return page.frame_locator("videobroker-call iframe")


async def event_detail(page: Page, type_: str) -> dict[str, str]:
    """Wait for an event of this type. Returns its detail."""
    detail: dict[str, str] = await eventually(
        lambda: page.evaluate("(type) => window.received.find((each) => each[0] === type)?.[1]", type_)
    )
    return detail


@pytest.mark.representative
async def test_the_recipe_for_plain_html_in_the_docs_works(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await allow_embedding(tutoring, [shop.origin])
    await tutoring.book(title="Algebra, lesson 1", policy={"waiting_room": "until_host"})
    browser = await open_browser()
    await browser.page.goto(shop.add_page(recipe(service_url, await create_ticket(tutoring))))
    state = browser.page.locator("#state")
    await expect(state).to_have_text("Waiting", timeout=TIMEOUT_MS)
    await expect(hosted_page_in(browser.page).locator("#heading")).to_have_text("Waiting for the host")
    await expect_state(browser.page, "embedded")

    await tutoring.join(user_id="tutor-1")
    await hosted_page_in(browser.page).get_by_role("button", name="Join now").click(timeout=TIMEOUT_MS)

    await expect(state).to_have_text("In the call", timeout=TIMEOUT_MS)
    vendor = hosted_page_in(browser.page).frame_locator("#call iframe")
    await expect(vendor.locator("video").first).to_be_visible(timeout=TIMEOUT_MS)
    await browser.page.evaluate("document.querySelector('videobroker-call').leave()")
    await expect(state).to_have_text("Out of the call: left", timeout=TIMEOUT_MS)


async def test_every_event_has_its_detail(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    policy = f"default-src 'none'; script-src {service_url} 'nonce-test'; frame-src {service_url}; img-src 'self'"
    shop.headers["Content-Security-Policy"] = policy
    await allow_embedding(tutoring, ["https://else.example", shop.origin])
    await tutoring.book(policy={"waiting_room": "until_host"})
    browser = await open_browser()
    element = f'<videobroker-call ticket="{await create_ticket(tutoring)}" lang="de"></videobroker-call>'
    await browser.page.goto(shop.add_page(f'{RECORD_EVENTS}<script src="{service_url}/embed.js"></script>{element}'))

    assert (await event_detail(browser.page, "waiting"))["reason"] == "waiting_for_host"
    await expect(hosted_page_in(browser.page).locator("#heading")).to_have_text("Warten auf die Gesprächsleitung")
    await tutoring.join(user_id="tutor-1")
    await hosted_page_in(browser.page).get_by_role("button", name="Jetzt beitreten").click(timeout=TIMEOUT_MS)
    assert await event_detail(browser.page, "joined") == {"provider": "100ms"}
    await tutoring.post("/v1/bookings/lesson-1/end")
    assert await event_detail(browser.page, "left") == {"reason": "ended"}
    await tutoring.post("/v1/bookings/lesson-1/cancel")
    await browser.page.reload()
    assert await event_detail(browser.page, "error") == {"code": "session_cancelled"}


async def test_only_css_variables_style_the_hosted_page(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await allow_embedding(tutoring, [shop.origin])
    await tutoring.book()
    browser = await open_browser()
    style = (
        "<style>videobroker-call { --videobroker-accent: #ffd54a; --videobroker-radius: 4px;"
        " --videobroker-height: 700px; --videobroker-scheme: dark }</style>"
    )
    element = f'<videobroker-call ticket="{await create_ticket(tutoring)}"></videobroker-call>'
    await browser.page.goto(shop.add_page(f'{style}<script src="{service_url}/embed.js"></script>{element}'))
    join = hosted_page_in(browser.page).locator("#go")

    await expect(join).to_have_css("background-color", "rgb(255, 213, 74)", timeout=TIMEOUT_MS)
    await expect(join).to_have_css("color", "rgb(0, 0, 0)")
    await expect(hosted_page_in(browser.page).locator("body")).to_have_css("background-color", "rgb(16, 21, 19)")
    box = await browser.page.locator("videobroker-call").bounding_box()
    assert box is not None
    assert box["height"] == 700
    await browser.page.evaluate("""() => {
        const element = document.querySelector("videobroker-call");
        element.style.setProperty("--videobroker-accent", "url(https://evil.example/)");
        element.style.setProperty("--videobroker-scheme", "light");
        element.restyle();
    }""")
    await expect(join).to_have_css("background-color", "rgb(20, 105, 94)", timeout=TIMEOUT_MS)


@pytest.mark.representative
async def test_a_page_of_an_origin_that_is_not_allowed_cannot_embed_it(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await allow_embedding(tutoring, ["https://else.example"])
    await tutoring.book()
    text = await create_ticket(tutoring)
    browser = await open_browser()
    browser.expected_errors.append("frame-ancestors")
    await browser.page.clock.install()
    element = f'<videobroker-call ticket="{text}"></videobroker-call>'
    await browser.page.goto(shop.add_page(f'{RECORD_EVENTS}<script src="{service_url}/embed.js"></script>{element}'))
    await expect(browser.page.locator("videobroker-call iframe")).to_have_count(1)

    await browser.page.clock.fast_forward(16_000)

    assert await event_detail(browser.page, "error") == {"code": "unreachable"}
    await expect(hosted_page_in(browser.page).locator("#heading")).to_have_count(0)
    assert any("frame-ancestors" in each for each in browser.errors)


@pytest.mark.representative
async def test_only_the_element_and_its_hosted_page_exchange_messages(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await allow_embedding(tutoring, [shop.origin])
    await tutoring.book()
    browser = await open_browser()
    element = f'<videobroker-call ticket="{await create_ticket(tutoring)}"></videobroker-call>'
    await browser.page.goto(
        shop.add_page(f'{RECORD_EVENTS}<script src="{service_url}/embed.js"></script>{element}<iframe id="x"></iframe>')
    )
    await hosted_page_in(browser.page).get_by_role("button", name="Join now").click(timeout=TIMEOUT_MS)
    await event_detail(browser.page, "joined")

    # Another frame on this page sends valid messages.
    await browser.page.evaluate("""() => {
        const stranger = document.getElementById("x").contentWindow;
        const call = document.querySelector("videobroker-call").shadowRoot.querySelector("iframe").contentWindow;
        stranger.eval(`(call) => {
            parent.postMessage({ source: "videobroker-page", type: "left", detail: { reason: "ended" } }, "*");
            call.postMessage({ source: "videobroker-embed", type: "leave" }, "*");
        }`)(call);
    }""")
    await browser.page.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")

    assert [each[0] for each in await browser.page.evaluate("window.received")] == ["joined"]
    await expect(hosted_page_in(browser.page).locator("body")).to_have_attribute("data-screen", "call")


async def test_an_expired_ticket_raises_an_error_event_and_a_new_ticket_reloads_the_page(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await allow_embedding(tutoring, [shop.origin])
    await tutoring.book()
    expired_ticket = await create_ticket(tutoring, expires_in_seconds=60)
    clock.move(minutes=2)
    browser = await open_browser()
    browser.expected_errors.append("status of 410")
    element = f'<videobroker-call ticket="{expired_ticket}"></videobroker-call>'
    await browser.page.goto(shop.add_page(f'{RECORD_EVENTS}<script src="{service_url}/embed.js"></script>{element}'))
    assert await event_detail(browser.page, "error") == {"code": "ticket_expired"}

    new_ticket = await create_ticket(tutoring)
    await browser.page.evaluate("(ticket) => document.querySelector('videobroker-call').ticket = ticket", new_ticket)

    await expect(hosted_page_in(browser.page).locator("#heading")).to_have_text("Ready to join?", timeout=TIMEOUT_MS)


async def test_an_embedding_page_leaves_out_the_device_check_and_the_question(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await allow_embedding(tutoring, [shop.origin])
    await tutoring.book(policy={"waiting_room": "until_host"})
    browser = await open_browser()
    element = (
        f'<videobroker-call ticket="{await create_ticket(tutoring)}" skip-device-check auto-join></videobroker-call>'
    )
    await browser.page.goto(shop.add_page(f'{RECORD_EVENTS}<script src="{service_url}/embed.js"></script>{element}'))
    hosted = hosted_page_in(browser.page)
    await expect(hosted.locator("#asked")).to_be_visible(timeout=TIMEOUT_MS)
    await expect(hosted.locator("#devices")).to_be_hidden()

    await tutoring.join(user_id="tutor-1")

    assert await event_detail(browser.page, "joined") == {"provider": "100ms"}
    await expect(hosted.locator("#call iframe")).to_have_attribute(
        "src", re.compile("skip_preview_headful=true"), timeout=TIMEOUT_MS
    )
    # It joins once: a person who leaves stays out.
    await browser.page.evaluate("document.querySelector('videobroker-call').leave()")
    await expect(hosted.locator("#heading")).to_have_text("You left the call", timeout=TIMEOUT_MS)


async def test_the_address_of_the_page_leaves_nothing_out(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book()
    browser = await open_browser()
    await browser.page.goto(f"{service_url}/join/{await create_ticket(tutoring)}?auto-join&skip-device-check")
    await expect(browser.page.locator("#heading")).to_have_text("Ready to join?", timeout=TIMEOUT_MS)
    await expect(browser.page.locator("#devices")).to_be_visible()
