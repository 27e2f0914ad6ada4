"""Preconditions of changes: checks of the current state, under the lock under which it is changed."""

from collections.abc import Callable
from typing import TypeVar

State = TypeVar("State")

Precondition = Callable[[State | None], None]
"""Raises `PreconditionFailed` unless a change of this state may go on. The state is None if there is nothing yet."""
