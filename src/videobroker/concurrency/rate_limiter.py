"""Rate limiter: limits how many requests a caller may send in a window of time.

The windows are fixed: a window begins with the first request, and the next one after its end. The library `limits`
parses the limits; the counters are in the memory of this process. The library's own storage in memory starts a thread
or a task for every hit, and has no maximum size.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from limits import parse
from limits.storage import Storage
from prometheus_client import Counter

MAX_COUNTERS = 100_000
"""Callers that are counted at the same time. When there are more, the oldest windows are forgotten."""

REFUSED = Counter("videobroker_rate_limited", "Requests that exceeded a rate limit.", ["policy"])


class RateLimitStatus(msgspec.Struct, frozen=True):
    """A caller's window after a request."""

    limit: int
    window_seconds: int
    remaining: int
    reset_seconds: int
    """Until the window ends."""
    is_exceeded: bool


@dataclass(slots=True)
class CounterWindow:
    """A window of a caller."""

    hits: int
    ends_at: float
    """In seconds since the epoch."""


class MemoryCounters(Storage):
    """A storage of `limits` in memory, for one thread."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float] = time.time, *, max_counters: int = MAX_COUNTERS) -> None:
        super().__init__()
        self._clock = clock
        self._max_counters = max_counters
        # In the order in which the windows began.
        self._windows: dict[str, CounterWindow] = {}

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Errors of the storage: it has none."""
        return ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, in a window that lasts `expiry` seconds. Returns the count."""
        return self.count(key, self._clock(), expiry, amount).hits

    def count(self, key: str, now: float, window_seconds: int, amount: int = 1) -> CounterWindow:
        """Count, at the time `now` of the clock. Returns the window."""
        window = self._windows.get(key)
        if window is None or window.ends_at <= now:
            self._make_room(key, now)
            window = self._windows[key] = CounterWindow(0, now + window_seconds)
        window.hits += amount
        return window

    def _make_room(self, key: str, now: float) -> None:
        self._windows.pop(key, None)
        while self._windows:
            oldest = next(iter(self._windows))
            if self._windows[oldest].ends_at > now and len(self._windows) < self._max_counters:
                break
            del self._windows[oldest]

    def window(self, key: str) -> CounterWindow:
        """The current window: an empty one, if the last one has ended."""
        now = self._clock()
        window = self._windows.get(key)
        return CounterWindow(0, now) if window is None or window.ends_at <= now else window

    def get(self, key: str) -> int:
        """The count."""
        return self.window(key).hits

    def get_expiry(self, key: str) -> float:
        """The end of the window, in seconds since the epoch."""
        return self.window(key).ends_at

    def check(self) -> bool:
        """Whether the storage is usable."""
        return True

    def reset(self) -> int:
        """Forget all counts. Returns how many."""
        forgotten = len(self._windows)
        self._windows.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forget a count."""
        self._windows.pop(key, None)


class RequestLimiter:
    """Limits the requests of each caller by one policy, in this process."""

    def __init__(
        self, policy: str, limit: str, *, clock: Callable[[], float] = time.time, max_counters: int = MAX_COUNTERS
    ) -> None:
        """`limit` is in the notation of `limits`: `600/minute`. Raises `ValueError`."""
        self.policy = policy
        item = parse(limit)
        self._limit = item.amount
        self._window_seconds = item.get_expiry()
        self._clock = clock
        self._counters = MemoryCounters(clock, max_counters=max_counters)
        self._refused = REFUSED.labels(policy)

    def hit(self, caller: str) -> RateLimitStatus:
        """Count a request of this caller."""
        # As the library's `FixedWindowRateLimiter.hit`, in a tenth of the time. A join takes a tenth of a millisecond.
        now = self._clock()
        window = self._counters.count(caller, now, self._window_seconds)
        is_exceeded = window.hits > self._limit
        if is_exceeded:
            self._refused.inc()
        remaining = 0 if is_exceeded else self._limit - window.hits
        return RateLimitStatus(
            self._limit, self._window_seconds, remaining, math.ceil(window.ends_at - now), is_exceeded
        )
