"""100ms webhooks: their target and format."""

import hashlib
import hmac
import json
import uuid
from http import HTTPStatus

import httpx

from videobroker.sandbox.events import RoomEvent
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.outbox import Outbox, Webhook, WebhookContent
from videobroker.sandbox.rooms import SandboxRoom
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.targets import WebhookTarget
from videobroker.sandbox.times import whole_seconds

VENDOR = "100ms"
RETRY_DELAYS_SECONDS = (1.0, 3.0, 10.0)


class WebhookPublisher:
    """Sends the events of rooms, if a target is configured."""

    def __init__(self, state: SandboxState, outbox: Outbox) -> None:
        self._state = state
        self._outbox = outbox

    def publish(self, event: RoomEvent) -> None:
        """Send an event to the room's own webhook, or else to that of the workspace; never to both."""
        target = _of_room(event.room) or self._state.targets.webhook
        if target is not None:
            self._outbox.add(self._webhook(event, target))

    def _webhook(self, event: RoomEvent, target: WebhookTarget) -> Webhook:
        workspace = self._state.workspace_of(event.room)

        def build(identity: str, is_replay: bool) -> WebhookContent:
            envelope = {
                "version": "2.0",
                "id": identity,
                "account_id": workspace.customer_id,
                "app_id": workspace.app_id,
                "timestamp": whole_seconds(event.at),
                "type": event.type,
                "data": event.data,
            }
            return _content(envelope | ({"is_replay": True} if is_replay else {}), target)

        return Webhook(
            id=str(uuid.uuid4()),
            vendor=VENDOR,
            type=event.type,
            room_id=event.room.id,
            url=target.url,
            retry_delays=RETRY_DELAYS_SECONDS,
            build=build,
            is_accepted=_exactly_200,
        )


def _of_room(room: SandboxRoom) -> WebhookTarget | None:
    if not room.webhook:
        return None
    return WebhookTarget(url=room.webhook["url"], headers=room.webhook.get("headers") or {})


def _content(envelope: JsonObject, target: WebhookTarget) -> WebhookContent:
    body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"content-type": "application/json", **target.headers}
    if target.signing_secret:
        headers["x-100ms-signature"] = hmac.new(target.signing_secret.encode(), body, hashlib.sha256).hexdigest()
    return WebhookContent(body, headers)


def _exactly_200(answer: httpx.Response) -> bool:
    return answer.status_code == HTTPStatus.OK
