"""Agora's notifications: their target and format."""

import hashlib
import hmac
import json
import uuid
from http import HTTPStatus

import httpx

from videobroker.sandbox.agora.channel_events import ChannelEvent
from videobroker.sandbox.outbox import Outbox, Webhook, WebhookContent
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.targets import NotificationTarget

VENDOR = "agora"
RTC = 1
"""The product ID of RTC channels."""
RETRY_DELAYS_SECONDS = (0.0, 2.0, 5.0)
"""Seconds. The first retry is immediate; for the others, Agora documents only that the delays grow."""


class NotificationPublisher:
    """Sends the events of channels, if a target is configured."""

    def __init__(self, state: SandboxState, outbox: Outbox) -> None:
        self._state = state
        self._outbox = outbox
        self._last_sent_ms = 0

    def publish(self, event: ChannelEvent) -> None:
        """Send a notification to the receiver."""
        target = self._state.targets.notifications
        if target is not None:
            self._outbox.add(self._webhook(event, target))

    def _webhook(self, event: ChannelEvent, target: NotificationTarget) -> Webhook:
        def build(identity: str, _is_replay: bool) -> WebhookContent:
            envelope = {
                "noticeId": identity,
                "productId": RTC,
                "eventType": event.event_type,
                "notifyMs": self._send_time(),
                "payload": event.payload,
            }
            body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
            return WebhookContent(body, {"content-type": "application/json", **signatures(body, target.secret)})

        return Webhook(
            id=str(uuid.uuid4()),
            vendor=VENDOR,
            type=str(event.event_type),
            room_id=event.channel,
            url=target.url,
            retry_delays=RETRY_DELAYS_SECONDS,
            build=build,
            is_accepted=_200_with_json,
        )

    def _send_time(self) -> int:
        # Different for every attempt, also if the clock is stopped.
        self._last_sent_ms = max(self._last_sent_ms + 1, int(self._state.now().timestamp() * 1000))
        return self._last_sent_ms


def signatures(body: bytes, secret: str) -> dict[str, str]:
    """Both signature headers for `body`."""
    key = secret.encode()
    return {
        "Agora-Signature": hmac.new(key, body, hashlib.sha1).hexdigest(),
        "Agora-Signature-V2": hmac.new(key, body, hashlib.sha256).hexdigest(),
    }


def _200_with_json(answer: httpx.Response) -> bool:
    if answer.status_code != HTTPStatus.OK:
        return False
    try:
        answer.json()
    except ValueError:
        return False
    return True
