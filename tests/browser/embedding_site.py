"""A product's website that embeds the call, with its own origin."""

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
    """A website whose pages the test defines."""

    origin: str
    pages: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def add_page(self, body: str, *, path: str = "/") -> str:
        """Add or replace a page. Returns its URL."""
        self.pages[path] = f"<!doctype html><html lang='en'><title>A shop</title><body>{body}</body></html>"
        return self.origin + path


@asynccontextmanager
async def serving_site() -> AsyncIterator[Site]:
    site = Site("")

    async def page(request: Request) -> Response:
        if request.url.path == "/favicon.ico":
            return Response(status_code=204)
        found = site.pages.get(request.url.path)
        return HTMLResponse(found or "", 200 if found else 404, headers=site.headers)

    app = Starlette(routes=[Route("/{path:path}", page)])
    async with serving(app, force_exit=True) as site.origin:
        yield site
