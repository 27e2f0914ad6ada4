"""The built site: complete, in Markdown too, and readable without a network and a web server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from browser.conftest import SWITCHES, chromium_path
from videobroker.errors import CATALOG

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_has_its_markdown(site: Path) -> None:
    pages = {path.relative_to(site) for path in site.rglob("*.html")} - {Path("404.html")}
    assert len(pages) > 150
    without = {path for path in pages if not (site / path).with_suffix(".md").exists()}
    # README.md of a folder is its index; Redoc is no page of ours.
    assert {str(path) for path in without} == {"explanation/decisions/index.html", "reference/api/redoc.html"}


def test_every_error_has_a_page(site: Path) -> None:
    assert {path.stem for path in (site / "reference" / "errors").glob("*.html")} == set(CATALOG)


def test_llms_txt_lists_existing_pages(site: Path) -> None:
    linked = re.findall(r"\]\(([^)]+)\)", (site / "llms.txt").read_text())
    assert len(linked) > 150
    assert [link for link in linked if not (site / link).is_file()] == []


async def test_pages_load_nothing_from_other_hosts_and_can_be_searched(site: Path) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=SWITCHES)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        for name in ("reference/api/redoc.html", "explanation/architecture.html", "index.html"):
            await page.goto((site / name).as_uri())
        await page.locator("[data-md-component=search-query]").click()
        await page.keyboard.type("rotate secret key", delay=20)
        await page.get_by_text("Rotate keys").first.wait_for(timeout=20_000)
        await browser.close()
    assert requested
    assert [url for url in requested if not url.startswith(("file:", "data:", "blob:"))] == []
