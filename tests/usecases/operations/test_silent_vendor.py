"""A provider account that does not answer delays neither other accounts nor incoming webhooks.

The vendor of one app accepts connections, and does not answer for as long as the test runs.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
from fastapi import FastAPI

from cli.program import new_database
from polling import eventually
from tenants import HMS_ROLES, DeferredApp, MovableClock, Sandbox, Tenant, context_of, make_tenant, with_webhooks
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.providers.hms import client
from videobroker.providers.retrying import RetryPolicy
from videobroker.settings import Settings
from videobroker.usecases import management
from videobroker.web.app import create_app
from videobroker.worker import ACCOUNT_LIMITS, MAX_CONCURRENT_DATABASE_JOBS, MAX_CONCURRENT_VENDOR_JOBS

SESSIONS = 30
"""More than the worker has slots for one account, or for jobs that only use the database."""
FOREVER_SECONDS = 3600.0


class SilentVendor:
    """Accepts connections, and never answers."""

    def __init__(self) -> None:
        self.url = ""
        self.waiting = 0
        """Requests that wait for a response."""
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["SilentVendor"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2"
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        self.waiting += 1


@pytest.fixture
async def silent_vendor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SilentVendor]:
    """A vendor that never answers. The client does not give up, either."""
    monkeypatch.setattr(client, "RESPONSE_SECONDS", FOREVER_SECONDS)
    monkeypatch.setattr(client, "RetryPolicy", partial(RetryPolicy, total=FOREVER_SECONDS))
    async with SilentVendor().opened() as vendor:
        yield vendor


@pytest.fixture
def own_database(postgres: str, template_database: str) -> Iterator[str]:
    """The URL of a separate database: a worker runs the jobs of all apps."""
    with new_database(postgres, like=template_database) as url:
        yield url


@pytest.fixture
async def own_broker(
    own_database: str, settings: Settings, clock: MovableClock, app: FastAPI, deferred_app: DeferredApp
) -> AsyncIterator[Broker]:
    """A service on this database, which gets the webhooks of the sandbox."""
    async with wiring.broker(settings, own_database, clock=clock) as broker:

        @asynccontextmanager
        async def lifetime() -> AsyncIterator[Broker]:
            yield broker

        deferred_app.service = own = create_app(lifetime)
        own.state.broker = broker
        yield broker
    deferred_app.service = app


@pytest.fixture
async def make_app(own_broker: Broker, deferred_app: DeferredApp, sandbox: Sandbox) -> AsyncIterator[Tenant]:
    """An app whose account is at the sandbox."""
    transport = httpx.ASGITransport(deferred_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://videobroker") as api:
        accounts = {ProviderName.HMS: sandbox.account("tutoring")}
        yield await make_tenant(own_broker, api, accounts, {ProviderName.HMS: HMS_ROLES})


async def test_webhooks_and_sessions_of_other_accounts_are_not_delayed(
    own_database: str,
    make_app: Tenant,
    silent_vendor: SilentVendor,
    sandbox: Sandbox,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("videobroker.worker.GRACE_SECONDS", 0.1)
    silent = make_app
    for number in range(SESSIONS):
        await silent.book(f"silent-{number}")
        assert (await silent.join(f"silent-{number}")).status_code == 200
    account = {**sandbox.account("tutoring"), "api_url": silent_vendor.url}
    await management.set_account(context_of(silent.broker, silent.app), ProviderName.HMS, account)
    clock.move(hours=4)
    async with wiring.background(silent.broker, own_database):
        await eventually(lambda: silent_vendor.waiting >= ACCOUNT_LIMITS.per_key)
        other = await with_webhooks(await another_app(silent, sandbox), sandbox)
        await other.book()
        joined = (await other.join()).json()
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.deliver_webhooks()
        await eventually(lambda: other.events("participant.joined"))
        clock.move(hours=4)
        await eventually(lambda: other.events("room.closed"))
        clock.move(minutes=5)
        await eventually(lambda: other.events("session.closed"))
    # No job of the account has ended, and none has taken a slot beyond its limit.
    assert silent_vendor.waiting == ACCOUNT_LIMITS.per_key


async def another_app(tenant: Tenant, sandbox: Sandbox) -> Tenant:
    accounts = {ProviderName.HMS: sandbox.account("tutoring")}
    return await make_tenant(tenant.broker, tenant.api, accounts, {ProviderName.HMS: HMS_ROLES})


def test_an_account_that_does_not_answer_cannot_hold_all_slots() -> None:
    assert max(ACCOUNT_LIMITS.per_key, MAX_CONCURRENT_DATABASE_JOBS) < SESSIONS
    assert ACCOUNT_LIMITS.per_key <= MAX_CONCURRENT_VENDOR_JOBS / 4
    assert ACCOUNT_LIMITS.all_slow_keys <= MAX_CONCURRENT_VENDOR_JOBS / 2
