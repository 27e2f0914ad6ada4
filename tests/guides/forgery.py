"""Webhooks that a receiver must reject, and the one that it must accept."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
from standardwebhooks import Webhook

OTHER_SECRET = "whsec_" + "QUFB" * 8


@dataclass(frozen=True)
class EndedCall:
    """The event `call.ended` of a call of one hour."""

    reference: str
    id: str = field(default_factory=lambda: str(uuid4()))
    call: str = field(default_factory=lambda: str(uuid4()))
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def body(self) -> str:
        event = {
            "id": self.id,
            "type": "call.ended",
            "session": {"kind": "booking", "reference": self.reference},
            "data": {"call": self.call, "duration_seconds": 3600, "note": "Zoë 🎓"},
        }
        return json.dumps({"type": "call.ended", "timestamp": self.now.isoformat(), "data": event}, ensure_ascii=False)

    def headers(self, secret: str, *, sent: timedelta = timedelta(), body: str | None = None) -> dict[str, str]:
        """The headers of a request with this secret, signed at another time, or for another body."""
        at = self.now + sent
        return {
            "content-type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(self.id, at, self.body if body is None else body),
        }

    def forgeries(self, secret: str) -> dict[str, dict[str, str]]:
        """Headers for this event that no receiver may accept."""
        genuine = self.headers(secret)
        return {
            "unsigned": {"content-type": "application/json"},
            "empty signature": {**genuine, "webhook-signature": ""},
            "another secret": self.headers(OTHER_SECRET),
            "another body": self.headers(secret, body=self.body.replace("3600", "60")),
            "another ID": {**genuine, "webhook-id": str(uuid4())},
            "another time": {**genuine, "webhook-timestamp": str(int(self.now.timestamp()) + 1)},
            "no time": {**genuine, "webhook-timestamp": "now"},
            "too old": self.headers(secret, sent=timedelta(minutes=-10)),
            "too new": self.headers(secret, sent=timedelta(minutes=10)),
        }


def assert_only_genuine_events_are_accepted(url: str, secret: str, event: EndedCall) -> None:
    """Send every forgery, and then the event itself. Receivers answer 400, and 204."""
    with httpx.Client(trust_env=False) as client:
        for name, headers in event.forgeries(secret).items():
            assert client.post(url, content=event.body.encode(), headers=headers).status_code == 400, name
        # During a rotation there are two signatures.
        genuine = event.headers(secret)
        both = f"{event.headers(OTHER_SECRET)['webhook-signature']} {genuine['webhook-signature']}"
        for signature in (genuine["webhook-signature"], both):
            headers = {**genuine, "webhook-signature": signature}
            assert client.post(url, content=event.body.encode(), headers=headers).status_code == 204
