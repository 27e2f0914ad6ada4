"""Pages of somebody else's product, on an origin of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from servers import serving


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
    made = Site("")

    async def page(request: Request) -> Response:
        if request.url.path == "/favicon.ico":
            return Response(status_code=204)
        found = made.pages.get(request.url.path)
        return HTMLResponse(found or "", 200 if found else 404, headers=made.headers)

    app = Starlette(routes=[Route("/{path:path}", page)])
    async with serving(app, force_exit=True) as made.origin:
        yield made
