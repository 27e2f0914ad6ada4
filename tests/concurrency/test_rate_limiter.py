"""A caller can send a number of requests in each window. The number of callers that are counted is limited."""

import pytest
from limits import parse
from limits.strategies import FixedWindowRateLimiter

from videobroker.concurrency.rate_limiter import MemoryCounters, RateLimitStatus, RequestLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_window_begins_with_the_first_request(clock: Clock) -> None:
    limiter = RequestLimiter("api-key", "3/minute", clock=clock)
    found = []
    for _ in range(5):
        found.append(limiter.hit("a"))
        clock.now += 10
    assert found == [
        RateLimitStatus(3, 60, 2, 60, is_exceeded=False),
        RateLimitStatus(3, 60, 1, 50, is_exceeded=False),
        RateLimitStatus(3, 60, 0, 40, is_exceeded=False),
        RateLimitStatus(3, 60, 0, 30, is_exceeded=True),
        RateLimitStatus(3, 60, 0, 20, is_exceeded=True),
    ]
    assert limiter.hit("b") == RateLimitStatus(3, 60, 2, 60, is_exceeded=False)
    clock.now += 10
    assert limiter.hit("a") == RateLimitStatus(3, 60, 2, 60, is_exceeded=False)


def test_windows_of_several_units(clock: Clock) -> None:
    limiter = RequestLimiter("api-key", "1 per 2 hours", clock=clock)
    assert limiter.hit("a").window_seconds == 7200
    assert limiter.hit("a").is_exceeded
    clock.now += 7200
    assert not limiter.hit("a").is_exceeded


@pytest.mark.parametrize("limit", ["", "many", "10", "10/fortnight"])
def test_a_limit_that_is_not_valid_is_an_error(limit: str) -> None:
    with pytest.raises(ValueError, match=r"rate limit|granularity"):
        RequestLimiter("api-key", limit)


def test_the_number_of_counters_is_limited(clock: Clock) -> None:
    limiter = RequestLimiter("address", "1/minute", clock=clock, max_counters=3)
    for caller in ("a", "b", "c"):
        limiter.hit(caller)
        clock.now += 1
    assert limiter.hit("a").is_exceeded
    limiter.hit("d")
    # The oldest window is forgotten, the others are not.
    assert limiter.hit("c").is_exceeded
    assert not limiter.hit("a").is_exceeded


def test_counters_of_past_windows_are_deleted(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    limiter = FixedWindowRateLimiter(counters)
    item = parse("1/minute")
    for caller in range(100):
        assert limiter.hit(item, str(caller))
    clock.now += 60
    assert limiter.get_window_stats(item, "1").remaining == 1
    assert limiter.hit(item, "new")
    assert counters.reset() == 1
    assert counters.reset() == 0


def test_it_is_a_storage_of_the_library(clock: Clock) -> None:
    counters = MemoryCounters(clock)
    limiter = FixedWindowRateLimiter(counters)
    item = parse("2/minute")
    assert limiter.hit(item, "a", cost=2)
    assert not limiter.test(item, "a")
    assert limiter.get_window_stats(item, "a") == (clock.now + 60, 0)
    limiter.clear(item, "a")
    assert limiter.test(item, "a")
    assert counters.check()
