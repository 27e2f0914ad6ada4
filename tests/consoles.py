"""The service with a console, and an operator who is signed in to it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx
from fastapi import FastAPI

from videobroker.broker import Broker
from videobroker.web.app import create_app
from videobroker.web.console.access import ConsoleAccess

ADMIN_KEY = "an-invented-admin-key-of-the-tests"
OPERATOR = "Olive"


async def no_delay(_: float) -> None:
    """In place of the pause before a wrong key is answered."""


def service_with_console(broker: Broker, access: ConsoleAccess | None = None) -> FastAPI:
    """The service, with a console that opens with `ADMIN_KEY`."""

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[Broker]:
        yield broker

    service = create_app(lifetime, console_access=access or ConsoleAccess(ADMIN_KEY, sleep=no_delay))
    service.state.broker = broker
    return service


@dataclass(frozen=True)
class Console:
    """A browser without a screen."""

    client: httpx.AsyncClient

    async def get(self, path: str, **how: Any) -> httpx.Response:
        """Look at a page."""
        return await self.client.get(path, **how)

    async def sign_in(self, key: str = ADMIN_KEY, **fields: str) -> httpx.Response:
        """Send the form that asks for the key."""
        return await self.client.post("/console/sign-in", data={"name": OPERATOR, "key": key, "zone": "UTC", **fields})

    async def post(self, path: str, page: str = "/console", **fields: str) -> httpx.Response:
        """Send a form with these fields, as one of `page` would be sent."""
        token = csrf_of(await self.client.get(page))
        return await self.client.post(path, data={"csrf": token, **fields})


def csrf_of(page: httpx.Response) -> str:
    """What a form of this page holds."""
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return unescape(found[1])
