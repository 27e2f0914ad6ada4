"""Agora's webhooks ("Notifications"): how they prove where they come from, and what they say about a call.

Source: the pages "Receive notifications about channel events", "Use Notifications" and "Verify signatures" of the
Agora docs. Only the body is signed, so a webhook that somebody kept stays good: its age is checked as well.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from videobroker.domain.attendance.observations import Observation, Sign
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
"""Headers that may hold the lower-case hex HMAC of the raw body, the better one first. The first that is there counts:
a forger must not be able to choose the weaker one."""

MAX_WEBHOOK_AGE = timedelta(hours=1)
"""Agora sends three times more, with growing gaps that it does not document. `notifyMs` is renewed every time."""

RTC = 1
"""The product that channels belong to. Others use the same event numbers for other things."""

TEST_CHANNEL = "test_webhook"
"""The console's own health test speaks of it."""

RECORDER_CLIENTS = frozenset({3, 10})
"""On-premise recording and Cloud Recording."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a type of event says."""

    sign: Sign
    role: str | None = None
    former_role: str | None = None


_PUBLISHER, _SUBSCRIBER = Role.PUBLISHER.value, Role.SUBSCRIBER.value

_MEANINGS: Mapping[int, _Meaning] = {
    101: _Meaning(Sign.OPENED),
    102: _Meaning(Sign.EMPTIED),
    103: _Meaning(Sign.ARRIVED, _PUBLISHER),
    104: _Meaning(Sign.LEFT, _PUBLISHER),
    105: _Meaning(Sign.ARRIVED, _SUBSCRIBER),
    106: _Meaning(Sign.LEFT, _SUBSCRIBER),
    107: _Meaning(Sign.ARRIVED, _PUBLISHER),
    108: _Meaning(Sign.LEFT, _PUBLISHER),
    111: _Meaning(Sign.ROLE_CHANGED, _PUBLISHER, former_role=_SUBSCRIBER),
    112: _Meaning(Sign.ROLE_CHANGED, _SUBSCRIBER, former_role=_PUBLISHER),
}
_NOT_PERSONAL = frozenset({Sign.OPENED, Sign.EMPTIED})


def verify_webhook(secret: str | None, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderWebhook:
    """Read a webhook after making sure that it comes from Agora and was sent within the last hour.

    `secret` is the one of the Notifications page in the console. Names of headers are in lower case.
    Raises `WebhookRefused` and `WebhookUnreadable`.
    """
    if secret is None:
        raise WebhookRefused(
            "The Agora account takes no webhooks. Set its notifications_secret: the secret that the console shows on "
            "the project's Notifications page."
        )
    header = next((name for name in SIGNATURES if name in headers), "agora-signature-v2")
    require_digest(headers.get(header), secret, body, SIGNATURES[header])
    notice = read_webhook(body)
    require_fresh(notice.sent_at, MAX_WEBHOOK_AGE, now)
    return notice


def read_webhook(body: bytes) -> ProviderWebhook:
    """What the webhook says, whoever sent it and when. Raises `WebhookUnreadable`.

    Other products, unknown events, recorders, and uids that no person gets say nothing about a call.
    """
    envelope = parse_json_object(body)
    notice_id, payload = require_text(envelope, "noticeId"), require_object(envelope, "payload")
    product, event = require_number(envelope, "productId"), require_number(envelope, "eventType")
    channel = get_text(payload, "channelName") if product == RTC else None
    if channel == TEST_CHANNEL:
        channel = None
    return ProviderWebhook(
        id=f"{product}:{notice_id}",
        dedup_key=None if channel is None else _likeness(channel, event, payload),
        type=str(event),
        sent_at=parse_unix_milliseconds(get_number(envelope, "notifyMs")),
        room_id=channel,
        observation=None if channel is None else _observation(event, payload),
    )


def normalize_uid(uid: int | None) -> int | None:
    """The uid from 1 to 2^32-1 that is meant, also where it is printed with a sign; None for anything else."""
    if uid is None:
        return None
    meant = uid + 2**32 if -(2**31) <= uid < 0 else uid
    return meant if 1 <= meant <= MAX_UID else None


def _observation(event: int, payload: JsonObject) -> Observation | None:
    meaning, at = _MEANINGS.get(event), parse_unix_seconds(get_number(payload, "ts"))
    if meaning is None or at is None:
        return None
    if meaning.sign in _NOT_PERSONAL:
        return Observation(sign=meaning.sign, at=at)
    uid = normalize_uid(get_number(payload, "uid"))
    if uid is None or uid > MAX_PERSON_UID or get_number(payload, "clientType") in RECORDER_CLIENTS:
        return None
    return _personal(meaning, at, str(uid), payload)


def _personal(meaning: _Meaning, at: datetime, uid: str, payload: JsonObject) -> Observation:
    left = meaning.sign is Sign.LEFT
    reason = get_number(payload, "reason")
    return Observation(
        sign=meaning.sign,
        at=at,
        connection=uid,
        provider_user_id=uid,
        role=meaning.role,
        former_role=meaning.former_role,
        since=_arrival(at, get_number(payload, "duration")) if left else None,
        since_is_exact=not left,
        order=_order(payload),
        reason=str(reason) if left and reason is not None else None,
    )


def _arrival(left_at: datetime, seconds: int | None) -> datetime | None:
    if seconds is None or seconds < 0:
        return None
    return parse_unix_seconds(int(left_at.timestamp()) - seconds)


def _order(payload: JsonObject) -> int | None:
    """An unsigned number of 64 bits, as the page says; it is a Unix time in milliseconds, so half of them suffice."""
    order = get_number(payload, "clientSeq")
    return order if order is None or order >= 0 else None


def _likeness(channel: str, event: int, payload: JsonObject) -> str | None:
    """Redundant copies may have another `noticeId`, and every copy another `notifyMs`."""
    meaning = _MEANINGS.get(event)
    if meaning is None:
        return None
    if meaning.sign in _NOT_PERSONAL:
        return _digest(channel, event, get_number(payload, "ts"))
    return _digest(channel, event, normalize_uid(get_number(payload, "uid")), _order(payload))


def _digest(channel: str, event: int, *numbers: int | None) -> str | None:
    if None in numbers:
        return None
    return hashlib.sha256("\n".join((channel, str(event), *map(str, numbers))).encode()).hexdigest()
