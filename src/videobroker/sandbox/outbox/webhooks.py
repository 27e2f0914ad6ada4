"""Events for one target, and their state of delivery."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

from videobroker.sandbox.json_body import JsonObject


@dataclass(frozen=True, slots=True)
class WebhookContent:
    """Headers and body of one attempt."""

    body: bytes
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Webhook:
    """An event with its URL, and its vendor's rules of delivery."""

    id: str
    vendor: str
    type: str
    room_id: str
    """The room; at Agora, the name of the channel."""
    url: str
    retry_delays: tuple[float, ...]
    """Seconds before each retry, measured from the previous attempt."""
    build: Callable[[str, bool], WebhookContent]
    """Creates the request from the ID and whether it is a replay. Called for every attempt."""
    is_accepted: Callable[[httpx.Response], bool]
    """Whether a response ends the attempts."""


class WebhookState(StrEnum):
    """State of delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class WebhookOrigin(StrEnum):
    """Why a webhook is in the outbox."""

    ORIGINAL = "original"
    DUPLICATE = "duplicate"
    REPLAY = "replay"


@dataclass(slots=True, eq=False)
class OutboxEntry:
    """A webhook in the outbox, with its state."""

    webhook: Webhook
    kind: WebhookOrigin = WebhookOrigin.ORIGINAL
    state: WebhookState = WebhookState.PENDING
    attempts: int = 0
    last_status: int | None = None
    """None without a response."""
    due: float = 0.0
    """Earliest time of the first attempt, by the clock of the event loop."""

    def as_json(self) -> JsonObject:
        """For the control API, without headers, which may be secret."""
        return {
            "id": self.webhook.id,
            "vendor": self.webhook.vendor,
            "type": self.webhook.type,
            "room_id": self.webhook.room_id,
            "url": self.webhook.url,
            "kind": self.kind,
            "state": self.state,
            "attempts": self.attempts,
            "last_status": self.last_status,
        }
