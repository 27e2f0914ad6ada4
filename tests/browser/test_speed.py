"""Pages are small, need few requests, and load nothing from other hosts.

How fast they are usable is measured by `make bench`, not here.
"""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.async_api import Request, Response

from benchmarks.page_timing import mark_when_usable, milliseconds_until_usable
from browser.conftest import BrowserSession, OpenBrowser
from browser.sandbox_rooms import Room, make_room
from consoles import ADMIN_KEY, OPERATOR, service_with_console
from polling import eventually
from sandbox.agora_tokens import make_token
from servers import serving
from tenants import MovableClock, Sandbox, Tenant
from videobroker.broker import Broker
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.usecases import registration
from videobroker.web.demo import DemoPlan, install

pytestmark = pytest.mark.long

MAX_BYTES = 200_000
MAX_REQUESTS = 16
"""For the page, its stylesheets, icon, and first script, and its requests to the service."""
MAX_PRELOADED_MODULES = 32
"""Requested together, as soon as the browser has read the head of the page: their number adds no round trip."""
STREAMS = ("/stream", "/live")
"""Ends of paths of responses that do not end."""
SUBMIT = 'button[type="submit"]'


@dataclass(frozen=True)
class Place:
    """A kind of page, and the control that makes it usable."""

    url: str
    control: str
    signed_in: bool = False


@pytest.fixture
async def address(broker: Broker, tutoring: Tenant) -> AsyncIterator[str]:
    """The URL of a service with a hosted page, a console, and a demo page of one app."""
    await tutoring.book(title="Algebra, lesson 1")

    async def reset(_: Broker) -> None:
        """Not used here."""

    service = service_with_console(broker)
    install(service, DemoPlan([(tutoring.app.name, SessionKind.BOOKING, "lesson-1")], "http://127.0.0.1:1", reset))
    async with serving(service, ws="none", force_exit=True) as url:
        yield url


@pytest.fixture
async def places(address: str, tutoring: Tenant, sandbox: Sandbox, clock: MovableClock) -> dict[str, Place]:
    """One page of each kind."""
    response = await tutoring.post("/v1/bookings/lesson-1/links", {"user_id": "student-1"})
    room: Room = await make_room(sandbox)
    token = make_token(sandbox.agora, "lesson", 7, int(clock().timestamp()))
    channel = urlencode({"app_id": sandbox.agora.app_id, "channel": "lesson", "uid": 7, "token": token, "name": "Ada"})
    app = tutoring.app.id
    key = SessionKey(app, SessionKind.BOOKING, "lesson-1")
    found = await registration.find(tutoring.context, key)
    session = found.session.id
    return {
        "hosted": Place(f"{address}/join/{response.json()['ticket']}", "#go"),
        "sandbox": Place(room.url("teacher"), SUBMIT),
        "sandbox, Agora": Place(f"{sandbox.url}/agora/meeting#{channel}", SUBMIT),
        "console, sign in": Place(f"{address}/console/sign-in", SUBMIT),
        "console, today": Place(f"{address}/console?app={app}", 'input[name="q"]', signed_in=True),
        "console, session": Place(f"{address}/console/sessions/{app}/{session}", "main button", signed_in=True),
        "console, booking": Place(f"{address}/console/book?app={app}", 'main button[type="submit"]', signed_in=True),
        "console, deliveries": Place(f"{address}/console/deliveries?app={app}", "main h1", signed_in=True),
        "demo": Place(f"{address}/demo", "main button"),
    }


KINDS = (
    *("hosted", "sandbox", "sandbox, Agora", "demo"),
    *("console, sign in", "console, today", "console, session", "console, booking", "console, deliveries"),
)
NewcomerMaker = Callable[[Place], Any]


@pytest.fixture
def open_new_browser(open_browser: OpenBrowser, address: str) -> NewcomerMaker:
    """Opens browsers with an empty cache, signed in where the page is for operators."""

    async def make(place: Place) -> BrowserSession:
        browser = await open_browser()
        if place.signed_in:
            form: dict[str, str | float | bool] = {
                "name": OPERATOR,
                "key": ADMIN_KEY,
                "zone": "UTC",
                "next": "/console",
            }
            await browser.context.request.post(f"{address}/console/sign-in", form=form, max_redirects=0)
        await mark_when_usable(browser.page, place.control)
        return browser

    return make


