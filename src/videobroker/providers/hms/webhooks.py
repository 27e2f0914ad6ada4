"""The webhooks of 100ms: how they prove where they come from, and what they say about a call.

Source: server-side/v2/how-to-guides/configure-webhooks/{overview,webhook,secure-webhooks} of the 100ms docs, and its
page on HIPAA workspaces for the signature.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from videobroker.domain.attendance.observations import Observation, Sign
from videobroker.domain.attendance.recordings import RecordingKind, RecordingState, RecordingUpdate
from videobroker.errors import WebhookRefused
from videobroker.providers.contract import ProviderWebhook
from videobroker.providers.hms.timestamps import parse_timestamp
from videobroker.providers.webhook_parsing import (
    JsonObject,
    get_number,
    get_text,
    parse_json_object,
    require_digest,
    require_equal,
    require_fresh,
    require_object,
    require_text,
)

SECRET_HEADER = "Videobroker-Hook-Secret"  # noqa: S105  # the name of the header, not the secret
"""The header in which 100ms shows us `webhook_secret`: set beside the URL, by `open_room` or in the dashboard."""

SIGNATURE_HEADER = "x-100ms-signature"
"""Sent by HIPAA workspaces: hex HMAC-SHA256 of the raw body."""

RECORDER_ROLE = "__internal_recorder"
"""The role of the vendor's own recorder bot. Nobody enters with it."""

MAX_WEBHOOK_AGE = timedelta(hours=24)
"""100ms gives up after 14 seconds; what is older was kept by somebody."""

MAX_REPLAY_AGE = timedelta(days=30)
"""Replays reach back so far."""


