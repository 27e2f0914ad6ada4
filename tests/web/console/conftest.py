"""A console, and an operator who has signed in."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from consoles import Console, service_with_console
from videobroker.broker import Broker


@pytest.fixture
def console_service(broker: Broker, no_failed_attempts: None) -> FastAPI:
    """The service with a console. Each test has its own, because a process remembers wrong keys."""
    return service_with_console(broker)


@pytest.fixture
async def signed_out(console_service: FastAPI) -> AsyncIterator[Console]:
    """A client that has not signed in."""
    transport = httpx.ASGITransport(console_service)
    async with httpx.AsyncClient(transport=transport, base_url="http://videobroker") as client:
        yield Console(client)


@pytest.fixture
async def console(signed_out: Console) -> Console:
    """A client of an operator who has signed in."""
    response = await signed_out.sign_in()
    assert response.status_code == 303, response.text
    return signed_out
