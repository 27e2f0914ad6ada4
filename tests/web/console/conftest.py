"""A console, and an operator who is signed in."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from consoles import Console, service_with_console
from videobroker.broker import Broker


@pytest.fixture
def console_service(broker: Broker) -> FastAPI:
    """The service with a console: another one for every test, for it remembers who tried wrong keys."""
    return service_with_console(broker)


@pytest.fixture
async def stranger(console_service: FastAPI) -> AsyncIterator[Console]:
    """Somebody who is not signed in."""
    transport = httpx.ASGITransport(console_service)
    async with httpx.AsyncClient(transport=transport, base_url="http://videobroker") as client:
        yield Console(client)


@pytest.fixture
async def console(stranger: Console) -> Console:
    """The operator."""
    response = await stranger.sign_in()
    assert response.status_code == 303, response.text
    return stranger
