"""The service with a console, and a client of it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

import httpx
from fastapi import FastAPI

from videobroker.broker import Broker
from videobroker.settings import Settings
from videobroker.storage.failed_attempts import FailedAttempts
from videobroker.web.app import create_app
from videobroker.web.console.access import ConsoleAccess

ADMIN_KEY = "an-invented-admin-key-of-the-tests"
OPERATOR = "Olive"


async def no_delay(_: float) -> None:
    """Replaces the delay after a wrong key."""


def service_with_console(
    broker: Broker,
    access: ConsoleAccess | None = None,
    *,
    sleep: Callable[[float], Awaitable[None]] = no_delay,
) -> FastAPI:
    """The service with a console that accepts `ADMIN_KEY`, and calls `sleep` after wrong keys."""
    limits = Settings(_env_file=None).attempt_limits()
    own = replace(broker, failed_attempts=FailedAttempts(broker.store, limits, broker.now, sleep=sleep))

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[Broker]:
        yield own

    service = create_app(lifetime, console_access=access or ConsoleAccess(ADMIN_KEY))
    service.state.broker = own
    return service


@dataclass(frozen=True)
class Console:
    """A client of the console that submits its forms."""

    client: httpx.AsyncClient

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def sign_in(self, key: str = ADMIN_KEY, **fields: str) -> httpx.Response:
        """Submit the form for signing in."""
        return await self.client.post("/console/sign-in", data={"name": OPERATOR, "key": key, "zone": "UTC", **fields})

    async def post(self, path: str, page: str = "/console", *, files: Any = None, **fields: str) -> httpx.Response:
        """Submit a form with these fields and files and the CSRF token of `page`."""
        token = csrf_of(await self.client.get(page))
        return await self.client.post(path, data={"csrf": token, **fields}, files=files)


def csrf_of(page: httpx.Response) -> str:
    """The CSRF token in a form of this page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return unescape(found[1])


def base_of(page: httpx.Response, action: str) -> str:
    """The hidden value by which a form detects that its settings were changed."""
    form = page.text.split(f'action="{action}"')[1].split("</form>")[0]
    found = re.search(r'name="base" value="([^"]*)"', form)
    assert found is not None
    return found[1]
