"""The service on a port, for clients in threads and in other processes."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import httpx
import pytest

from clients.services import ClientTenant
from delivery.backend import Backend, start_backend
from servers import serving
from tenants import HMS_ROLES, Sandbox, make_tenant
from videobroker.broker import Broker
from videobroker.delivery.sender import WebhookSender
from videobroker.domain.apps import ProviderName
from videobroker.web.app import create_app
from videobroker.web.http.http1_connection import Http1Connection


@pytest.fixture(scope="session")
async def client_broker(broker: Broker) -> AsyncIterator[Broker]:
    """The service with a sender that can deliver to this machine, as in development."""
    sender = WebhookSender(allow_private=True)
    yield replace(broker, webhook_sender=sender)
    await sender.aclose()


@pytest.fixture(scope="session")
async def address(client_broker: Broker) -> AsyncIterator[str]:
    """The URL of the service."""

    def lifetime() -> AbstractAsyncContextManager[Broker]:
        raise RuntimeError("the broker is given")

    service = create_app(lifetime)
    service.state.broker = client_broker
    async with serving(service, http=Http1Connection, ws="none", force_exit=True) as url:
        yield url


@pytest.fixture
async def tenant(client_broker: Broker, address: str, sandbox: Sandbox) -> AsyncIterator[ClientTenant]:
    """An app for tutoring on 100ms."""
    accounts = {ProviderName.HMS: sandbox.account("tutoring", prebuilt=True)}
    async with httpx.AsyncClient(base_url=address) as client:
        # With the roles of the examples in the contract.
        roles = {ProviderName.HMS: {**HMS_ROLES, "admin": "teacher", "member": "student"}}
        made = await make_tenant(client_broker, client, accounts, roles)
        yield ClientTenant(made, address)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """An HTTP server that responds as a test configures it."""
    async with start_backend() as backend:
        yield backend
