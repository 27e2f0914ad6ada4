"""Idle connections to vendors are not reused after a while, because the vendor may be closing them."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from delivery.backend import Backend, respond, start_backend
from videobroker.providers.agora.client import AgoraClient, CustomerKeys
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.tokens import AccountKeys, ManagementTokens

IDLE_TIMEOUT_SECONDS = 5.0
"""The shortest idle timeout of common servers."""

SendRequest = Callable[[], Awaitable[object]]


@pytest.fixture
async def vendor() -> AsyncIterator[Backend]:
    """A vendor without rooms and rules."""
    async with start_backend() as vendor:
        vendor.default_behavior = respond(200, b'{"data": [], "rules": []}', content_type="application/json")
        yield vendor


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(params=["100ms", "agora"])
async def send_request(request: pytest.FixtureRequest, vendor: Backend) -> AsyncIterator[SendRequest]:
    """A request to the vendor."""
    address = vendor.url.rsplit("/", 1)[0]
    if request.param == "100ms":
        tokens = ManagementTokens(AccountKeys("an-access-key", "an-invented-secret-of-enough-length"), now)
        hms = HmsClient(address, tokens, now)
        yield lambda: hms.list_codes("a-room")
        await hms.aclose()
    else:
        agora = AgoraClient("0123456789abcdef" * 2, CustomerKeys("id", "an-invented-secret"), now, hosts=(address,))
        yield agora.list_rules
        await agora.aclose()


def move_clock(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the clock of idle connections."""
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + seconds)
    monkeypatch.setattr("httpcore._async.http11.time", later)


async def test_consecutive_requests_share_a_connection(send_request: SendRequest, vendor: Backend) -> None:
    await send_request()
    await send_request()
    assert vendor.connections == 1


async def test_a_connection_is_replaced_before_the_shortest_idle_timeout(
    send_request: SendRequest, vendor: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send_request()
    move_clock(0.9 * IDLE_TIMEOUT_SECONDS, monkeypatch)
    await send_request()
    assert (vendor.connections, len(vendor.received)) == (2, 2)