@dataclass(frozen=True, slots=True)
class WebhookKeys:
    """What a webhook has to show. Each may be missing; those that are there must all hold."""

    header_secret: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.header_secret is not None or self.signing_secret is not None


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a type of webhook says."""

    sign: Sign
    moment: str
    """Which field tells when it happened."""
    personal: bool = True


_MEANINGS: Mapping[str, _Meaning] = {
    "session.open.success": _Meaning(Sign.OPENED, "session_started_at", personal=False),
    "session.close.success": _Meaning(Sign.EMPTIED, "session_stopped_at", personal=False),
    "peer.join.success": _Meaning(Sign.ARRIVED, "joined_at"),
    "peer.leave.success": _Meaning(Sign.LEFT, "left_at"),
    "role.change.success": _Meaning(Sign.ROLE_CHANGED, "role_changed_at"),
}


@dataclass(frozen=True, slots=True)
class _Recording:
    """What a type of webhook says about a recording."""

    kind: RecordingKind
    state: RecordingState
    name: str = "beam_id"
    """Which field names it. The only one that the webhooks about one job share."""
    flags: Collection[str] = ()
    """One of these must be set: the same webhooks tell of streams that nobody records."""


_BEAM_FLAGS = ("recording_enabled",)
_HLS_FLAGS = ("recording_single_file_per_layer_enabled", "recording_vod_playlist_enabled")
_RECORDINGS: Mapping[str, _Recording] = {
    "beam.started.success": _Recording(RecordingKind.COMPOSITE, RecordingState.STARTED, flags=_BEAM_FLAGS),
    "beam.recording.success": _Recording(RecordingKind.COMPOSITE, RecordingState.READY),
    "beam.failure": _Recording(RecordingKind.COMPOSITE, RecordingState.FAILED, flags=_BEAM_FLAGS),
    "hls.started.success": _Recording(RecordingKind.LIVE_STREAM, RecordingState.STARTED, flags=_HLS_FLAGS),
    "hls.recording.success": _Recording(RecordingKind.LIVE_STREAM, RecordingState.READY),
    "hls.failure": _Recording(RecordingKind.LIVE_STREAM, RecordingState.FAILED, flags=_HLS_FLAGS),
    # These have no id of their own: a session has one at most.
    "recording.success": _Recording(RecordingKind.COMPOSITE, RecordingState.READY, "session_id"),
    "recording.failed": _Recording(RecordingKind.COMPOSITE, RecordingState.FAILED, "session_id"),
}
_LONGEST_SECONDS = 30 * 24 * 3600
"""What claims to be longer is no duration."""


def verify_webhook(
    keys: WebhookKeys, headers: Mapping[str, str], body: bytes, *, recorder_roles: Collection[str], now: datetime
) -> ProviderWebhook:
    """Read a webhook after making sure that it comes from 100ms, lately: within a day, a replay within 30 days.

    Names of headers are in lower case. Raises `WebhookRefused` and `WebhookUnreadable`.
    """
    _require_origin(keys, headers, body)
    envelope = parse_json_object(body)
    notice = _notice(envelope, recorder_roles)
    require_fresh(notice.sent_at, MAX_REPLAY_AGE if _is_replay(envelope) else MAX_WEBHOOK_AGE, now)
    return notice


def read_webhook(body: bytes, *, recorder_roles: Collection[str]) -> ProviderWebhook:
    """What the webhook says, whoever sent it and when. Raises `WebhookUnreadable`.

    Webhooks about anything but people coming, going and changing roles say nothing about a call, nor do those about
    recorders and those that lack what matters: the dashboard's test has no room. Recordings are those of a whole room;
    those of single tracks and people say nothing, nor does a stop: it is followed by success or failure.
    """
    return _notice(parse_json_object(body), recorder_roles)


def _require_origin(keys: WebhookKeys, headers: Mapping[str, str], body: bytes) -> None:
    if not keys:
        raise WebhookRefused(
            "The 100ms account takes no webhooks. Set its webhook_secret, and the same value at 100ms as the header "
            f"{SECRET_HEADER} beside the webhook URL."
        )
    if keys.header_secret is not None:
        require_equal(headers.get(SECRET_HEADER.lower()), keys.header_secret)
    if keys.signing_secret is not None:
        require_digest(headers.get(SIGNATURE_HEADER), keys.signing_secret, body, "sha256")


def _is_replay(envelope: JsonObject) -> bool:
    # The page does not say whether the mark stands in the envelope or in its data.
    return envelope.get("is_replay") is True or require_object(envelope, "data").get("is_replay") is True


def _notice(envelope: JsonObject, recorder_roles: Collection[str]) -> ProviderWebhook:
    kind, data = require_text(envelope, "type"), require_object(envelope, "data")
    sent_at = parse_timestamp(envelope.get("timestamp"))
    observation, recording = _observation(kind, data), _recording(kind, data, sent_at)
    is_recorder = observation is not None and observation.role in recorder_roles
    return ProviderWebhook(
        id=require_text(envelope, "id"),
        dedup_key=_likeness(kind, observation) if observation else _recording_likeness(recording),
        type=kind,
        sent_at=sent_at,
        room_id=get_text(data, "room_id"),
        observation=None if is_recorder else observation,
        recording=recording,
    )


def _observation(kind: str, data: JsonObject) -> Observation | None:
    meaning = _MEANINGS.get(kind)
    at = None if meaning is None else parse_timestamp(data.get(meaning.moment))
    if meaning is None or at is None or get_text(data, "room_id") is None:
        return None
    if not meaning.personal:
        return Observation(sign=meaning.sign, at=at, provider_call_id=get_text(data, "session_id"))
    return _personal(meaning.sign, at, data)


def _personal(sign: Sign, at: datetime, data: JsonObject) -> Observation | None:
    peer = get_text(data, "peer_id")
    if peer is None:
        return None
    left = sign is Sign.LEFT
    since = None if sign is Sign.ARRIVED else parse_timestamp(data.get("joined_at"))
    stayed = _stayed(data) if left and since is None else None
    return Observation(
        sign=sign,
        at=at,
        provider_call_id=get_text(data, "session_id"),
        connection=peer,
        # Whoever came with a room code alone may have no user id: then the device stands for the person.
        provider_user_id=get_text(data, "user_id") or peer,
        role=get_text(data, "role"),
        former_role=get_text(data, "previous_role") if sign is Sign.ROLE_CHANGED else None,
        since=since if stayed is None else at - stayed,
        since_is_exact=stayed is None,
        reason=get_text(data, "reason") if left else None,
    )


def _stayed(data: JsonObject) -> timedelta | None:
    """How long someone who left had been there, in whole seconds; for webhooks that do not say when they had joined."""
    duration = get_number(data, "duration")
    return timedelta(seconds=duration) if duration is not None and 0 <= duration <= _LONGEST_SECONDS else None


def _likeness(kind: str, seen: Observation) -> str | None:
    """Whether the id of a webhook stays the same when it is sent again is not documented; what it tells does."""
    if seen.provider_call_id is None and seen.connection is None:
        return None
    parts = (kind, seen.provider_call_id or "", seen.connection or "", seen.at.isoformat(timespec="milliseconds"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _recording(kind: str, data: JsonObject, sent_at: datetime | None) -> RecordingUpdate | None:
    meaning = _RECORDINGS.get(kind)
    if meaning is None or (meaning.flags and not any(data.get(flag) is True for flag in meaning.flags)):
        return None
    name, (started_at, stopped_at) = get_text(data, meaning.name), _span(meaning, data)
    # Only some tell when; the envelope does always.
    at = sent_at or stopped_at or started_at
    if name is None or at is None or get_text(data, "room_id") is None:
        return None
    duration, size = get_number(data, "duration"), get_number(data, "size")
    if size is None:
        size = get_number(data, "hls_vod_recording_size")
    known = duration is not None and 0 <= duration <= _LONGEST_SECONDS
    if known and started_at is None and meaning.state is RecordingState.FAILED:
        started_at = at - timedelta(seconds=duration or 0)
    return RecordingUpdate(
        recording=name,
        kind=meaning.kind,
        state=meaning.state,
        at=at,
        provider_call_id=get_text(data, "session_id"),
        started_at=started_at,
        stopped_at=stopped_at,
        duration_seconds=duration if known else None,
        size_bytes=size if size is not None and size >= 0 else None,
        reason=get_text(data, "error_type"),
        message=get_text(data, "error_message") or get_text(data, "error"),
    )


def _span(meaning: _Recording, data: JsonObject) -> tuple[datetime | None, datetime | None]:
    """From when to when it was recorded, as far as the webhook tells: a session's own recording lasts as long as it."""
    whole = "session_" if meaning.name == "session_id" else ""
    return parse_timestamp(data.get(f"{whole}started_at")), parse_timestamp(data.get(f"{whole}stopped_at"))


def _recording_likeness(news: RecordingUpdate | None) -> str | None:
    """A recording starts once, and is ready or fails once, however often and whenever that is told."""
    if news is None:
        return None
    parts = ("recording", news.kind, news.recording, news.state)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
