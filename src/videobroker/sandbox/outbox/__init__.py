"""Webhooks of the emulated vendors: pending, delivered, failed, or dropped on purpose."""

from videobroker.sandbox.outbox.behavior import Behavior, read_behavior
from videobroker.sandbox.outbox.letters import Entry, Kind, Letter, LetterState, Sheet
from videobroker.sandbox.outbox.outbox import Outbox

__all__ = ["Behavior", "Entry", "Kind", "Letter", "LetterState", "Outbox", "Sheet", "read_behavior"]
