"""The frontends of the guides, in Chromium, with the Express backend of the guides."""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from playwright.async_api import FrameLocator, Page, Route, expect

from browser.conftest import BrowserSession, OpenBrowser
from browser.visitors import TIMEOUT_MS
from docs_build.examples import EXAMPLES
from guides.backends import node_backend
from guides.demo import APP, Demo, running_demo
from guides.product import Product, running_product
from node_packages import node_modules
from polling import eventually

BUNDLED = ["react", "vue"]


@pytest.fixture(scope="module")
def demo(guard: None) -> Iterator[Demo]:
    """`make run`."""
    with running_demo() as demo:
        yield demo


@pytest.fixture(scope="module")
def public(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of all frontends: `/lesson.html` and others of plain HTML, and `/react/` and others, bundled."""
    folder = tmp_path_factory.mktemp("public")
    for page in (EXAMPLES / "html" / "public").iterdir():
        text = page.read_text()
        (folder / page.name).write_text(text.replace("http://127.0.0.1:8080", demo.url))
    for name in BUNDLED:
        build(name, folder / name, demo)
    return folder


def build(name: str, target: Path, demo: Demo) -> None:
    """Check the types of an example, and bundle it."""
    node_modules(EXAMPLES / name)
    environment = {**os.environ, "VITE_VIDEOBROKER_URL": demo.url}
    options = ["--base", f"/{name}/", "--outDir", str(target), "--logLevel", "warn"]
    done = subprocess.run(
        ["npm", "run", "build", "--", *options],
        cwd=EXAMPLES / name,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def product(demo: Demo, public: Path) -> Iterator[Product]:
    """The Express backend, which serves these pages. The hosted page may be embedded there."""
    with running_product(node_backend("express"), demo, public=public) as product:
        demo.videobroker("apps", "update", APP, "--origin", product.url)
        yield product


def confirmed_lesson(product: Product, **times: timedelta) -> str:
    with product.signed_in("ben") as ben, product.signed_in("ada") as ada:
        booking_id = ben.request_lesson(**times)
        assert ada.post(f"/bookings/{booking_id}/confirm").is_success
    return booking_id


async def open_as(open_browser: OpenBrowser, product: Product, user_id: str, path: str) -> BrowserSession:
    browser = await open_browser()
    browser.expected_errors.append("favicon.ico")
    await sign_in(browser, product, user_id)
    await browser.page.goto(f"{product.url}{path}")
    return browser


async def sign_in(browser: BrowserSession, product: Product, user_id: str) -> None:
    signed_in = await browser.context.request.post(f"{product.url}/sign-in", data={"user_id": user_id})
    assert signed_in.ok


def hosted_page_in(page: Page) -> FrameLocator:
    return page.frame_locator("videobroker-call iframe")


@pytest.mark.long
async def test_the_page_in_plain_html_shows_the_call(open_browser: OpenBrowser, product: Product) -> None:
    path = f"/lesson.html?id={confirmed_lesson(product)}"
    ben = await open_as(open_browser, product, "ben", path)
    state = ben.page.get_by_role("status")

    await hosted_page_in(ben.page).get_by_role("button", name="Join now").click(timeout=TIMEOUT_MS)

    await expect(state).to_have_text("In the call", timeout=TIMEOUT_MS)
    await ben.page.evaluate("document.querySelector('videobroker-call').leave()")
    await expect(state).to_have_text("Out of the call: left", timeout=TIMEOUT_MS)
    eve = await open_as(open_browser, product, "eve", path)
    eve.expected_errors.append("status of 403")
    await expect(eve.page.get_by_role("status")).to_have_text("This is not your lesson.")


@pytest.mark.long
async def test_the_link_and_the_frame_in_plain_html_show_the_hosted_page(
    open_browser: OpenBrowser, product: Product, demo: Demo
) -> None:
    booking_id = confirmed_lesson(product)
    ben = await open_as(open_browser, product, "ben", f"/frame.html?id={booking_id}")
    join = ben.page.frame_locator("iframe").get_by_role("button", name="Join now")
    await expect(join).to_be_visible(timeout=TIMEOUT_MS)

    await ben.page.goto(f"{product.url}/link.html?id={booking_id}")
    await ben.page.get_by_role("button", name="Join").click()

    await ben.page.wait_for_url(f"{demo.url}/join/vbt_**")
    await expect(ben.page.get_by_role("button", name="Join now")).to_be_visible(timeout=TIMEOUT_MS)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.long
async def test_a_bundled_page_shows_the_call(name: str, open_browser: OpenBrowser, product: Product) -> None:
    ben = await open_as(open_browser, product, "ben", f"/{name}/?id={confirmed_lesson(product)}")

    await hosted_page_in(ben.page).get_by_role("button", name="Join now").click(timeout=TIMEOUT_MS)

    await expect(ben.page.get_by_role("status")).to_have_text("joined", timeout=TIMEOUT_MS)
    await ben.page.get_by_role("button", name="Leave the call").click()
    await expect(ben.page.get_by_role("status")).to_have_text("left", timeout=TIMEOUT_MS)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("query", ["", "&sdk"], ids=["hosted", "sdk"])
@pytest.mark.long
async def test_a_bundled_page_explains_why_a_person_cannot_join(
    name: str, query: str, open_browser: OpenBrowser, product: Product
) -> None:
    path = f"/{name}/?id={confirmed_lesson(product)}{query}"
    eve = await open_as(open_browser, product, "eve", path)
    eve.expected_errors.append("status of 403")
    await expect(eve.page.get_by_role("status")).to_have_text("This is not your lesson.", timeout=TIMEOUT_MS)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.long
async def test_a_bundled_page_gives_the_token_to_the_sdk_when_the_lesson_opens(
    name: str, open_browser: OpenBrowser, product: Product, demo: Demo
) -> None:
    booking_id = confirmed_lesson(product, starts_in=timedelta(days=1))
    tokens: list[str] = []

    async def refuse(route: Route) -> None:
        tokens.append(route.request.headers.get("authorization", ""))
        headers = {"access-control-allow-origin": "*", "access-control-allow-headers": "*"}
        await route.fulfill(status=401, headers=headers, json={"code": 401, "message": "a test"})

    ben = await open_browser()
    ben.expected_errors += ["status of 40", "favicon.ico", "a test", "HMS-Store", "client/report"]
    await ben.page.route(re.compile(r"https://prod-init\."), refuse)
    await ben.page.clock.install()
    await sign_in(ben, product, "ben")
    await ben.page.goto(f"{product.url}/{name}/?id={booking_id}&sdk")
    status = ben.page.get_by_role("status")
    await expect(status).to_have_text("This lesson is not open yet.", timeout=TIMEOUT_MS)

    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    demo.send("PATCH", f"/v1/bookings/{booking_id}", {"starts_at": soon})
    await ben.page.clock.fast_forward(61_000)

    token = await eventually(lambda: next((each for each in tokens if each), None))
    claims = jwt.decode(token.removeprefix("Bearer "), options={"verify_signature": False})
    assert (claims["user_id"], claims["role"], claims["type"]) == ("ben", "student", "app")
