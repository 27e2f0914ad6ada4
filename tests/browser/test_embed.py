"""`<videobroker-call>` in the page of somebody else's product, and who may put it there."""

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
from tenants import MovableClock, Tenant
from videobroker.usecases import tenants

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("fast_polling")]

RECIPES = Path(__file__).parents[2] / "docs" / "embedding.md"
HEAR = """<script nonce="told">
  window.heard = [];
  for (const type of ["waiting", "joined", "left", "error"]) {
    addEventListener(type, (event) => window.heard.push([type, event.detail]), true);
  }
</script>"""


@pytest.fixture
async def shop() -> AsyncIterator[Site]:
    """The product's site. Name it first: pages are to be closed before a server that stops ends their streams."""
    async with serving_site() as made:
        yield made


def recipe(service_url: str, text: str) -> str:
    """The one for plain HTML, as it stands in the docs."""
    found = re.search(r"## Plain HTML\n\n```html\n(.*?)```", RECIPES.read_text(), re.DOTALL)
    assert found is not None
    return found[1].replace("https://video.example", service_url).replace("vbt_...", text)


async def allow(tenant: Tenant, origins: Sequence[str]) -> Tenant:
    """Let pages of these origins embed the app's pages."""
    app = await tenants.change_app(
        tenant.broker,
        tenant.app,
        policy={},
        role_maps=tenant.app.role_maps,
        allowed_origins=origins,
        now=tenant.broker.now(),
    )
    return replace(tenant, app=app)


def inside(page: Page) -> FrameLocator:
    """The hosted page in the element."""
    return page.frame_locator("videobroker-call iframe")


async def heard(page: Page, type_: str) -> dict[str, str]:
    """The detail of the first event of this type, once it has come."""
    detail: dict[str, str] = await eventually(
        lambda: page.evaluate("(type) => window.heard.find((each) => each[0] === type)?.[1]", type_)
    )
    return detail


