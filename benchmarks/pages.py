"""Measures the time until pages are usable, in the installed Chromium, with the demo of `make run`.

Each load has a new browser context: an empty cache, and no open connection.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from playwright.async_api import Browser, async_playwright

from benchmarks.environment import free_port
from benchmarks.page_timing import mark_when_usable, milliseconds_until_usable
from videobroker.cli.demo import READY_MESSAGE

TARGET_MS = 1000
LOADS, QUICK_LOADS = 30, 5
START_TIMEOUT_SECONDS = 120.0
LOAD_TIMEOUT_SECONDS = 30.0
BEGIN, END = "<!-- pages: begin -->", "<!-- pages: end -->"
_CHROMIUM_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=10"),
]

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PageKind:
    """A kind of page, and its URL."""

    name: str
    url: str
    selector: str
    """The main control."""
    signed_in: bool = False


@dataclass(frozen=True, slots=True)
class Demo:
    """The URLs and keys of a running demo."""

    base_url: str
    sandbox_url: str
    admin_key: str
    api_keys: Mapping[str, str]

    def post(self, app: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Sends an API request as this app."""
        headers = {"Authorization": f"Bearer {self.api_keys[app]}"}
        response = httpx.post(f"{self.base_url}{path}", json=body, headers=headers, trust_env=False)
        response.raise_for_status()
        document: dict[str, Any] = response.json()
        return document


def browser_program() -> str | None:
    """The path of the installed Chromium."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def run(report: Report, *, quick: bool) -> dict[str, Any]:
    """Measures all kinds of pages."""
    with tempfile.TemporaryDirectory(prefix="videobroker-pages-", ignore_cleanup_errors=True) as folder:
        report("pages: starting the demo")
        with _start_demo(Path(folder)) as demo:
            return asyncio.run(_measure(demo, QUICK_LOADS if quick else LOADS, report))


async def _measure(demo: Demo, loads: int, report: Report) -> dict[str, Any]:
    program = browser_program()
    if program is None:
        raise RuntimeError("Chromium is not installed. Try: apt-get install chromium")
    load_average = os.getloadavg()[0]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=_CHROMIUM_ARGUMENTS)
        cookies = await _sign_in(browser, demo)
        kinds = _kinds(demo, await _session_url(browser, demo, cookies))
        for kind in kinds:
            # A warm-up, because the first loads include the start of the browser.
            await _load_milliseconds(browser, kind, cookies)
        loads_by_name: dict[str, list[float]] = {kind.name: [] for kind in kinds}
        for round_ in range(loads):
            report(f"pages: load {round_ + 1} of {loads}")
            for kind in kinds:
                loads_by_name[kind.name].append(await _load_milliseconds(browser, kind, cookies))
        version = browser.version
        await browser.close()
    return {
        "chromium": version,
        "loads": loads,
        "load_average_before": load_average,
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "pages": [
            {"name": name, "median": statistics.median(times), "worst": max(times), "milliseconds": times}
            for name, times in loads_by_name.items()
        ],
    }


def _kinds(demo: Demo, session: str) -> Sequence[PageKind]:
    link = demo.post("tutoring-100ms", "/v1/bookings/lesson-1/links", {"user_id": "tutor-1"})
    room = demo.post("tutoring-100ms", "/v1/bookings/lesson-1/join", {"user_id": "tutor-1", "surface": "prebuilt"})
    agora = demo.post("tutoring-agora", "/v1/bookings/lesson-1/join", {"user_id": "tutor-1"})
    channel = urlencode({**{name: agora[name] for name in ("app_id", "channel", "uid", "token")}, "name": "Ada"})
    join = 'button[type="submit"]'
    return (
        PageKind("hosted page", link["url"], "#go"),
        PageKind("sandbox, a room of 100ms", f"{demo.sandbox_url}/meeting/{room['room_code']}", join),
        PageKind("sandbox, a channel of Agora", f"{demo.sandbox_url}/agora/meeting#{channel}", join),
        PageKind("console, sign-in", f"{demo.base_url}/console/sign-in", join),
        PageKind("console, today", f"{demo.base_url}/console", 'input[name="q"]', signed_in=True),
        PageKind("console, a session", session, "main h1", signed_in=True),
        PageKind("console, health", f"{demo.base_url}/console/health", "main h1", signed_in=True),
        PageKind("demo", f"{demo.base_url}/demo", "main button"),
    )


async def _load_milliseconds(browser: Browser, kind: PageKind, cookies: Any) -> float:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    await context.grant_permissions(["camera", "microphone"])
    if kind.signed_in:
        await context.add_cookies(cookies)
    page = await context.new_page()
    await mark_when_usable(page, kind.selector)
    await page.goto(kind.url, wait_until="commit")
    try:
        async with asyncio.timeout(LOAD_TIMEOUT_SECONDS):
            milliseconds = await milliseconds_until_usable(page)
    except TimeoutError:
        raise RuntimeError(f"{kind.name}: {kind.selector} is not usable after {LOAD_TIMEOUT_SECONDS:.0f} s.") from None
    await context.close()
    return milliseconds


async def _sign_in(browser: Browser, demo: Demo) -> Any:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{demo.base_url}/console/sign-in")
    await page.get_by_label("Your name or initials").fill("bench")
    await page.get_by_label("Admin key").fill(demo.admin_key)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile("/console$"))
    cookies = await context.cookies()
    await context.close()
    return cookies


async def _session_url(browser: Browser, demo: Demo, cookies: Any) -> str:
    context = await browser.new_context()
    await context.add_cookies(cookies)
    page = await context.new_page()
    await page.goto(f"{demo.base_url}/console/search?q=lesson-1")
    path = await page.locator('main a[href^="/console/sessions/"]').first.get_attribute("href")
    await context.close()
    return f"{demo.base_url}{path}"


@contextlib.contextmanager
def _start_demo(folder: Path) -> Iterator[Demo]:
    port, sandbox_port = free_port(), free_port()
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    variables |= {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port), "HOME": str(folder)}
    output = folder / "output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "videobroker", "demo"],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while READY_MESSAGE not in output.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The demo did not start:\n{output.read_text()}")
            time.sleep(0.05)
        state = json.loads((folder / ".videobroker" / "demo.json").read_text())
        api_keys = {name: app["api_key"] for name, app in state["apps"].items()}
        yield Demo(state["base_url"], state["sandbox_url"], state["admin_key"], api_keys)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def rows(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Header and rows of the table."""
    lines: list[Sequence[str]] = [
        (
            each["name"],
            f"{each['median']:.0f}",
            f"{each['worst']:.0f}",
            "yes" if each["worst"] < TARGET_MS else "no",
        )
        for each in result["pages"]
    ]
    return ("page", "median ms", "maximum ms", "always within a second"), lines


def markdown(result: dict[str, Any]) -> str:
    """The conditions and the table, in Markdown."""
    text = (
        f"Chromium {result['chromium']}, {result['loads']} loads of each kind, interleaved, each with an empty cache; "
        f"{result['measured_at']}, load average before: {result['load_average_before']:.2f}."
    )
    headers, lines = rows(result)
    table = "\n".join("| " + " | ".join(line) + " |" for line in (headers, ["---"] * len(headers), *lines))
    return f"{text}\n\n{table}"


def write(document: Path, result: dict[str, Any]) -> None:
    """Replaces the text between the markers of the document."""
    head, _, rest = document.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    document.write_text(f"{head}{BEGIN}\n\n{markdown(result)}\n\n{END}{tail}")
