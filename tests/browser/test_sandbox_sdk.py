"""The official Web SDK of 100ms accepts the sandbox as 100ms."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from playwright.async_api import Page
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from browser.conftest import OpenBrowser
from browser.sandbox_rooms import Room, make_room, serving_pages
from node_packages import node_modules
from tenants import Sandbox

PAGE = """<!doctype html><html lang="en"><title>A product</title><link rel="icon" href="data:,">
<script src="/sdk.js"></script></html>"""
EXCHANGE = """async ([roomCode, userId, endpoint]) => {
    const store = new SDK.HMSReactiveStore();
    try {
        return { token: await store.getActions().getAuthTokenByRoomCode({ roomCode, userId }, { endpoint }) };
    } catch (error) {
        return { code: error.code, message: error.message };
    }
}"""


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The SDK and its imports, bundled into one script that defines `SDK`."""
    bundle = tmp_path_factory.mktemp("sdk") / "sdk.js"
    modules = node_modules()
    build = [modules / ".bin" / "esbuild", modules / "@100mslive" / "hms-video-store" / "dist" / "index.js"]
    options = ["--bundle", "--format=iife", "--global-name=SDK", "--log-level=error", f"--outfile={bundle}"]
    subprocess.run([*map(str, build), *options], check=True, timeout=60, cwd=Path(__file__).parent)
    return bundle.read_bytes()


@pytest.fixture(scope="module")
async def product(sdk: bytes) -> AsyncIterator[str]:
    """The URL of a product's page with the SDK, of another origin than the sandbox."""

    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE)

    async def script(_: Request) -> Response:
        return Response(sdk, media_type="text/javascript")

    async with serving_pages(Route("/", page), Route("/sdk.js", script)) as url:
        yield url


@pytest.fixture
async def room(sandbox: Sandbox) -> Room:
    """A room with a teacher and a student."""
    return await make_room(sandbox)


async def exchange_code(page: Page, sandbox: Sandbox, code: str) -> dict[str, Any]:
    """The result of the SDK for a room code."""
    response: dict[str, Any] = await page.evaluate(EXCHANGE, [code, "tutor/1", f"{sandbox.url}/v2/token"])
    return response


async def test_the_sdk_gets_a_token_for_a_code(open_browser: OpenBrowser, product: str, room: Room) -> None:
    browser = await open_browser()
    await browser.page.goto(product)
    response = await exchange_code(browser.page, room.sandbox, room.codes["teacher"])
    claims = jwt.decode(response["token"], room.sandbox.workspace.secret, algorithms=["HS256"])
    assert (claims["room_id"], claims["role"], claims["user_id"]) == (room.id, "teacher", "tutor/1")


async def test_the_sdk_explains_why_a_code_is_unusable(open_browser: OpenBrowser, product: str, room: Room) -> None:
    browser = await open_browser()
    browser.expected_errors += ["404", "403"]
    await browser.page.goto(product)
    assert (await exchange_code(browser.page, room.sandbox, "aaa-aaaa-aaa"))["code"] == 404
    await room.post("/room-codes/code", code=room.codes["teacher"], enabled=False)
    assert (await exchange_code(browser.page, room.sandbox, room.codes["teacher"]))["code"] == 403
