"""The service as a reader of the guides has it."""

from collections.abc import Iterator

import pytest

from guides.demo import Demo, running_demo


@pytest.fixture(scope="session")
def demo(guard: None) -> Iterator[Demo]:
    """`make run`."""
    with running_demo() as demo:
        yield demo