@pytest.mark.representative
async def test_the_recipe_for_plain_html_works_as_it_stands(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await allow(tutoring, [shop.origin])
    await tutoring.book(title="Algebra, lesson 1", policy={"waiting_room": "until_host"})
    one = await open_browser()
    await one.page.goto(shop.add_page(recipe(service_url, await create_ticket(tutoring))))
    state = one.page.locator("#state")
    await expect(state).to_have_text("Waiting", timeout=TIMEOUT_MS)
    await expect(inside(one.page).locator("#heading")).to_have_text("Waiting for the host")
    await expect_state(one.page, "embedded")

    await tutoring.join(user_id="tutor-1")
    await inside(one.page).get_by_role("button", name="Join now").click(timeout=TIMEOUT_MS)

    await expect(state).to_have_text("In the call", timeout=TIMEOUT_MS)
    vendor = inside(one.page).frame_locator("#call iframe")
    await expect(vendor.locator("video").first).to_be_visible(timeout=TIMEOUT_MS)
    await one.page.evaluate("document.querySelector('videobroker-call').leave()")
    await expect(state).to_have_text("Out of the call: left", timeout=TIMEOUT_MS)


async def test_every_event_tells_a_little(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    policy = f"default-src 'none'; script-src {service_url} 'nonce-told'; frame-src {service_url}; img-src 'self'"
    shop.headers["Content-Security-Policy"] = policy
    await allow(tutoring, ["https://else.example", shop.origin])
    await tutoring.book(policy={"waiting_room": "until_host"})
    one = await open_browser()
    element = f'<videobroker-call ticket="{await create_ticket(tutoring)}" lang="de"></videobroker-call>'
    await one.page.goto(shop.add_page(f'{HEAR}<script src="{service_url}/embed.js"></script>{element}'))

    assert (await heard(one.page, "waiting"))["reason"] == "waiting_for_host"
    await expect(inside(one.page).locator("#heading")).to_have_text("Warten auf die Gesprächsleitung")
    await tutoring.join(user_id="tutor-1")
    await inside(one.page).get_by_role("button", name="Jetzt beitreten").click(timeout=TIMEOUT_MS)
    assert await heard(one.page, "joined") == {"provider": "100ms"}
    await tutoring.post("/v1/bookings/lesson-1/end")
    assert await heard(one.page, "left") == {"reason": "ended"}
    await tutoring.post("/v1/bookings/lesson-1/cancel")
    await one.page.reload()
    assert await heard(one.page, "error") == {"code": "session_cancelled"}


async def test_css_variables_reach_the_page_and_nothing_else_does(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await allow(tutoring, [shop.origin])
    await tutoring.book()
    one = await open_browser()
    style = (
        "<style>videobroker-call { --videobroker-accent: #ffd54a; --videobroker-radius: 4px;"
        " --videobroker-height: 700px; --videobroker-scheme: dark }</style>"
    )
    element = f'<videobroker-call ticket="{await create_ticket(tutoring)}"></videobroker-call>'
    await one.page.goto(shop.add_page(f'{style}<script src="{service_url}/embed.js"></script>{element}'))
    join = inside(one.page).locator("#go")

    await expect(join).to_have_css("background-color", "rgb(255, 213, 74)", timeout=TIMEOUT_MS)
    await expect(join).to_have_css("color", "rgb(0, 0, 0)")
    await expect(inside(one.page).locator("body")).to_have_css("background-color", "rgb(26, 24, 21)")
    box = await one.page.locator("videobroker-call").bounding_box()
    assert box is not None
    assert box["height"] == 700
    await one.page.evaluate("""() => {
        const element = document.querySelector("videobroker-call");
        element.style.setProperty("--videobroker-accent", "url(https://evil.example/)");
        element.style.setProperty("--videobroker-scheme", "light");
        element.restyle();
    }""")
    await expect(join).to_have_css("background-color", "rgb(34, 102, 90)", timeout=TIMEOUT_MS)


@pytest.mark.representative
async def test_a_page_of_another_origin_cannot_show_it(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await allow(tutoring, ["https://else.example"])
    await tutoring.book()
    text = await create_ticket(tutoring)
    one = await open_browser()
    one.expected_errors.append("frame-ancestors")
    await one.page.clock.install()
    element = f'<videobroker-call ticket="{text}"></videobroker-call>'
    await one.page.goto(shop.add_page(f'{HEAR}<script src="{service_url}/embed.js"></script>{element}'))
    await expect(one.page.locator("videobroker-call iframe")).to_have_count(1)

    await one.page.clock.fast_forward(16_000)

    assert await heard(one.page, "error") == {"code": "unreachable"}
    await expect(inside(one.page).locator("#heading")).to_have_count(0)
    assert any("frame-ancestors" in each for each in one.errors)


@pytest.mark.representative
async def test_only_the_page_in_the_element_and_the_page_around_it_hear_each_other(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await allow(tutoring, [shop.origin])
    await tutoring.book()
    one = await open_browser()
    element = f'<videobroker-call ticket="{await create_ticket(tutoring)}"></videobroker-call>'
    await one.page.goto(
        shop.add_page(f'{HEAR}<script src="{service_url}/embed.js"></script>{element}<iframe id="x"></iframe>')
    )
    await inside(one.page).get_by_role("button", name="Join now").click(timeout=TIMEOUT_MS)
    await heard(one.page, "joined")

    # Somebody else in the same page: the messages are right, and the sender is not.
    await one.page.evaluate("""() => {
        const stranger = document.getElementById("x").contentWindow;
        const call = document.querySelector("videobroker-call").shadowRoot.querySelector("iframe").contentWindow;
        stranger.eval(`(call) => {
            parent.postMessage({ source: "videobroker-page", type: "left", detail: { reason: "ended" } }, "*");
            call.postMessage({ source: "videobroker-embed", type: "leave" }, "*");
        }`)(call);
    }""")
    await one.page.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")

    assert [each[0] for each in await one.page.evaluate("window.heard")] == ["joined"]
    await expect(inside(one.page).get_by_role("button", name="Leave", exact=True)).to_be_visible()


async def test_an_expired_ticket_is_an_error_and_a_new_one_opens_the_page_anew(
    shop: Site, open_browser: OpenBrowser, service_url: str, tutoring: Tenant, clock: MovableClock
) -> None:
    await allow(tutoring, [shop.origin])
    await tutoring.book()
    old = await create_ticket(tutoring, expires_in_seconds=60)
    clock.move(minutes=2)
    one = await open_browser()
    one.expected_errors.append("status of 410")
    element = f'<videobroker-call ticket="{old}"></videobroker-call>'
    await one.page.goto(shop.add_page(f'{HEAR}<script src="{service_url}/embed.js"></script>{element}'))
    assert await heard(one.page, "error") == {"code": "ticket_expired"}

    fresh = await create_ticket(tutoring)
    await one.page.evaluate("(ticket) => document.querySelector('videobroker-call').ticket = ticket", fresh)

    await expect(inside(one.page).locator("#heading")).to_have_text("Ready to join?", timeout=TIMEOUT_MS)
