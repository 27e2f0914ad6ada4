"""What tests of the sandbox's call page need: rooms at the sandbox, people in front of pages, and patience."""

import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
from playwright.async_api import Frame, Page
from starlette.applications import Starlette
from starlette.routing import Route

import servers
from polling import eventually
from tenants import Sandbox

DEADLINE_SECONDS = 30.0
LONG = DEADLINE_SECONDS * 1000
"""The same for Playwright: generous, as the machine may be busy."""

_FRAMES = """async ([people, kind]) => {
    const seen = Object.values((await document.querySelector("vb-call").stats()).people)
        .flatMap((person) => person.video.filter((video) => video.kind === kind))
        .map((video) => video.framesDecoded);
    return seen.length >= people && seen.every((frames) => frames > 0) ? seen : null;
}"""


async def sees(page: Page | Frame, *, people: int = 1, kind: str = "camera") -> None:
    """Wait until the page decodes ever more pictures of so many others."""
    before = await eventually(lambda: page.evaluate(_FRAMES, [people, kind]))

    async def more() -> bool:
        now = await page.evaluate(_FRAMES, [people, kind])
        return bool(now) and all(after > first for after, first in zip(now, before, strict=False))

    await eventually(more)


@dataclass(frozen=True)
class Room:
    """A 100ms room, with a code for each role; what happens in it waits in the outbox."""

    sandbox: Sandbox
    id: str
    name: str
    codes: dict[str, str]

    def url(self, role: str, path: str = "meeting", **query: str) -> str:
        """The page of a role."""
        return str(httpx.URL(f"{self.sandbox.url}/{path}/{self.codes[role]}", params=query or None))

    async def rest(self, path: str, **body: Any) -> httpx.Response:
        """Ask the REST API about the room."""
        response = await call(self.sandbox, "POST", path.format(room=self.id), body)
        assert response.status_code == 200, response.text
        return response

    async def people(self) -> dict[str, dict[str, Any]]:
        """Who is in the room, by name; nobody while it is idle."""
        response = await call(self.sandbox, "GET", f"/active-rooms/{self.id}/peers")
        return {} if response.status_code == 404 else {peer["name"]: peer for peer in response.json()["peers"].values()}

    async def told(self) -> list[str]:
        """The types of the webhooks about the room, oldest first."""
        response = await self.sandbox.client.get("/_sandbox/webhooks", params={"room_id": self.id})
        return [event["type"] for event in response.json()["events"]]

    async def holds(self, *names: str) -> None:
        """Wait until exactly these are in the room."""

        async def there() -> bool:
            return sorted(await self.people()) == sorted(names)

        await eventually(there)


async def call(sandbox: Sandbox, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """A request to the REST API of the pretend 100ms."""
    now = int(time.time())
    claims = {
        "access_key": sandbox.workspace.access_key,
        "type": "management",
        "version": 2,
        "jti": str(uuid.uuid4()),
        "iat": now - 10,
        "nbf": now - 10,
        "exp": now + 3600,
    }
    token = jwt.encode(claims, sandbox.workspace.secret, algorithm="HS256")
    headers = {"authorization": f"Bearer {token}"}
    return await sandbox.client.request(method, f"/v2{path}", json=body, headers=headers)


async def make_room(sandbox: Sandbox, **fields: Any) -> Room:
    """A new room whose webhooks are kept back, so that they can be looked at."""
    await sandbox.set_webhook_behavior(hold=10_000)
    name = f"lesson-{uuid.uuid4().hex[:8]}"
    told = {"name": name, "webhook": {"url": "http://nobody.invalid/hooks"}, **fields}
    room = (await call(sandbox, "POST", "/rooms", told)).json()
    codes = (await call(sandbox, "POST", f"/room-codes/room/{room['id']}")).json()["data"]
    return Room(sandbox, room["id"], name, {code["role"]: code["code"] for code in codes})


@asynccontextmanager
async def serving(*routes: Route) -> AsyncIterator[str]:
    """The address of a website with these pages. It has an origin of its own."""
    async with servers.serving(Starlette(routes=routes), ws="none", force_exit=True) as url:
        yield f"{url}/"


def host_page(address: str) -> str:
    """A page of a product that shows `address` in a frame, and keeps what the frame says."""
    return f"""<!doctype html><html lang="en"><title>A product</title><link rel="icon" href="data:,"><body><script>
        window.got = [];
        addEventListener("message", (event) => window.got.push(event.data));
        const frame = document.createElement("iframe");
        frame.title = "Call";
        frame.allow = "camera; microphone; display-capture; autoplay";
        frame.width = "100%"; frame.height = 640;
        frame.src = {json.dumps(address)};
        document.body.append(frame);
        window.say = (message) => frame.contentWindow.postMessage(message, "*");
    </script></body></html>"""
