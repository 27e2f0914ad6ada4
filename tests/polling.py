"""Waiting for a condition, instead of sleeping and hoping."""

import asyncio
import inspect
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast, overload

T = TypeVar("T")

LIMIT_SECONDS = 120.0
"""Much longer than anything takes on a busy machine: only a failing test waits for so long."""
FIRST_PAUSE_SECONDS = 0.002
MAX_PAUSE_SECONDS = 0.1


class _Polling:
    """The attempts of one wait: pauses grow, and the report at the deadline names the last value or exception."""

    def __init__(
        self,
        probe: Callable[[], object],
        seconds: float,
        ignoring: tuple[type[Exception], ...],
        context: Callable[[], object] | None,
    ) -> None:
        self._probe = probe
        self._seconds = seconds
        self._ignoring = ignoring
        self._context = context
        self._deadline = time.monotonic() + seconds
        self._next_pause = FIRST_PAUSE_SECONDS
        self._error: Exception | None = None
        self.last_value: object = None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Ignore the exceptions of this attempt that the caller expects."""
        self._error = None
        try:
            yield
        except self._ignoring as error:
            self._error = error

    @property
    def remaining_seconds(self) -> float:
        return max(self._deadline - time.monotonic(), 0)

    def pause(self) -> float:
        """Seconds until the next attempt. Raises AssertionError after the deadline."""
        if self.remaining_seconds == 0:
            raise AssertionError(self.report()) from self._error
        pause, self._next_pause = self._next_pause, min(self._next_pause * 1.5, MAX_PAUSE_SECONDS)
        return pause

    def report(self) -> str:
        last = f"last value: {self.last_value!r}" if self._error is None else f"last exception: {self._error!r}"
        lines = [f"not within {self._seconds:g} seconds, {last}", _source_of(self._probe)]
        if self._context is not None:
            lines.append(str(self._context()))
        return "\n".join(lines)


@overload
async def eventually(
    probe: Callable[[], Awaitable[T | None]],
    *,
    seconds: float = ...,
    ignoring: tuple[type[Exception], ...] = ...,
    context: Callable[[], object] | None = ...,
) -> T: ...
@overload
async def eventually(
    probe: Callable[[], T | None],
    *,
    seconds: float = ...,
    ignoring: tuple[type[Exception], ...] = ...,
    context: Callable[[], object] | None = ...,
) -> T: ...
async def eventually(
    probe: Callable[[], object],
    *,
    seconds: float = LIMIT_SECONDS,
    ignoring: tuple[type[Exception], ...] = (),
    context: Callable[[], object] | None = None,
) -> object:
    """The first true value of `probe`, which may be a coroutine function.

    Raises AssertionError after the deadline, with the last value or exception and the result of `context`. An exception
    of the probe that is not in `ignoring` ends the wait: assert in the probe what must hold meanwhile.
    """
    polling = _Polling(probe, seconds, ignoring, context)
    while True:
        with polling.attempt():
            value = probe()
            if inspect.isawaitable(value):
                try:
                    async with asyncio.timeout(polling.remaining_seconds) as limit:
                        value = await cast("Awaitable[object]", value)
                except TimeoutError:
                    if limit.expired():
                        raise AssertionError(f"{polling.report()}\nthe probe did not return in time") from None
                    raise
            if value:
                return value
            polling.last_value = value
        await asyncio.sleep(polling.pause())


def eventually_blocking(
    probe: Callable[[], T | None],
    *,
    seconds: float = LIMIT_SECONDS,
    ignoring: tuple[type[Exception], ...] = (),
    context: Callable[[], object] | None = None,
) -> T:
    """`eventually` for tests that run without an event loop."""
    polling = _Polling(probe, seconds, ignoring, context)
    while True:
        with polling.attempt():
            value = probe()
            if value:
                return value
            polling.last_value = value
        time.sleep(polling.pause())


def _source_of(probe: Callable[[], object]) -> str:
    try:
        return textwrap.dedent(inspect.getsource(probe)).strip()
    except (OSError, TypeError):
        return repr(probe)
