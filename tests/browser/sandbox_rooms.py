"""Rooms of the sandbox, for tests of its call page."""

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
TIMEOUT_MS = DEADLINE_SECONDS * 1000
"""`DEADLINE_SECONDS` for Playwright."""

_FRAMES = """async ([people, kind]) => {
    const seen = Object.values((await document.querySelector("vb-call").stats()).people)
        .flatMap((person) => person.video.filter((video) => video.kind === kind))
        .map((video) => video.framesDecoded);
    return seen.length >= people && seen.every((frames) => frames > 0) ? seen : null;
}"""


async def expect_video(page: Page | Frame, *, people: int = 1, kind: str = "camera") -> None:
    """Wait until the page decodes new frames from the video of so many other people."""
    before = await eventually(lambda: page.evaluate(_FRAMES, [people, kind]))

    async def has_progressed() -> bool:
        now = await page.evaluate(_FRAMES, [people, kind])
        return bool(now) and all(after > first for after, first in zip(now, before, strict=False))

    await eventually(has_progressed)


@dataclass(frozen=True)
class Room:
    """A 100ms room with a code for each role. Its webhooks stay in the outbox of the sandbox."""

    sandbox: Sandbox
    id: str
    name: str
    codes: dict[str, str]

    def url(self, role: str, path: str = "meeting", **query: str) -> str:
        return str(httpx.URL(f"{self.sandbox.url}/{path}/{self.codes[role]}", params=query or None))

    async def post(self, path: str, **body: Any) -> httpx.Response:
        """Send a request about the room to the REST API. `{room}` in the path is its ID."""
        response = await request_hms(self.sandbox, "POST", path.format(room=self.id), body)
        assert response.status_code == 200, response.text
        return response

    async def people(self) -> dict[str, dict[str, Any]]:
        """The peers in the room, by name. Empty while the room is idle."""
        response = await request_hms(self.sandbox, "GET", f"/active-rooms/{self.id}/peers")
        return {} if response.status_code == 404 else {peer["name"]: peer for peer in response.json()["peers"].values()}

    async def webhook_types(self) -> list[str]:
        """The types of the webhooks about the room, oldest first."""
        response = await self.sandbox.client.get("/_sandbox/webhooks", params={"room_id": self.id})
        return [event["type"] for event in response.json()["events"]]

    async def expect_people(self, *names: str) -> None:
        """Wait until exactly these people are in the room."""

        async def is_complete() -> bool:
            return sorted(await self.people()) == sorted(names)

        await eventually(is_complete)


async def request_hms(sandbox: Sandbox, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """A request to the REST API of the emulated 100ms, with a management token."""
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
    """A new room. Its webhooks are not sent, so that tests can read them."""
    await sandbox.set_webhook_behavior(hold=10_000)
    name = f"lesson-{uuid.uuid4().hex[:8]}"
    body = {"name": name, "webhook": {"url": "http://receiver.invalid/hooks"}, **fields}
    room = (await request_hms(sandbox, "POST", "/rooms", body)).json()
    codes = (await request_hms(sandbox, "POST", f"/room-codes/room/{room['id']}")).json()["data"]
    return Room(sandbox, room["id"], name, {code["role"]: code["code"] for code in codes})


@asynccontextmanager
async def serving_pages(*routes: Route) -> AsyncIterator[str]:
    """The URL of a website with these pages and its own origin."""
    async with servers.serving(Starlette(routes=routes), ws="none", force_exit=True) as url:
        yield f"{url}/"


def embedding_page(address: str) -> str:
    """A page of a product that shows `address` in a frame, and stores the messages of the frame."""
    return f"""<!doctype html><html lang="en"><title>A product</title><link rel="icon" href="data:,"><body><script>
        window.messages = [];
        addEventListener("message", (event) => window.messages.push(event.data));
        const frame = document.createElement("iframe");
        frame.title = "Call";
        frame.allow = "camera; microphone; display-capture; autoplay";
        frame.width = "100%"; frame.height = 640;
        frame.src = {json.dumps(address)};
        document.body.append(frame);
        window.send = (message) => frame.contentWindow.postMessage(message, "*");
    </script></body></html>"""
