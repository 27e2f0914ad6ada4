"""Keeps under a vendor's rate limit, so that a rush waits here instead of being refused there."""

import asyncio
import time
from collections import deque

WINDOW_SECONDS = 1.0
"""Seconds."""


class RateLimiter:
    """Lets at most so many pass in any second, in the order in which they came."""

    def __init__(self, per_second: int) -> None:
        self._turns: deque[float] = deque(maxlen=per_second)

    async def wait(self) -> None:
        """Return when it is this caller's turn. A turn that is given up is not given to another."""
        now = time.monotonic()
        full = len(self._turns) == self._turns.maxlen
        turn = max(now, self._turns[0] + WINDOW_SECONDS) if full else now
        self._turns.append(turn)
        if turn > now:
            await asyncio.sleep(turn - now)
