"""`eventually` returns the first true value, or reports what it has seen."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from polling import eventually, eventually_blocking


def sequence(*values: object) -> Callable[[], object]:
    """Returns or raises one value after the other, and repeats the last one."""
    remaining: Iterator[object] = iter(values)

    def probe() -> object:
        value = next(remaining, values[-1])
        if isinstance(value, Exception):
            raise value
        return value

    return probe


async def test_the_first_true_value_is_returned() -> None:
    assert await eventually(sequence(0, "", [1], [2])) == [1]
    assert eventually_blocking(sequence(0, "", [1], [2])) == [1]


async def test_a_coroutine_function_is_awaited() -> None:
    probe = sequence(None, 7)

    async def slow() -> object:
        await asyncio.sleep(0)
        return probe()

    assert await eventually(slow) == 7


async def test_the_report_names_the_last_value_the_source_and_the_context() -> None:
    probe = sequence(1, [])
    report = r"not within 0\.01 seconds, last value: \[\]\n(.|\n)*not probe\(\)(.|\n)*\nthe log"
    with pytest.raises(AssertionError, match=report):
        await eventually(lambda: [] if not probe() else None, seconds=0.01, context=lambda: "the log")
    with pytest.raises(AssertionError, match=r"last value: 0"):
        eventually_blocking(lambda: 0, seconds=0.01)


async def test_an_expected_exception_is_ignored_and_reported() -> None:
    assert await eventually(sequence(KeyError("a"), 3), ignoring=(KeyError,)) == 3
    with pytest.raises(AssertionError, match=r"last exception: KeyError\('a'\)") as raised:
        await eventually(sequence(KeyError("a")), ignoring=(KeyError,), seconds=0.01)
    assert isinstance(raised.value.__cause__, KeyError)


async def test_another_exception_ends_the_wait() -> None:
    with pytest.raises(ValueError, match="at once"):
        await eventually(sequence(0, ValueError("at once")), ignoring=(KeyError,))
    with pytest.raises(ValueError, match="at once"):
        eventually_blocking(sequence(0, ValueError("at once")), ignoring=(KeyError,))


async def test_a_probe_that_does_not_return_ends_at_the_deadline() -> None:
    async def endless() -> bool:
        await asyncio.Event().wait()
        return True

    with pytest.raises(AssertionError, match="did not return in time"):
        await eventually(endless, seconds=0.01)


async def test_a_timeout_of_the_probe_itself_is_not_the_deadline() -> None:
    async def timing_out() -> bool:
        raise TimeoutError("of the probe")

    with pytest.raises(TimeoutError, match="of the probe"):
        await eventually(timing_out)
