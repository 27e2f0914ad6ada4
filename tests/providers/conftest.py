"""Tests of what a provider does, waits included."""

import pytest


@pytest.fixture(autouse=True)
def no_backoff() -> None:
    """The waits between attempts are part of what is tested."""
