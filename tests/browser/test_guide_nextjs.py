"""The guide for Next.js, in Chromium."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from browser.conftest import OpenBrowser
from browser.visitors import TIMEOUT_MS
from cli.program import running_program
from docs_build.examples import EXAMPLES
from guides.demo import APP, Demo, running_demo
from guides.forgery import EndedCall, assert_only_genuine_events_are_accepted
from guides.product import SESSION_SECRET, is_responding
from node_packages import node_modules
from polling import eventually_blocking
from tenants import free_port

pytestmark = pytest.mark.long

FOLDER = EXAMPLES / "nextjs"
SECRET = "whsec_" + "Q0ND" * 8


@pytest.fixture(scope="module")
def demo(guard: None) -> Iterator[Demo]:
    """`make run`, with a booking of Ada and Ben that starts in five minutes."""
    with running_demo() as demo:
        starts_at = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        people = [{"user_id": "ada", "role": "tutor"}, {"user_id": "ben", "role": "student"}]
        booking = {"starts_at": starts_at, "duration_minutes": 45, "participants": people}
        demo.send("PUT", "/v1/bookings/lesson-42", booking)
        yield demo


@pytest.fixture(scope="module")
def url(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the built product. The hosted page may be embedded there."""
    node_modules(FOLDER)
    environment = {**os.environ, "NEXT_TELEMETRY_DISABLED": "1"}
    command = ["npm", "run", "build"]
    built = subprocess.run(
        command, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    port = free_port()
    url = f"http://localhost:{port}"
    variables = {
        "VIDEOBROKER_URL": demo.url,
        "VIDEOBROKER_API_KEY": demo.key,
        "VIDEOBROKER_WEBHOOK_SECRET": SECRET,
        "SESSION_SECRET": SESSION_SECRET,
    }
    demo.videobroker("apps", "update", APP, "--origin", url)
    log: Path = tmp_path_factory.mktemp("nextjs") / "log"
    start = ["node", "node_modules/next/dist/bin/next", "start", "--port", str(port)]
    with running_program(cwd=FOLDER, log=log, variables=variables, command=start) as process:
        eventually_blocking(lambda: process.poll() is not None or is_responding(url), context=log.read_text)
        assert process.poll() is None, log.read_text()
        yield url


@asynccontextmanager
async def lesson_of(open_browser: OpenBrowser, url: str, user_id: str) -> AsyncIterator[Page]:
    """The page of the lesson, for this person."""
    browser = await open_browser()
    browser.expected_errors += ["favicon.ico", "status of 403"]
    await browser.page.goto(f"{url}/lessons/lesson-42")
    await expect(browser.page.get_by_role("status")).to_have_text("Sign in first.")
    sign_in = "(body) => fetch('/sign-in', { method: 'POST', body }).then((response) => response.status)"
    assert await browser.page.evaluate(sign_in, f'{{"user_id": "{user_id}"}}') == 204
    await browser.page.reload()
    yield browser.page


async def test_a_participant_joins_on_the_page(open_browser: OpenBrowser, url: str) -> None:
    async with lesson_of(open_browser, url, "ben") as page:
        join = page.frame_locator("videobroker-call iframe").get_by_role("button", name="Join now")
        await join.click(timeout=TIMEOUT_MS)
        await expect(page.get_by_role("status")).to_have_text("joined", timeout=TIMEOUT_MS)
        await page.get_by_role("button", name="Leave the call").click()
        await expect(page.get_by_role("status")).to_have_text("left", timeout=TIMEOUT_MS)
        request = "fetch('/api/lessons/lesson-42/join', { method: 'POST' }).then((response) => response.json())"
        joined = await page.evaluate(request)
        assert (joined["type"], joined["user_id"]) == ("100ms_token", "ben")


async def test_a_stranger_gets_the_reason(open_browser: OpenBrowser, url: str) -> None:
    async with lesson_of(open_browser, url, "eve") as page:
        await expect(page.get_by_role("status")).to_have_text("This is not your lesson.")
        request = "fetch('/api/lessons/lesson-42/join', { method: 'POST' }).then((response) => response.text())"
        assert "not_a_participant" in await page.evaluate(request)


def test_without_a_sign_in_there_are_no_credentials(url: str) -> None:
    assert httpx.post(f"{url}/api/lessons/lesson-42/join", trust_env=False).status_code == 401


def test_only_genuine_webhooks_are_accepted(url: str) -> None:
    assert_only_genuine_events_are_accepted(f"{url}/webhooks/video", SECRET, EndedCall("lesson-42"))
