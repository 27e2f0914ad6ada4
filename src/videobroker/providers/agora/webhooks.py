"""Verification and parsing of Agora's webhooks ("Notifications").

Source: the pages "Receive notifications about channel events", "Use Notifications" and "Verify signatures" of the
Agora docs. Only the body is signed. Its age is checked too, to limit replay attacks.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from videobroker.domain.attendance.observations import Observation, ObservationType
from videobroker.domain.rooms import MAX_PERSON_UID
from videobroker.errors import WebhookRefused
from videobroker.providers.agora.rtc_token import MAX_UID, Role
from videobroker.providers.contract import ProviderWebhook
from videobroker.providers.webhook_parsing import (
    JsonObject,
    get_number,
    get_text,
    parse_json_object,
    parse_unix_milliseconds,
    parse_unix_seconds,
    require_digest,
    require_fresh,
    require_number,
    require_object,
    require_text,
)

SIGNATURES = {"agora-signature-v2": "sha256", "agora-signature": "sha1"}
"""Headers with the lower-case hex HMAC of the raw body, and its algorithm. Only the first header that is present
counts: an attacker must not be able to choose the weaker algorithm."""

MAX_WEBHOOK_AGE = timedelta(hours=1)
"""Agora repeats a webhook three times, with undocumented, growing delays. Each repetition has a new `notifyMs`."""

RTC = 1
"""The product ID of channels. Other products use the same event numbers with other meanings."""

TEST_CHANNEL = "test_webhook"
"""The channel name in the health test of the console."""

RECORDER_CLIENTS = frozenset({3, 10})
"""Client types of On-Premise Recording and Cloud Recording."""


@dataclass(frozen=True, slots=True)
class _AgoraEventMapping:
    """How a type of event maps to an observation."""

    sign: ObservationType
    role: str | None = None
    former_role: str | None = None


_PUBLISHER, _SUBSCRIBER = Role.PUBLISHER.value, Role.SUBSCRIBER.value

_EVENT_MAPPINGS: Mapping[int, _AgoraEventMapping] = {
    101: _AgoraEventMapping(ObservationType.OPENED),
    102: _AgoraEventMapping(ObservationType.EMPTIED),
    103: _AgoraEventMapping(ObservationType.ARRIVED, _PUBLISHER),
    104: _AgoraEventMapping(ObservationType.LEFT, _PUBLISHER),
    105: _AgoraEventMapping(ObservationType.ARRIVED, _SUBSCRIBER),
    106: _AgoraEventMapping(ObservationType.LEFT, _SUBSCRIBER),
    107: _AgoraEventMapping(ObservationType.ARRIVED, _PUBLISHER),
    108: _AgoraEventMapping(ObservationType.LEFT, _PUBLISHER),
    111: _AgoraEventMapping(ObservationType.ROLE_CHANGED, _PUBLISHER, former_role=_SUBSCRIBER),
    112: _AgoraEventMapping(ObservationType.ROLE_CHANGED, _SUBSCRIBER, former_role=_PUBLISHER),
}
_NOT_PERSONAL = frozenset({ObservationType.OPENED, ObservationType.EMPTIED})


def verify_webhook(secret: str | None, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderWebhook:
    """Verify the signature and the age of a webhook (at most one hour), and parse it.

    `secret` is from the Notifications page of the console. Header names must be in lower case.
    Raises `WebhookRefused` and `WebhookUnreadable`.
    """
    if secret is None:
        raise WebhookRefused(
            "The Agora account accepts no webhooks. Set its notifications_secret: the secret from the project's "
            "Notifications page in the console."
        )
    header = next((name for name in SIGNATURES if name in headers), "agora-signature-v2")
    require_digest(headers.get(header), secret, body, SIGNATURES[header])
    webhook = read_webhook(body)
    require_fresh(webhook.sent_at, MAX_WEBHOOK_AGE, now)
    return webhook


def read_webhook(body: bytes) -> ProviderWebhook:
    """Parse a webhook without verification. Raises `WebhookUnreadable`.

    There is no observation for other products, unknown events, recorders, and uids outside of the range of people.
    """
    envelope = parse_json_object(body)
    webhook_id, payload = require_text(envelope, "noticeId"), require_object(envelope, "payload")
    product, event = require_number(envelope, "productId"), require_number(envelope, "eventType")
    channel = get_text(payload, "channelName") if product == RTC else None
    if channel == TEST_CHANNEL:
        channel = None
    return ProviderWebhook(
        id=f"{product}:{webhook_id}",
        dedup_key=None if channel is None else _dedup_key(channel, event, payload),
        type=str(event),
        sent_at=parse_unix_milliseconds(get_number(envelope, "notifyMs")),
        room_id=channel,
        observation=None if channel is None else _observation(event, payload),
    )


def normalize_uid(uid: int | None) -> int | None:
    """The uid from 1 to 2^32-1; None for other values. Agora sometimes formats uids as signed 32-bit numbers."""
    if uid is None:
        return None
    unsigned = uid + 2**32 if -(2**31) <= uid < 0 else uid
    return unsigned if 1 <= unsigned <= MAX_UID else None


def _observation(event: int, payload: JsonObject) -> Observation | None:
    mapping, at = _EVENT_MAPPINGS.get(event), parse_unix_seconds(get_number(payload, "ts"))
    if mapping is None or at is None:
        return None
    if mapping.sign in _NOT_PERSONAL:
        return Observation(sign=mapping.sign, at=at)
    uid = normalize_uid(get_number(payload, "uid"))
    if uid is None or uid > MAX_PERSON_UID or get_number(payload, "clientType") in RECORDER_CLIENTS:
        return None
    return _personal(mapping, at, str(uid), payload)


def _personal(mapping: _AgoraEventMapping, at: datetime, uid: str, payload: JsonObject) -> Observation:
    left = mapping.sign is ObservationType.LEFT
    reason = get_number(payload, "reason")
    return Observation(
        sign=mapping.sign,
        at=at,
        connection=uid,
        provider_user_id=uid,
        role=mapping.role,
        former_role=mapping.former_role,
        since=_join_time(at, get_number(payload, "duration")) if left else None,
        since_is_exact=not left,
        order=_order(payload),
        reason=str(reason) if left and reason is not None else None,
    )


def _join_time(left_at: datetime, seconds: int | None) -> datetime | None:
    if seconds is None or seconds < 0:
        return None
    return parse_unix_seconds(int(left_at.timestamp()) - seconds)


def _order(payload: JsonObject) -> int | None:
    """`clientSeq`. Documented as unsigned 64-bit, but a Unix time in milliseconds, so 63 bits are enough."""
    order = get_number(payload, "clientSeq")
    return order if order is None or order >= 0 else None


def _dedup_key(channel: str, event: int, payload: JsonObject) -> str | None:
    """A digest of the content. Redundant copies can have another `noticeId`, and always have another `notifyMs`."""
    mapping = _EVENT_MAPPINGS.get(event)
    if mapping is None:
        return None
    if mapping.sign in _NOT_PERSONAL:
        return _digest(channel, event, get_number(payload, "ts"))
    return _digest(channel, event, normalize_uid(get_number(payload, "uid")), _order(payload))


def _digest(channel: str, event: int, *numbers: int | None) -> str | None:
    if None in numbers:
        return None
    return hashlib.sha256("\n".join((channel, str(event), *map(str, numbers))).encode()).hexdigest()
