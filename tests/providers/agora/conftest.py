"""A far side that answers what a test says, and nobody who waits for it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import respx

from videobroker.providers.agora.provider import AgoraProvider

from .far_side import account


@pytest.fixture
async def rest() -> AsyncIterator[AgoraProvider]:
    """The provider of an account with customer credentials."""
    provider = account()
    yield provider
    await provider.aclose()


@pytest.fixture
def vendor() -> Iterator[respx.MockRouter]:
    """A request that no route expects fails the test."""
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited between attempts, without anybody waiting."""
    waited: list[float] = []
    yielding = asyncio.sleep

    async def sleep(delay: float, result: object = None) -> object:
        # Whoever else sleeps in the same loop goes on as they are.
        if not sys._getframe(1).f_globals["__name__"].startswith("stamina"):
            return await yielding(delay, result)
        waited.append(delay)
        await yielding(0)
        return result

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waited
