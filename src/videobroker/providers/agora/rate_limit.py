"""Client-side rate limiter (sliding window): bursts wait here instead of being refused by the vendor."""

import asyncio
import time
from collections import deque

WINDOW_SECONDS = 1.0


class RateLimiter:
    """Allows at most `per_second` calls in any second, in order of arrival. For one event loop."""

    def __init__(self, per_second: int) -> None:
        self._slots: deque[float] = deque(maxlen=per_second)

    async def wait(self) -> None:
        """Wait for a free slot. The slot of a cancelled caller stays used."""
        now = time.monotonic()
        full = len(self._slots) == self._slots.maxlen
        slot = max(now, self._slots[0] + WINDOW_SECONDS) if full else now
        self._slots.append(slot)
        if slot > now:
            await asyncio.sleep(slot - now)
