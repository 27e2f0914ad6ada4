"""The console in a real browser: what an operator sees and does, on a desk and on a phone."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Page, expect

from browser.conftest import DESKTOP, PHONE, Visit, VisitMaker, violations
from browser.screens import shot
from consoles import ADMIN_KEY, OPERATOR, service_with_console
from house import MovableClock, Sandbox, Tenant, free_port
from videobroker.broker import Broker
from videobroker.usecases import endpoints
from videobroker.usecases.endpoints import Wish

ROOM_CODE = re.compile(r"^[a-z]{3}-[a-z]{4}-[a-z]{3}$")
LARGEST_PAGE = 200 * 1024
XSS = '<script>window.hacked = true</script><img src=x onerror="window.hacked = true">'

each_size = pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])


@pytest.fixture
async def console_url(broker: Broker) -> AsyncIterator[str]:
    """Where a service with a console listens: another one for every test, for it remembers wrong keys."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(service_with_console(broker), port=port, access_log=False, log_config=None, lifespan="off")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    server.force_exit = True
    await task


SignIn = Callable[..., Awaitable[Visit]]


@pytest.fixture
async def signed_in(visit: VisitMaker, console_url: str) -> SignIn:
    """Makes browsers in which an operator has signed in, through the form."""

    async def make(**options: Any) -> Visit:
        one = await visit(**{"timezone_id": "Europe/Berlin", **options})
        await one.page.goto(f"{console_url}/console")
        await one.page.get_by_label("Your name or initials").fill(OPERATOR)
        await one.page.get_by_label("Admin key").fill(ADMIN_KEY)
        await one.page.get_by_role("button", name="Sign in").click()
        await expect(one.page.get_by_role("heading", name="Today")).to_be_visible()
        return one

    return make


async def entered(tenant: Tenant, sandbox: Sandbox, user_id: str = "tutor-1") -> tuple[dict[str, Any], str]:
    """Somebody who asked for credentials and is in the room with them."""
    joined = (await tenant.join(user_id=user_id)).json()
    return joined, await sandbox.enter(joined["room_id"], token=joined["token"])


async def lesson(tenant: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
    """Ada came in time and stayed, Ben was late, went, and came back; Cleo never came."""
    people = [
        {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
        {"user_id": "student-1", "role": "student", "display_name": "Ben"},
        {"user_id": "student-2", "role": "student", "display_name": "Cleo"},
    ]
    await tenant.book(title="Algebra, lesson 1", participants=people)
    clock.move(minutes=4)
    ada, _ = await entered(tenant, sandbox)
    clock.move(minutes=9)
    _, peer = await entered(tenant, sandbox, "student-1")
    clock.move(minutes=15)
    await sandbox.leave(ada["room_id"], peer)
    await sandbox.deliver()
    await tenant.settle()
    clock.move(minutes=6)
    await entered(tenant, sandbox, "student-1")
    await sandbox.deliver()
    await tenant.settle()


async def open_session(page: Page, console_url: str, title: str = "Algebra, lesson 1") -> None:
    """From the overview to the page of this session."""
    await page.goto(f"{console_url}/console?q=lesson-1")
    await page.get_by_role("link", name=title).first.click()
    await expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()


@each_size
async def test_every_page_is_accessible_light_and_quiet(
    signed_in: SignIn,
    console_url: str,
    hooked: Tenant,
    sandbox: Sandbox,
    clock: MovableClock,
    viewport: dict[str, int],
) -> None:
    await hooked.book("lesson-0", title="Geometry", starts_in=timedelta(hours=2))
    await lesson(hooked, sandbox, clock)
    await hooked.book("lesson-2", title="Trigonometry", starts_in=timedelta(minutes=-3))
    await hooked.gather("circle", title="Evening circle")
    endpoint = await endpoints.create(
        hooked.broker, hooked.app, Wish("https://backend.example/hooks", "The backend"), now=hooked.broker.now()
    )
    one = await signed_in(viewport=viewport)
    page, app = one.page, hooked.app.id
    weighed: list[int] = []
    page.on("response", lambda response: weighed.append(int(response.headers.get("content-length", "0"))))
    size = "desktop" if viewport is DESKTOP else "phone"
    pages = {
        "today": f"/console?app={app}",
        "list": f"/console/list/upcoming?app={app}",
        "search": "/console?q=tutor-1",
        "groups": f"/console/groups?app={app}",
        "booking": f"/console/book?app={app}",
        "deliveries": f"/console/deliveries?app={app}",
        "endpoint": f"/console/deliveries/{app}/{endpoint.id}",
        "health": "/console/health",
        "diagnostics": f"/console/diagnostics?app={app}",
    }
    for name, path in pages.items():
        weighed.clear()
        await page.goto(f"{console_url}{path}")
        assert await violations(page) == [], name
        assert sum(weighed) < LARGEST_PAGE, name
        assert await overflow(page) <= 0, name
        await shot(page, f"console-{name}-{size}")
    await open_session(page, console_url)
    assert await violations(page) == []
    assert await overflow(page) <= 0
    await shot(page, f"console-session-{size}")


async def overflow(page: Page) -> int:
    """By how much the page is wider than the window."""
    wider: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider
