"""What the pretend vendors send: events on their way, delivered, failed, or dropped on purpose."""

from videobroker.sandbox.outbox.behaviour import Behaviour, read_behaviour
from videobroker.sandbox.outbox.letters import Entry, Kind, Letter, LetterState, Sheet
from videobroker.sandbox.outbox.outbox import Outbox

__all__ = ["Behaviour", "Entry", "Kind", "Letter", "LetterState", "Outbox", "Sheet", "read_behaviour"]