@dataclass
class Traffic:
    """The requests of a page and the responses to them."""

    requests: list[Request] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)

    def add_request(self, request: Request) -> None:
        """A listener for `page.on`."""
        self.requests.append(request)

    def add_response(self, response: Response) -> None:
        """A listener for `page.on`."""
        self.responses.append(response)

    async def response_bytes(self) -> int:
        """The decompressed size of all responses, without streams, and without the list of apps, which other tests
        create."""
        bodies = [await each.body() for each in self.responses if not urlsplit(each.url).path.endswith(STREAMS)]
        return sum(len(re.sub(rb"<option value=\"[0-9a-f-]{36}\".*?</option>", b"", body)) for body in bodies)


_FILES = """() => ({
    blocking: performance.getEntriesByType("resource")
        .filter((each) => each.renderBlockingStatus === "blocking").map((each) => each.name),
    scripts: performance.getEntriesByType("resource").map((each) => each.name)
        .filter((url) => new URL(url).pathname.endsWith(".js")),
    preloaded: [...document.querySelectorAll("link[rel=modulepreload]")].map((each) => each.href),
    stylesheets: [...document.head.querySelectorAll("link[rel=stylesheet]")].map((each) => each.href),
    named: [...document.querySelectorAll("script[src], link[rel=modulepreload]")].map((each) => each.src || each.href),
    inTheWay: document.querySelectorAll(
        "script:not([type=module], [type='application/json'], [defer], [async])"
    ).length,
})"""


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_is_small_and_only_its_own_stylesheets_block_rendering(
    open_new_browser: NewcomerMaker, places: dict[str, Place], kind: str
) -> None:
    place = places[kind]
    browser = await open_new_browser(place)
    traffic = Traffic()
    browser.page.on("request", traffic.add_request)
    browser.page.on("response", traffic.add_response)

    await browser.page.goto(place.url)
    await milliseconds_until_usable(browser.page)

    assert {urlsplit(request.url).netloc for request in traffic.requests} == {urlsplit(place.url).netloc}
    assert 5_000 < await traffic.response_bytes() < MAX_BYTES
    files = await browser.page.evaluate(_FILES)
    preloaded = set(files["preloaded"])
    assert len(preloaded) <= MAX_PRELOADED_MODULES
    assert len([each for each in traffic.requests if each.url not in preloaded]) <= MAX_REQUESTS
    # All are linked from the head, so that they load together: none imports another.
    assert set(files["blocking"]) == set(files["stylesheets"])
    assert files["inTheWay"] == 0
    # Each module that is imported is also preloaded.
    assert files["scripts"]
    assert set(files["scripts"]) == set(files["named"])
    await browser.page.close()


@pytest.mark.representative
async def test_vendor_code_is_not_requested_before_a_person_joins(
    open_browser: OpenBrowser, service_url: str, agora: Tenant
) -> None:
    await agora.book()
    browser = await open_browser()
    browser.expected_errors.append("net::ERR_FAILED")
    blocked_urls: list[str] = []

    async def refuse(route: Any) -> None:
        blocked_urls.append(route.request.url)
        await route.abort()

    own_origins = (f"{service_url}/", f"http://call.localhost:{urlsplit(service_url).port}/")
    await browser.context.route(lambda url: not url.startswith(own_origins), refuse)
    response = await agora.post("/v1/bookings/lesson-1/links", {"user_id": "student-1"})
    await mark_when_usable(browser.page, "#go")
    await browser.page.goto(f"{service_url}/join/{response.json()['ticket']}")
    await milliseconds_until_usable(browser.page)
    await browser.page.wait_for_load_state("load")
    assert blocked_urls == []

    await browser.page.locator("#go").click()

    async def is_requested() -> bool:
        return bool(blocked_urls)

    await eventually(is_requested)
    assert {urlsplit(url).netloc for url in blocked_urls} == {"cdn.jsdelivr.net"}
    await browser.page.close()
