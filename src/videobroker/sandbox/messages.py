"""Messages that were sent to rooms with the REST API."""

from dataclasses import asdict, dataclass

from videobroker.sandbox.json_body import JsonObject


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message with its recipients."""

    room_id: str
    session_id: str
    message: str
    type: str
    peer_id: str | None
    role: str | None
    recipients: tuple[str, ...]
    """IDs of the peers who received it."""

    @property
    def broadcast(self) -> bool:
        """Whether it was sent to everyone."""
        return not (self.peer_id or self.role)

    def as_json(self) -> JsonObject:
        return asdict(self) | {"broadcast": self.broadcast}
