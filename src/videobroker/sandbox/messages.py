"""Messages that the REST API sent to rooms."""

from dataclasses import asdict, dataclass

from videobroker.sandbox.json_body import JsonObject


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message, and who was in the room to get it."""

    room_id: str
    session_id: str
    message: str
    type: str
    peer_id: str | None
    role: str | None
    recipients: tuple[str, ...]
    """The ids of the peers who got it."""

    @property
    def broadcast(self) -> bool:
        """Whether it had no addressee, and was sent to everyone."""
        return not (self.peer_id or self.role)

    def as_json(self) -> JsonObject:
        """The form in which the control API shows it."""
        return asdict(self) | {"broadcast": self.broadcast}
