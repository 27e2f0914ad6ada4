"""Verification and parsing of 100ms webhooks.

Source: server-side/v2/how-to-guides/configure-webhooks/{overview,webhook,secure-webhooks} of the 100ms docs, and
their page on HIPAA workspaces for the signature.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from videobroker.domain.attendance.observations import Observation, ObservationType
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
"""The header with the `webhook_secret`. It is set together with the URL, by `open_room` or in the dashboard."""

SIGNATURE_HEADER = "x-100ms-signature"
"""Sent by HIPAA workspaces: hex HMAC-SHA256 of the raw body."""

RECORDER_ROLE = "__internal_recorder"
"""The role of the vendor's recorder bot. Participants never have it."""

MAX_WEBHOOK_AGE = timedelta(hours=24)
"""100ms stops its retries after 14 seconds, so an older webhook may be a replay attack."""

MAX_REPLAY_AGE = timedelta(days=30)
"""100ms can replay the webhooks of 30 days on request."""


@dataclass(frozen=True, slots=True)
class WebhookKeys:
    """The secrets of a webhook. All that are set must match."""

    header_secret: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.header_secret is not None or self.signing_secret is not None


@dataclass(frozen=True, slots=True)
class _HmsEventMapping:
    """How a type of webhook maps to an observation."""

    sign: ObservationType
    time_field: str
    personal: bool = True


_EVENT_MAPPINGS: Mapping[str, _HmsEventMapping] = {
    "session.open.success": _HmsEventMapping(ObservationType.OPENED, "session_started_at", personal=False),
    "session.close.success": _HmsEventMapping(ObservationType.EMPTIED, "session_stopped_at", personal=False),
    "peer.join.success": _HmsEventMapping(ObservationType.ARRIVED, "joined_at"),
    "peer.leave.success": _HmsEventMapping(ObservationType.LEFT, "left_at"),
    "role.change.success": _HmsEventMapping(ObservationType.ROLE_CHANGED, "role_changed_at"),
}


@dataclass(frozen=True, slots=True)
class _Recording:
    """How a type of webhook maps to a change of a recording."""

    kind: RecordingKind
    state: RecordingState
    name: str = "beam_id"
    """The field with the ID of the recording: the only one that all webhooks about one recording have."""
    flags: Collection[str] = ()
    """At least one of these fields must be true. Otherwise the webhook is about a stream without a recording."""


_BEAM_FLAGS = ("recording_enabled",)
_HLS_FLAGS = ("recording_single_file_per_layer_enabled", "recording_vod_playlist_enabled")
_RECORDINGS: Mapping[str, _Recording] = {
    "beam.started.success": _Recording(RecordingKind.COMPOSITE, RecordingState.STARTED, flags=_BEAM_FLAGS),
    "beam.recording.success": _Recording(RecordingKind.COMPOSITE, RecordingState.READY),
    "beam.failure": _Recording(RecordingKind.COMPOSITE, RecordingState.FAILED, flags=_BEAM_FLAGS),
    "hls.started.success": _Recording(RecordingKind.LIVE_STREAM, RecordingState.STARTED, flags=_HLS_FLAGS),
    "hls.recording.success": _Recording(RecordingKind.LIVE_STREAM, RecordingState.READY),
    "hls.failure": _Recording(RecordingKind.LIVE_STREAM, RecordingState.FAILED, flags=_HLS_FLAGS),
    # These recordings have no ID. A session has at most one.
    "recording.success": _Recording(RecordingKind.COMPOSITE, RecordingState.READY, "session_id"),
    "recording.failed": _Recording(RecordingKind.COMPOSITE, RecordingState.FAILED, "session_id"),
}
_MAX_DURATION_SECONDS = 30 * 24 * 3600
"""Longer durations are ignored as invalid."""


def verify_webhook(
    keys: WebhookKeys, headers: Mapping[str, str], body: bytes, *, recorder_roles: Collection[str], now: datetime
) -> ProviderWebhook:
    """Verify the origin and the age of a webhook (at most one day; a replay, 30 days), and parse it.

    Header names must be in lower case. Raises `WebhookRefused` and `WebhookUnreadable`.
    """
    _require_origin(keys, headers, body)
    envelope = parse_json_object(body)
    webhook = _webhook(envelope, recorder_roles)
    require_fresh(webhook.sent_at, MAX_REPLAY_AGE if _is_replay(envelope) else MAX_WEBHOOK_AGE, now)
    return webhook


def read_webhook(body: bytes, *, recorder_roles: Collection[str]) -> ProviderWebhook:
    """Parse a webhook without verification. Raises `WebhookUnreadable`.

    An observation needs a join, a leave, a role change, or the start or end of a session, with its room and time (the
    dashboard's test has no room), and not of a recorder. Only recordings of a whole room are parsed, not those of
    single tracks or peers. Stops are ignored, because a success or failure follows.
    """
    return _webhook(parse_json_object(body), recorder_roles)


