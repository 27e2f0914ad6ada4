"""An Agora account with a mocked REST API, and without delays."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import respx

from videobroker.providers.agora.provider import AgoraProvider

from .agora_account import account


@pytest.fixture
async def rest() -> AsyncIterator[AgoraProvider]:
    """The provider of an account with customer credentials."""
    provider = account()
    yield provider
    await provider.aclose()


@pytest.fixture
def vendor() -> Iterator[respx.MockRouter]:
    """A mocked REST API. An unexpected request fails the test."""
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays between attempts in seconds, recorded without waiting."""
    waited: list[float] = []
    yielding = asyncio.sleep

    async def sleep(delay: float, result: object = None) -> object:
        # Other tasks of the loop still sleep.
        if not sys._getframe(1).f_globals["__name__"].startswith("stamina"):
            return await yielding(delay, result)
        waited.append(delay)
        await yielding(0)
        return result

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waited
