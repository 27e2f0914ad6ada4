"""Pages of somebody else's product, on an origin of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from house import free_port


@dataclass
class Site:
    """A site with pages that a test writes."""

    origin: str
    pages: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def show(self, body: str, *, path: str = "/") -> str:
        """Put this page there; its address."""
        self.pages[path] = f"<!doctype html><html lang='en'><title>A shop</title><body>{body}</body></html>"
        return self.origin + path


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """A site, for as long as the block."""
    port = free_port()
    made = Site(f"http://127.0.0.1:{port}")

    async def page(request: Request) -> Response:
        if request.url.path == "/favicon.ico":
            return Response(status_code=204)
        found = made.pages.get(request.url.path)
        return HTMLResponse(found or "", 200 if found else 404, headers=made.headers)

    app = Starlette(routes=[Route("/{path:path}", page)])
    server = uvicorn.Server(uvicorn.Config(app, port=port, access_log=False, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield made
    finally:
        server.should_exit = server.force_exit = True
        await task
