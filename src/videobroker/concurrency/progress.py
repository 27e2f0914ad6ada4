"""Progress of a loop that runs as long as its process, so that a health check notices when it hangs."""

import time
from collections.abc import Callable


class Progress:
    """When a worker last did what it does over and over. For one event loop."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns monotonic seconds."""
        self._clock = clock
        self._attempted_at = clock()
        self._succeeded_at: float | None = None

    def record_attempt(self) -> None:
        """It tries: it is not stuck, even if it fails."""
        self._attempted_at = self._clock()

    def record_success(self) -> None:
        """It works."""
        self._attempted_at = self._succeeded_at = self._clock()

    def has_attempted_within(self, seconds: float) -> bool:
        """Whether it has tried lately, or was created lately."""
        return self._clock() - self._attempted_at <= seconds

    def has_succeeded_within(self, seconds: float) -> bool:
        """Whether it has worked lately."""
        return self._succeeded_at is not None and self._clock() - self._succeeded_at <= seconds