def _require_origin(keys: WebhookKeys, headers: Mapping[str, str], body: bytes) -> None:
    if not keys:
        raise WebhookRefused(
            "The 100ms account accepts no webhooks. Set its webhook_secret, and at 100ms, the same value as the header "
            f"{SECRET_HEADER} of the webhook URL."
        )
    if keys.header_secret is not None:
        require_equal(headers.get(SECRET_HEADER.lower()), keys.header_secret)
    if keys.signing_secret is not None:
        require_digest(headers.get(SIGNATURE_HEADER), keys.signing_secret, body, "sha256")


def _is_replay(envelope: JsonObject) -> bool:
    # The documentation does not say whether the flag is in the envelope or in its data.
    return envelope.get("is_replay") is True or require_object(envelope, "data").get("is_replay") is True


def _webhook(envelope: JsonObject, recorder_roles: Collection[str]) -> ProviderWebhook:
    kind, data = require_text(envelope, "type"), require_object(envelope, "data")
    sent_at = parse_timestamp(envelope.get("timestamp"))
    observation, recording = _observation(kind, data), _recording(kind, data, sent_at)
    is_recorder = observation is not None and observation.role in recorder_roles
    return ProviderWebhook(
        id=require_text(envelope, "id"),
        dedup_key=_dedup_key(kind, observation) if observation else _recording_dedup_key(recording),
        type=kind,
        sent_at=sent_at,
        room_id=get_text(data, "room_id"),
        observation=None if is_recorder else observation,
        recording=recording,
    )


def _observation(kind: str, data: JsonObject) -> Observation | None:
    meaning = _EVENT_MAPPINGS.get(kind)
    at = None if meaning is None else parse_timestamp(data.get(meaning.time_field))
    if meaning is None or at is None or get_text(data, "room_id") is None:
        return None
    if not meaning.personal:
        return Observation(sign=meaning.sign, at=at, provider_call_id=get_text(data, "session_id"))
    return _personal(meaning.sign, at, data)


def _personal(sign: ObservationType, at: datetime, data: JsonObject) -> Observation | None:
    peer = get_text(data, "peer_id")
    if peer is None:
        return None
    left = sign is ObservationType.LEFT
    since = None if sign is ObservationType.ARRIVED else parse_timestamp(data.get("joined_at"))
    stay = _stay_duration(data) if left and since is None else None
    return Observation(
        sign=sign,
        at=at,
        provider_call_id=get_text(data, "session_id"),
        connection=peer,
        # After a join with a room code, there may be no user ID. The peer ID identifies the person then.
        provider_user_id=get_text(data, "user_id") or peer,
        role=get_text(data, "role"),
        former_role=get_text(data, "previous_role") if sign is ObservationType.ROLE_CHANGED else None,
        since=since if stay is None else at - stay,
        since_is_exact=stay is None,
        reason=get_text(data, "reason") if left else None,
    )


def _stay_duration(data: JsonObject) -> timedelta | None:
    """The length of the stay, in whole seconds. Used if the webhook has no join time."""
    duration = get_number(data, "duration")
    return timedelta(seconds=duration) if duration is not None and 0 <= duration <= _MAX_DURATION_SECONDS else None


def _dedup_key(kind: str, observation: Observation) -> str | None:
    """A digest of the content. It is not documented whether a repeated webhook has the same ID."""
    if observation.provider_call_id is None and observation.connection is None:
        return None
    parts = (
        kind,
        observation.provider_call_id or "",
        observation.connection or "",
        observation.at.isoformat(timespec="milliseconds"),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _recording(kind: str, data: JsonObject, sent_at: datetime | None) -> RecordingUpdate | None:
    meaning = _RECORDINGS.get(kind)
    if meaning is None or (meaning.flags and not any(data.get(flag) is True for flag in meaning.flags)):
        return None
    recording_id, (started_at, stopped_at) = get_text(data, meaning.name), _span(meaning, data)
    # Only some types have a time in the data; the envelope always has one.
    at = sent_at or stopped_at or started_at
    if recording_id is None or at is None or get_text(data, "room_id") is None:
        return None
    duration, size = get_number(data, "duration"), get_number(data, "size")
    if size is None:
        size = get_number(data, "hls_vod_recording_size")
    has_duration = duration is not None and 0 <= duration <= _MAX_DURATION_SECONDS
    if has_duration and started_at is None and meaning.state is RecordingState.FAILED:
        started_at = at - timedelta(seconds=duration or 0)
    return RecordingUpdate(
        recording=recording_id,
        kind=meaning.kind,
        state=meaning.state,
        at=at,
        provider_call_id=get_text(data, "session_id"),
        started_at=started_at,
        stopped_at=stopped_at,
        duration_seconds=duration if has_duration else None,
        size_bytes=size if size is not None and size >= 0 else None,
        reason=get_text(data, "error_type"),
        message=get_text(data, "error_message") or get_text(data, "error"),
    )


def _span(meaning: _Recording, data: JsonObject) -> tuple[datetime | None, datetime | None]:
    """Start and end of the recording, if known. A recording of a session lasts as long as the session."""
    whole = "session_" if meaning.name == "session_id" else ""
    return parse_timestamp(data.get(f"{whole}started_at")), parse_timestamp(data.get(f"{whole}stopped_at"))


def _recording_dedup_key(update: RecordingUpdate | None) -> str | None:
    """A digest without time, because a recording has each state only once."""
    if update is None:
        return None
    parts = ("recording", update.kind, update.recording, update.state)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
