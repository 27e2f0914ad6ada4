"""How long it takes until a page is usable, for every kind of page, in the system's Chromium.

The whole demo runs as `make run` starts it. Every load is that of a new visitor: empty cache, no connection.
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

from benchmarks.stage import free_port
from benchmarks.usable import usable_after, watch

PROMISED_MILLISECONDS = 1000
LOADS, QUICK_LOADS = 30, 5
START_SECONDS = 120.0
LONGEST_SECONDS = 30.0
LAST_WORDS = "Ctrl-C stops everything"
BEGIN, END = "<!-- pages: begin -->", "<!-- pages: end -->"
_SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=10"),
]

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of page."""

    name: str
    url: str
    control: str
    """What it is there for: a selector."""
    signed_in: bool = False


@dataclass(frozen=True, slots=True)
class Demo:
    """What `make run` has started."""

    base_url: str
    sandbox_url: str
    admin_key: str
    keys: Mapping[str, str]

    def ask(self, app: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send this to the API, as this app."""
        headers = {"Authorization": f"Bearer {self.keys[app]}"}
        answer = httpx.post(f"{self.base_url}{path}", json=body, headers=headers, trust_env=False)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document


def browser_program() -> str | None:
    """The system's Chromium."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def run(report: Report, *, quick: bool) -> dict[str, Any]:
    """Measure every kind of page."""
    with tempfile.TemporaryDirectory(prefix="videobroker-pages-", ignore_cleanup_errors=True) as folder:
        report("pages: starting the demo")
        with _demo(Path(folder)) as demo:
            return asyncio.run(_measure(demo, QUICK_LOADS if quick else LOADS, report))


async def _measure(demo: Demo, loads: int, report: Report) -> dict[str, Any]:
    program = browser_program()
    if program is None:
        raise RuntimeError("No Chromium is installed: apt-get install chromium, or leave the pages out with --only.")
    load_average = os.getloadavg()[0]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=_SWITCHES)
        cookies = await _sign_in(browser, demo)
        kinds = _kinds(demo, await _a_session(browser, demo, cookies))
        for kind in kinds:
            # The browser's own beginnings are nobody's page.
            await _load(browser, kind, cookies)
        found: dict[str, list[float]] = {kind.name: [] for kind in kinds}
        for round_ in range(loads):
            report(f"pages: load {round_ + 1} of {loads}")
            for kind in kinds:
                found[kind.name].append(await _load(browser, kind, cookies))
        version = browser.version
        await browser.close()
    return {
        "chromium": version,
        "loads": loads,
        "load_average_before": load_average,
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "pages": [
            {"name": name, "median": statistics.median(times), "worst": max(times), "milliseconds": times}
            for name, times in found.items()
        ],
    }


def _kinds(demo: Demo, session: str) -> Sequence[Kind]:
    link = demo.ask("tutoring-100ms", "/v1/bookings/lesson-1/links", {"user_id": "tutor-1"})
    room = demo.ask("tutoring-100ms", "/v1/bookings/lesson-1/join", {"user_id": "tutor-1", "surface": "prebuilt"})
    agora = demo.ask("tutoring-agora", "/v1/bookings/lesson-1/join", {"user_id": "tutor-1"})
    channel = urlencode({**{name: agora[name] for name in ("app_id", "channel", "uid", "token")}, "name": "Ada"})
    join = 'button[type="submit"]'
    return (
        Kind("hosted page", link["url"], "#go"),
        Kind("sandbox, a room of 100ms", f"{demo.sandbox_url}/meeting/{room['room_code']}", join),
        Kind("sandbox, a channel of Agora", f"{demo.sandbox_url}/agora/meeting#{channel}", join),
        Kind("console, sign-in", f"{demo.base_url}/console/sign-in", join),
        Kind("console, today", f"{demo.base_url}/console", 'input[name="q"]', signed_in=True),
        Kind("console, a session", session, "main button", signed_in=True),
        Kind("console, health", f"{demo.base_url}/console/health", "main h1", signed_in=True),
        Kind("demo", f"{demo.base_url}/demo", "main button"),
    )


async def _load(browser: Browser, kind: Kind, cookies: Any) -> float:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    await context.grant_permissions(["camera", "microphone"])
    if kind.signed_in:
        await context.add_cookies(cookies)
    page = await context.new_page()
    await watch(page, kind.control)
    await page.goto(kind.url, wait_until="commit")
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            taken = await usable_after(page)
    except TimeoutError:
        raise RuntimeError(f"{kind.name}: there is no {kind.control} after {LONGEST_SECONDS:.0f} s.") from None
    await context.close()
    return taken


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


async def _a_session(browser: Browser, demo: Demo, cookies: Any) -> str:
    context = await browser.new_context()
    await context.add_cookies(cookies)
    page = await context.new_page()
    await page.goto(f"{demo.base_url}/console?q=lesson-1")
    path = await page.locator('main a[href^="/console/sessions/"]').first.get_attribute("href")
    await context.close()
    return f"{demo.base_url}{path}"


@contextlib.contextmanager
def _demo(folder: Path) -> Iterator[Demo]:
    port, sandbox_port = free_port(), free_port()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    environment |= {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port), "HOME": str(folder)}
    output = folder / "output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "videobroker", "demo"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while LAST_WORDS not in output.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The demo did not start:\n{output.read_text()}")
            time.sleep(0.05)
        written = json.loads((folder / ".videobroker" / "demo.json").read_text())
        keys = {name: app["api_key"] for name, app in written["apps"].items()}
        yield Demo(written["base_url"], written["sandbox_url"], written["admin_key"], keys)
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
            "yes" if each["worst"] < PROMISED_MILLISECONDS else "no",
        )
        for each in result["pages"]
    ]
    return ("page", "median ms", "maximum ms", "always within a second"), lines


def markdown(result: dict[str, Any]) -> str:
    """The text for the document."""
    text = (
        f"Chromium {result['chromium']}, {result['loads']} loads of each kind, interleaved, each with an empty cache; "
        f"{result['measured_at']}, load average before: {result['load_average_before']:.2f}."
    )
    heads, lines = rows(result)
    table = "\n".join("| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *lines))
    return f"{text}\n\n{table}"


def write(document: Path, result: dict[str, Any]) -> None:
    """Replaces the text between the markers of the document."""
    head, _, rest = document.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    document.write_text(f"{head}{BEGIN}\n\n{markdown(result)}\n\n{END}{tail}")
