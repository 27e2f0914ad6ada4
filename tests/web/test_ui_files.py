"""The files of the UI kit: the service and the sandbox serve the same ones."""

import re
from pathlib import Path

import httpx
import pytest

from videobroker import ui
from videobroker.sandbox import create_sandbox, demo_config

FILES = sorted(path.name for path in ui.FOLDER.iterdir() if path.suffix in {".js", ".css"})
PACKAGE = ui.FOLDER.parent
VARIABLE = re.compile(r"var\((--[\w-]+)")
BROWSER_STORAGE = re.compile(r"\b(?:localStorage|sessionStorage|indexedDB|caches|cookieStore|document\.cookie)\b")
DECLARATION = re.compile(r"(--[\w-]+):")


@pytest.fixture
def sandbox_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_sandbox(demo_config())), base_url="http://sandbox")


@pytest.mark.parametrize("name", FILES)
async def test_the_service_and_the_sandbox_serve_each_file(
    api: httpx.AsyncClient, sandbox_client: httpx.AsyncClient, name: str
) -> None:
    for client in (api, sandbox_client):
        first = await client.get(f"/ui/{name}")
        repeated = await client.get(f"/ui/{name}", headers={"If-None-Match": first.headers["etag"]})

        assert first.text == (ui.FOLDER / name).read_text()
        assert first.headers["cache-control"] == "no-cache"
        assert first.headers["x-content-type-options"] == "nosniff"
        assert (repeated.status_code, repeated.content) == (304, b"")


@pytest.mark.parametrize("name", ["__init__.py", "nothing.js", ".js", "%2e%2e"])
async def test_no_other_file_is_served(api: httpx.AsyncClient, sandbox_client: httpx.AsyncClient, name: str) -> None:
    for client in (api, sandbox_client):
        assert (await client.get(f"/ui/{name}")).status_code == 404


def test_the_two_blocks_for_dark_mode_are_equal() -> None:
    text = (ui.FOLDER / "tokens.css").read_text()
    system = re.search(r':root:not\(\[data-scheme="light"\]\) \{(.+?)\}', text, re.DOTALL)
    chosen = re.search(r'\n:root\[data-scheme="dark"\] \{(.+?)\}', text, re.DOTALL)
    assert system
    assert chosen
    assert system[1].split() == chosen[1].split()


@pytest.mark.parametrize("page", ["ui/kit.css", "web/pages/static/join.css", "web/problem_pages/static/problem.css"])
def test_every_variable_of_a_style_sheet_is_a_token_or_its_own(page: str) -> None:
    text = Path(PACKAGE, page).read_text()
    known = set(DECLARATION.findall((ui.FOLDER / "tokens.css").read_text() + text)) | {"--level"}
    assert set(VARIABLE.findall(text)) - known == set()
    assert not re.search(r"#[0-9a-f]{3,8};", re.sub(r"\.avatar.+?\}", "", text, flags=re.DOTALL).replace("#fff;", ""))


def test_only_devices_and_sounds_are_stored_in_the_browser() -> None:
    """Names, tickets, and tokens are not."""
    scripts = [path for path in PACKAGE.rglob("*.js") if "sandbox" not in path.parts]
    storing = {path.name for path in scripts if BROWSER_STORAGE.search(path.read_text())}
    assert storing == {"call-shortcuts.js", "chime.js", "device-choice.js"}
