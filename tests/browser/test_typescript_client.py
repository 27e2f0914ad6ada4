"""The TypeScript client and the module of `<videobroker-call>`, bundled into a page of another origin."""

import json
import subprocess
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from browser.conftest import OpenBrowser
from browser.embedding_site import Site, serving_site
from browser.test_embed import allow_embedding
from browser.visitors import TIMEOUT_MS, create_ticket
from clients.test_typescript import PACKAGE, compile_project
from node_packages import node_modules
from tenants import Tenant

pytestmark = [pytest.mark.long, pytest.mark.representative, pytest.mark.usefixtures("fast_polling")]

PROGRAM = """
import { AccessDenied, Client } from "@videobroker/client";
import "@videobroker/client/element";

const { baseUrl, ticket } = globalThis.settings;
const client = new Client({ baseUrl, ticket });

async function run() {
  for await (const visit of client.visit.stream()) {
    const joined = await client.bookings.join(visit.session.reference, { surface: "prebuilt" });
    try {
      await client.bookings.checkAccess("another");
    } catch (error) {
      return [visit.visitor.user_id, joined.type, error.code, typeof error.requestId, error instanceof AccessDenied];
    }
  }
}

document.querySelector("#result").textContent = JSON.stringify(await run().catch((error) => [String(error)]));
const call = document.createElement("videobroker-call");
call.setAttribute("origin", baseUrl);
call.ticket = ticket;
document.body.append(call);
"""


@pytest.fixture
async def shop() -> AsyncIterator[Site]:
    """The product's site. Request this fixture first: pages close before the server that holds their streams."""
    async with serving_site() as site:
        yield site


@pytest.fixture(scope="module")
def bundle() -> str:
    """The program with everything that it imports."""
    node_modules(PACKAGE)
    compile_project(PACKAGE)
    source = PACKAGE / "dist" / "browser.js"
    source.write_text(PROGRAM)
    command = [str(node_modules() / ".bin/esbuild"), str(source), "--bundle", "--format=esm", "--charset=utf8"]
    done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


async def test_a_page_of_another_origin_uses_the_client_and_the_element(
    shop: Site, bundle: str, open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await allow_embedding(tutoring, [shop.origin])
    await tutoring.book()
    settings = json.dumps({"baseUrl": service_url, "ticket": await create_ticket(tutoring, "tutor-1")})
    url = shop.add_page(
        f"<p id='result'></p><script>globalThis.settings = {settings}</script><script type='module'>{bundle}</script>"
    )
    browser = await open_browser()
    browser.expected_errors.append("404")
    await browser.page.goto(url)
    expected = ["tutor-1", "100ms_room_code", "session_not_found", "string", False]
    await expect(browser.page.locator("#result")).to_have_text(
        json.dumps(expected, separators=(",", ":")), timeout=TIMEOUT_MS
    )
    frame = browser.page.frame_locator("videobroker-call iframe")
    await expect(frame.locator("#heading")).to_be_visible(timeout=TIMEOUT_MS)
