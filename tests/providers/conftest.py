"""Fixtures of the provider tests."""

import pytest


@pytest.fixture(autouse=True)
def no_backoff() -> None:
    """Do not disable the delays between attempts: they are part of the tests."""
