"""Connections to vendors: one that was idle for long is not used again, because the vendor may be closing it."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from delivery.backend import Backend, respond, start_backend
from videobroker.providers.agora.client import AgoraClient, CustomerKeys
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.tokens import AccountKeys, ManagementTokens

ALLOWED_SECONDS = 5.0
"""So long the most impatient of common servers keep an idle connection."""

Ask = Callable[[], Awaitable[object]]


@pytest.fixture
async def vendor() -> AsyncIterator[Backend]:
    """Somebody who knows no rooms and no rules."""
    async with start_backend() as vendor:
        vendor.default_behavior = respond(200, b'{"data": [], "rules": []}', content_type="application/json")
        yield vendor


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(params=["100ms", "agora"])
async def ask(request: pytest.FixtureRequest, vendor: Backend) -> AsyncIterator[Ask]:
    """One question to the vendor."""
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


def pass_by(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be later, for connections that are kept."""
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + seconds)
    monkeypatch.setattr("httpcore._async.http11.time", later)


async def test_questions_that_follow_each_other_share_a_connection(ask: Ask, vendor: Backend) -> None:
    await ask()
    await ask()
    assert vendor.connections == 1


async def test_after_a_pause_that_an_impatient_vendor_just_allows_there_is_a_new_one(
    ask: Ask, vendor: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask()
    pass_by(0.9 * ALLOWED_SECONDS, monkeypatch)
    await ask()
    assert (vendor.connections, len(vendor.received)) == (2, 2)
