"""Webhooks of the emulated vendors: pending, delivered, failed, or dropped on purpose."""

from videobroker.sandbox.outbox.behavior import Behavior, read_behavior
from videobroker.sandbox.outbox.outbox import Outbox
from videobroker.sandbox.outbox.webhooks import Entry, Kind, Letter, LetterState, Sheet

__all__ = ["Behavior", "Entry", "Kind", "Letter", "LetterState", "Outbox", "Sheet", "read_behavior"]
