"""A 100ms account with a mocked REST API, and a manual clock."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import respx
from structlog.testing import capture_logs

from videobroker.providers.contract import CredentialRequest
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.provider import HmsProvider
from videobroker.providers.hms.tokens import AccountKeys, ManagementTokens

API = "https://api.100ms.test/v2"
START = datetime(2026, 3, 12, 21, 10, tzinfo=UTC)


@dataclass
class Clock:
    """A manual clock."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys() -> AccountKeys:
    return AccountKeys("65f0c1a2b3d4e5f607182900", "c2VjcmV0LXVzZWQtYXMtaXQtc3RhbmRz_-invented")


@pytest.fixture
def settings(keys: AccountKeys) -> dict[str, str]:
    return {
        "access_key": keys.access_key,
        "secret": keys.secret,
        "template_id": "64d1f1b23c5b7e9012ab34d0",
        "subdomain": "acme",
        "api_url": API,
    }


@pytest.fixture
def seat() -> CredentialRequest:
    return CredentialRequest(
        user_id="u-1842",
        role="teacher",
        display_name="Asha",
        issued_at=START,
        expires_at=START + timedelta(hours=24),
    )


@pytest.fixture
async def client(keys: AccountKeys, clock: Clock) -> AsyncIterator[HmsClient]:
    client = HmsClient(API, ManagementTokens(keys, clock), clock)
    yield client
    await client.aclose()


@pytest.fixture
async def provider(settings: dict[str, str], clock: Clock) -> AsyncIterator[HmsProvider]:
    provider = HmsProvider.from_settings(settings, clock=clock)
    yield provider
    await provider.aclose()


@pytest.fixture
def vendor() -> Iterator[respx.MockRouter]:
    """A mocked REST API at `API`. An unexpected request fails the test."""
    with respx.mock(base_url=API, assert_all_called=False) as router:
        yield router


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays between attempts in seconds, recorded without waiting."""
    waited: list[float] = []
    yielding = asyncio.sleep

    async def sleep(delay: float, result: object = None) -> object:
        # The servers of other tests still sleep in the same loop.
        if not sys._getframe(1).f_globals["__name__"].startswith("stamina"):
            return await yielding(delay, result)
        waited.append(delay)
        await yielding(0)
        return result

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waited


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """The log entries."""
    with capture_logs() as entries:
        yield entries
