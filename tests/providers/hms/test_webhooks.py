"""100ms webhooks: verification and parsing."""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.attendance.observations import Observation, ObservationType
from videobroker.domain.attendance.recordings import RecordingKind, RecordingState, RecordingUpdate
from videobroker.errors import WebhookRefused, WebhookUnreadable
from videobroker.providers.contract import Capability, ProviderWebhook
from videobroker.providers.hms.provider import HmsProvider
from videobroker.providers.hms.webhooks import read_webhook

from .conftest import Clock

SECRET, SIGNING = "secret-of-the-header", "secret-of-the-signature"
ACCOUNT = {"access_key": "65f0c1a2b3d4e5f607182900", "secret": "s" * 32}
SENT = datetime(2026, 3, 12, 22, 31, 4, tzinfo=UTC)
ROOM, SESSION, PEER = "65f0c1a2b3d4e5f60718293a", "65f0c9d4b3d4e5f607182a01", "7a1f0c52-9d3e-4b61-8c04-2e5b9f7a6d10"
ZERO = "0001-01-01T00:00:00Z"
DATA: dict[str, Any] = {
    "room_id": ROOM,
    "room_name": "lesson-0042",
    "template_id": "64d1f1b23c5b7e9012ab34d0",
    "session_id": SESSION,
    "session_started_at": "2026-03-12T21:47:00.19712Z",
    "peer_id": PEER,
    "user_id": "u-1842",
    "user_name": "Asha",
    "user_data": "",
    "role": "teacher",
    "type": "regular",
    "joined_at": "2026-03-12T21:47:00.19412Z",
    "left_at": "2026-03-12T22:31:04.00931Z",
    "duration": 2643,
    "reason": "client request",
    "message": "",
}
JOINED = datetime(2026, 3, 12, 21, 47, 0, 194_000, tzinfo=UTC)
LEFT = datetime(2026, 3, 12, 22, 31, 4, 9_000, tzinfo=UTC)


def envelope(kind: str = "peer.leave.success", data: Mapping[str, Any] = DATA, **fields: Any) -> dict[str, Any]:
    return {
        "version": "2.0",
        "id": "0c5e7a44-2b1d-4f0e-9a77-5d2f6c3b8e90",
        "account_id": "64d1f0aa3c5b7e9012ab34c1",
        "timestamp": "2026-03-12T22:31:04Z",
        "type": kind,
        "data": dict(data),
        **fields,
    }


def body_of(*args: Any, **fields: Any) -> bytes:
    return json.dumps(envelope(*args, **fields)).encode()


def account(**settings: str) -> HmsProvider:
    return HmsProvider.from_settings({**ACCOUNT, **settings}, clock=Clock())


def signature(body: bytes, secret: str = SIGNING) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture(scope="module")
def provider() -> HmsProvider:
    return account(webhook_secret=SECRET, recorder_roles="cam-bot, notes ,")


def verify(body: bytes, provider: HmsProvider, *, now: datetime = SENT, **headers: str) -> ProviderWebhook:
    given_headers = {
        "videobroker-hook-secret": SECRET,
        **{key.replace("_", "-"): value for key, value in headers.items()},
    }
    return provider.verify(given_headers, body, now=now)


def read(provider: HmsProvider, *args: Any, **fields: Any) -> Observation:
    observation = provider.read(body_of(*args, **fields)).observation
    assert observation is not None
    return observation


# --- authentication


def test_the_secret_in_the_header_suffices(provider: HmsProvider) -> None:
    notice = verify(body_of(), provider)
    assert notice.id == "0c5e7a44-2b1d-4f0e-9a77-5d2f6c3b8e90"
    assert (notice.type, notice.room_id, notice.sent_at) == ("peer.leave.success", ROOM, SENT)
    assert notice == provider.read(body_of())


@pytest.mark.parametrize("header", ["", "another", SECRET + "x", SECRET[:-1], SECRET.upper(), "Schlüssel\ud800"])
def test_another_secret_is_refused(provider: HmsProvider, header: str) -> None:
    with pytest.raises(WebhookRefused) as refused:
        verify(body_of(), provider, videobroker_hook_secret=header)
    assert SECRET not in refused.value.detail
    assert not header or header not in refused.value.detail


def test_no_header_is_refused(provider: HmsProvider) -> None:
    with pytest.raises(WebhookRefused):
        provider.verify({}, body_of(), now=SENT)


def test_an_account_without_secrets_refuses_webhooks_and_names_the_setting() -> None:
    provider = account()
    assert Capability.WEBHOOKS not in provider.capabilities
    with pytest.raises(WebhookRefused, match=r"webhook_secret.*Videobroker-Hook-Secret"):
        provider.verify({"videobroker-hook-secret": ""}, body_of(), now=SENT)


def test_a_forged_webhook_is_refused_before_parsing(provider: HmsProvider) -> None:
    with pytest.raises(WebhookRefused):
        provider.verify({}, b"no JSON at all", now=SENT)


def test_the_signature_covers_the_exact_bytes() -> None:
    provider = account(webhook_signing_secret=SIGNING)
    assert Capability.WEBHOOKS in provider.capabilities
    body = body_of()
    assert provider.verify({"x-100ms-signature": signature(body)}, body, now=SENT).room_id == ROOM
    pretty = json.dumps(envelope(), indent=2).encode()
    for wrong in ({}, {"x-100ms-signature": signature(pretty)}, {"x-100ms-signature": signature(body, SECRET)}):
        with pytest.raises(WebhookRefused):
            provider.verify(wrong, body, now=SENT)


def test_if_both_secrets_are_set_both_are_required() -> None:
    provider, body = account(webhook_secret=SECRET, webhook_signing_secret=SIGNING), body_of()
    both = {"videobroker-hook-secret": SECRET, "x-100ms-signature": signature(body)}
    assert provider.verify(both, body, now=SENT).room_id == ROOM
    for missing in both:
        with pytest.raises(WebhookRefused):
            provider.verify({key: value for key, value in both.items() if key != missing}, body, now=SENT)


# --- age


@pytest.mark.parametrize(
    ("age", "fields"),
    [
        (timedelta(hours=24), {}),
        (timedelta(minutes=-10), {}),
        (timedelta(days=30), {"is_replay": True}),
        (timedelta(days=30), {"data": {**DATA, "is_replay": True}}),
        (timedelta(days=3000), {"timestamp": None}),
        (timedelta(days=3000), {"timestamp": ZERO}),
        (timedelta(days=3000), {"timestamp": "soon"}),
    ],
)
def test_a_fresh_webhook_is_accepted(provider: HmsProvider, age: timedelta, fields: dict[str, Any]) -> None:
    assert verify(body_of(**fields), provider, now=SENT + age).room_id == ROOM


@pytest.mark.parametrize(
    ("age", "fields", "says"),
    [
        (timedelta(hours=24, seconds=1), {}, "older"),
        (timedelta(hours=24, seconds=1), {"is_replay": "true"}, "older"),
        (timedelta(days=30, seconds=1), {"is_replay": True}, "older"),
        (timedelta(minutes=-10, seconds=-1), {}, "future"),
    ],
)
def test_an_old_or_future_webhook_is_refused(
    provider: HmsProvider, age: timedelta, fields: dict[str, Any], says: str
) -> None:
    body = body_of(**fields)
    with pytest.raises(WebhookUnreadable, match=says):
        verify(body, provider, now=SENT + age)
    assert provider.read(body).room_id == ROOM


# --- parsing


def test_a_leave_is_observed(provider: HmsProvider) -> None:
    assert read(provider) == Observation(
        sign=ObservationType.LEFT,
        at=LEFT,
        provider_call_id=SESSION,
        connection=PEER,
        provider_user_id="u-1842",
        role="teacher",
        since=JOINED,
        reason="client request",
    )


def test_a_join_is_observed(provider: HmsProvider) -> None:
    assert read(provider, "peer.join.success") == Observation(
        sign=ObservationType.ARRIVED,
        at=JOINED,
        provider_call_id=SESSION,
        connection=PEER,
        provider_user_id="u-1842",
        role="teacher",
    )


def test_a_role_change_is_observed(provider: HmsProvider) -> None:
    data = {**DATA, "previous_role": "student", "role_changed_at": "2026-03-12T22:00:00.999999999Z"}
    assert read(provider, "role.change.success", data) == Observation(
        sign=ObservationType.ROLE_CHANGED,
        at=datetime(2026, 3, 12, 22, 0, 0, 999_000, tzinfo=UTC),
        provider_call_id=SESSION,
        connection=PEER,
        provider_user_id="u-1842",
        role="teacher",
        former_role="student",
        since=JOINED,
    )


@pytest.mark.parametrize(
    ("kind", "sign", "field"),
    [
        ("session.open.success", ObservationType.OPENED, "session_started_at"),
        ("session.close.success", ObservationType.EMPTIED, "session_stopped_at"),
    ],
)
def test_the_start_and_end_of_a_call_are_observed(
    provider: HmsProvider, kind: str, sign: ObservationType, field: str
) -> None:
    data = {"room_id": ROOM, "session_id": SESSION, field: "2026-03-12T21:47:00.5+01:00"}
    at = datetime(2026, 3, 12, 20, 47, 0, 500_000, tzinfo=UTC)
    assert read(provider, kind, data) == Observation(sign=sign, at=at, provider_call_id=SESSION)


def test_a_device_without_a_user_id_identifies_its_person(provider: HmsProvider) -> None:
    for invalid in ({"user_id": ""}, {"user_id": None}, {"user_id": 7}):
        assert read(provider, data={**DATA, **invalid}).provider_user_id == PEER


def test_a_name_is_sanitized_for_the_database(provider: HmsProvider) -> None:
    seen = read(provider, data={**DATA, "user_id": "a\0b\ud800c", "reason": "\0"})
    assert (seen.provider_user_id, seen.reason) == ("a\ufffdb?c", "\ufffd")


@pytest.mark.parametrize("role", ["__internal_recorder", "cam-bot", "notes"])
@pytest.mark.parametrize("kind", ["peer.join.success", "peer.leave.success"])
def test_recorders_are_ignored(provider: HmsProvider, kind: str, role: str) -> None:
    notice = provider.read(body_of(kind, {**DATA, "role": role}))
    assert (notice.observation, notice.room_id) == (None, ROOM)


@pytest.mark.parametrize(
    "kind",
    [
        "room.end.success",
        "room.end.failure",
        "peer.join.failure",
        "beam.stopped.success",
        "hls.stopped.success",
        "track.recording.success",
        "stream.recording.success",
        "transcription.success",
        "anything.new",
        "session.open",
    ],
)
def test_other_webhooks_have_no_observation(provider: HmsProvider, kind: str) -> None:
    notice = provider.read(body_of(kind))
    assert (notice.type, notice.observation, notice.recording, notice.dedup_key) == (kind, None, None, None)


@pytest.mark.parametrize(
    "at", [ZERO, None, "", "yesterday", 7, "2026-03-12", "2026-03-12T22:31:04", "9999-12-31T23:59:59-23:59"]
)
def test_a_webhook_without_its_time_has_no_observation(provider: HmsProvider, at: object) -> None:
    notice = provider.read(body_of(data={**DATA, "left_at": at}))
    assert (notice.observation, notice.dedup_key) == (None, None)


def test_the_arrival_is_derived_from_the_duration_of_a_leave(provider: HmsProvider) -> None:
    departure = read(provider, data={**DATA, "joined_at": ZERO})
    assert departure.since == departure.at - timedelta(seconds=2643)
    assert not departure.since_is_exact


@pytest.mark.parametrize("duration", [None, "2643", True, -1, 1e300])
def test_a_leave_without_arrival_and_duration_is_observed(provider: HmsProvider, duration: object) -> None:
    departure = read(provider, data={**DATA, "joined_at": ZERO, "duration": duration})
    assert (departure.sign, departure.since) == (ObservationType.LEFT, None)


@pytest.mark.parametrize("missing", ["room_id", "peer_id"])
def test_a_webhook_without_its_room_or_device_has_no_observation(provider: HmsProvider, missing: str) -> None:
    """The dashboard's test has no room."""
    assert provider.read(body_of(data={key: DATA[key] for key in DATA if key != missing})).observation is None


@pytest.mark.parametrize("kind", ["peer.join.success", "session.open.success"])
def test_the_test_webhook_of_the_dashboard_is_accepted(provider: HmsProvider, kind: str) -> None:
    notice = verify(body_of(kind, {}), provider)
    assert (notice.room_id, notice.observation, notice.dedup_key) == (None, None, None)


# --- recordings

BEAM = "65f0ca10b3d4e5f607182b11"
JOB: dict[str, Any] = {
    "beam_id": BEAM,
    "job_id": "65f0ca10b3d4e5f607182b12",
    "room_id": ROOM,
    "peer_id": PEER,
    "session_id": SESSION,
    "template_id": "64d1f1b23c5b7e9012ab34d0",
    "session_started_at": "2026-03-12T21:47:00.19712Z",
    "metadata_id": "",
    "metadata_timestamp": "",
    "max_width": 1280,
    "max_height": 720,
    "meeting_url": "https://acme.app.100ms.live/preview/65f0c1a2b3d4e5f60718293a/recorder?skip_preview=true",
}
BEGUN = {**JOB, "recording_enabled": True, "rtmp": [], "start_delay": 4}
BROKEN_OFF = {
    **JOB,
    "recording_enabled": True,
    "rtmp": [],
    "duration": 60,
    "error_type": "UPLOAD_ERROR",
    "error_message": "upload failed",
}
RECORDED = {
    **{key: value for key, value in JOB.items() if key != "job_id"},
    "rtmp": [],
    "recording_id": "65f0ca10b3d4e5f607182b13",
    "created_at": "2026-03-12T22:30:30.5Z",
    "started_at": "2026-03-12T21:50:00.007990308Z",
    "stopped_at": "2026-03-12T22:30:00.25Z",
    "duration": 2400,
    "size": 158_400_000,
    "recording_path": "s3://bucket/beam/Rec.mp4",
    "recording_presigned_url": "https://bucket.example/beam/Rec.mp4?X-Amz-Signature=secret",
    "chat_recording_path": "s3://bucket/beam/Chat.csv",
    "chat_recording_presigned_url": "https://bucket.example/beam/Chat.csv?X-Amz-Signature=secret",
    "location": "s3://bucket/beam/Rec.mp4",
}
HLS_FLAGS = {"recording_single_file_per_layer_enabled": False, "recording_vod_playlist_enabled": True}
HLS_RECORDED = {
    **{key: value for key, value in JOB.items() if key not in {"job_id", "peer_id"}},
    "recording_id": "65f0ca10b3d4e5f607182b13",
    "duration": 2400,
    "started_at": "2026-03-12T21:50:00.007990308Z",
    "stopped_at": "2026-03-12T22:30:00.25Z",
    "recording_created_at": "2026-03-12T22:30:30.5Z",
    "hls_vod_recording_path": "s3://bucket/hls/vod.zip",
    "hls_vod_recording_presigned_url": "https://bucket.example/hls/vod.zip?X-Amz-Signature=secret",
    "hls_vod_recording_size": 158_400_000,
}
SFU = {
    "room_id": ROOM,
    "room_name": "lesson-0042",
    "template_id": "64d1f1b23c5b7e9012ab34d0",
    "session_id": SESSION,
    "session_started_at": "2026-03-12T21:47:00.19712Z",
    "session_stopped_at": "2026-03-12T22:31:00.00931Z",
}
RECORDING_BEGAN = datetime(2026, 3, 12, 21, 50, 0, 7_000, tzinfo=UTC)
RECORDING_ENDED = datetime(2026, 3, 12, 22, 30, 0, 250_000, tzinfo=UTC)
SESSION_BEGAN = datetime(2026, 3, 12, 21, 47, 0, 197_000, tzinfo=UTC)


def read_recording(provider: HmsProvider, *args: Any, **fields: Any) -> RecordingUpdate:
    notice = provider.read(body_of(*args, **fields))
    assert notice.observation is None
    assert notice.recording is not None
    assert notice.room_id == ROOM
    return notice.recording


@pytest.mark.parametrize(
    ("kind", "data", "recorded"),
    [
        ("beam.started.success", BEGUN, RecordingKind.COMPOSITE),
        ("hls.started.success", {**JOB, **HLS_FLAGS, "start_delay": 4}, RecordingKind.LIVE_STREAM),
    ],
)
def test_the_start_of_a_recording_is_read(
    provider: HmsProvider, kind: str, data: dict[str, Any], recorded: RecordingKind
) -> None:
    assert read_recording(provider, kind, data) == RecordingUpdate(
        recording=BEAM, kind=recorded, state=RecordingState.STARTED, at=SENT, provider_call_id=SESSION
    )


@pytest.mark.parametrize(
    ("kind", "data", "recorded"),
    [
        ("beam.recording.success", RECORDED, RecordingKind.COMPOSITE),
        ("hls.recording.success", HLS_RECORDED, RecordingKind.LIVE_STREAM),
    ],
)
def test_a_finished_recording_is_read(
    provider: HmsProvider, kind: str, data: dict[str, Any], recorded: RecordingKind
) -> None:
    assert read_recording(provider, kind, data) == RecordingUpdate(
        recording=BEAM,
        kind=recorded,
        state=RecordingState.READY,
        at=SENT,
        provider_call_id=SESSION,
        started_at=RECORDING_BEGAN,
        stopped_at=RECORDING_ENDED,
        duration_seconds=2400,
        size_bytes=158_400_000,
    )


@pytest.mark.parametrize(
    ("kind", "data", "recorded"),
    [
        ("beam.failure", BROKEN_OFF, RecordingKind.COMPOSITE),
        ("hls.failure", {**BROKEN_OFF, "recording_enabled": None, **HLS_FLAGS}, RecordingKind.LIVE_STREAM),
    ],
)
def test_a_failed_recording_is_read(
    provider: HmsProvider, kind: str, data: dict[str, Any], recorded: RecordingKind
) -> None:
    assert read_recording(provider, kind, data) == RecordingUpdate(
        recording=BEAM,
        kind=recorded,
        state=RecordingState.FAILED,
        at=SENT,
        provider_call_id=SESSION,
        started_at=SENT - timedelta(seconds=60),
        duration_seconds=60,
        reason="UPLOAD_ERROR",
        message="upload failed",
    )


def test_the_recording_of_a_call_has_the_id_of_the_call(provider: HmsProvider) -> None:
    files = {"recording_path": "s3://bucket/Rec.mp4", "recording_presigned_url": "https://bucket.example/Rec.mp4"}
    ready = read_recording(provider, "recording.success", {**SFU, **files, "duration": 2639, "size": 7}, version="1.0")
    failed = read_recording(
        provider, "recording.failed", {**SFU, "error": "no access", "error_type": "CLOUD_ACCESS_ERROR"}
    )
    assert {(each.recording, each.provider_call_id, each.started_at) for each in (ready, failed)} == {
        (SESSION, SESSION, SESSION_BEGAN)
    }
    assert (ready.state, ready.duration_seconds, ready.size_bytes) == (RecordingState.READY, 2639, 7)
    assert (failed.state, failed.reason, failed.message) == (RecordingState.FAILED, "CLOUD_ACCESS_ERROR", "no access")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("beam.started.success", {**BEGUN, "recording_enabled": False, "rtmp": [{"url": "rtmp://x.example/live"}]}),
        ("beam.started.success", {**BEGUN, "recording_enabled": "true"}),
        ("beam.failure", {**BROKEN_OFF, "recording_enabled": False}),
        ("hls.started.success", {**JOB, **dict.fromkeys(HLS_FLAGS, False)}),
        ("beam.recording.success", {**RECORDED, "beam_id": None}),
        ("beam.recording.success", {**RECORDED, "room_id": None}),
        ("recording.success", {**SFU, "session_id": ""}),
        ("recording.success", {}),
    ],
)
def test_a_stream_without_a_recording_or_an_id_has_no_recording_update(
    provider: HmsProvider, kind: str, data: dict[str, Any]
) -> None:
    notice = provider.read(body_of(kind, data))
    assert (notice.recording, notice.dedup_key) == (None, None)


def test_a_recording_without_the_time_of_the_webhook_has_its_own_time(provider: HmsProvider) -> None:
    assert read_recording(provider, "beam.recording.success", RECORDED, timestamp=ZERO).at == RECORDING_ENDED
    assert provider.read(body_of("beam.started.success", BEGUN, timestamp=None)).recording is None


@pytest.mark.parametrize("number", [-1, 2**63 - 1, 10**30, "60", None, 1.5])
def test_an_invalid_duration_is_omitted(provider: HmsProvider, number: object) -> None:
    update = read_recording(provider, "beam.failure", {**BROKEN_OFF, "duration": number})
    assert (update.duration_seconds, update.started_at) == (None, None)


def test_urls_of_files_are_not_read(provider: HmsProvider) -> None:
    """Anyone can open a recording with a presigned link."""
    for kind, data in (("beam.recording.success", RECORDED), ("hls.recording.success", HLS_RECORDED)):
        text = repr(read_recording(provider, kind, data))
        assert not any(part in text for part in ("://", "Amz", "bucket", ".mp4"))


def test_webhooks_about_the_same_recording_state_have_one_dedup_key(provider: HmsProvider) -> None:
    first = provider.read(body_of("beam.recording.success", RECORDED))
    later = {**RECORDED, "size": 8, "stopped_at": "2026-03-12T22:30:09Z"}
    again = provider.read(
        body_of("beam.recording.success", later, id="another", timestamp="2026-03-12T23:31:04Z", is_replay=True)
    )
    assert first.dedup_key == again.dedup_key is not None
    others = [
        provider.read(body_of(kind, data)).dedup_key
        for kind, data in (
            ("beam.started.success", BEGUN),
            ("beam.failure", BROKEN_OFF),
            ("beam.recording.success", {**RECORDED, "beam_id": "another"}),
            ("hls.recording.success", HLS_RECORDED),
            ("recording.success", SFU),
        )
    ]
    assert len({first.dedup_key, *others}) == 6


# --- deduplication


def test_the_same_event_under_another_id_has_the_same_dedup_key(provider: HmsProvider) -> None:
    first = provider.read(body_of())
    more_precise = {**DATA, "left_at": "2026-03-12T22:31:04.009Z", "reason": "other", "is_replay": True}
    again = provider.read(body_of(data=more_precise, id="another", timestamp="2026-03-13T22:31:04Z"))
    assert first.id != again.id
    assert first.dedup_key == again.dedup_key is not None


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("peer.join.success", {}),
        ("peer.leave.success", {"session_id": "another"}),
        ("peer.leave.success", {"peer_id": "another"}),
        ("peer.leave.success", {"left_at": "2026-03-12T22:31:04.010Z"}),
    ],
)
def test_another_event_has_another_dedup_key(provider: HmsProvider, kind: str, change: dict[str, Any]) -> None:
    assert provider.read(body_of(kind, {**DATA, **change})).dedup_key != provider.read(body_of()).dedup_key


# --- invalid bodies

NESTED = b"[" * 200_000
BROKEN: list[bytes] = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'"text"',
    b"7",
    body_of()[:-1],
    body_of()[:100],
    NESTED,
    b'{"data":' * 100_000,
    b'{"id":"a","type":"b","data":{"left_at":NaN}}',
    b'{"id":"a","type":"b","data":{"x":' + b"9" * 10_000 + b"}}",
    "\ufeff{}".encode(),
    json.dumps(envelope()).encode("utf-16"),
]


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: str(body[:20]))
def test_a_body_that_is_not_a_json_object_is_unreadable(provider: HmsProvider, body: bytes) -> None:
    for reading in (provider.read, lambda given_body: verify(given_body, provider)):
        with pytest.raises(WebhookUnreadable):
            reading(body)


@pytest.mark.parametrize("field", ["id", "type", "data"])
@pytest.mark.parametrize("value", [None, "", 7, True, [], ["x"], "x" * 10_000])
def test_a_body_without_a_required_field_is_unreadable(provider: HmsProvider, field: str, value: object) -> None:
    with pytest.raises(WebhookUnreadable, match=field):
        provider.read(json.dumps({**envelope(), field: value}).encode())


FIELDS = sorted({**DATA, **RECORDED, **BROKEN_OFF, **HLS_RECORDED, **SFU, "error": ""})
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.datetimes().map(datetime.isoformat),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=8,
)
PEER_KINDS = ["peer.join.success", "peer.leave.success", "role.change.success", "session.close.success"]
RECORDING_KINDS = ["beam.recording.success", "beam.failure", "hls.recording.success", "recording.failed"]
KINDS = st.sampled_from([*PEER_KINDS, *RECORDING_KINDS])


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_parsed_or_unreadable(body: bytes) -> None:
    provider = account(webhook_secret=SECRET)
    for reading in (provider.read, lambda given_body: verify(given_body, provider)):
        with contextlib.suppress(WebhookUnreadable):
            assert isinstance(reading(body), ProviderWebhook)


@given(
    kind=KINDS,
    data=st.dictionaries(st.sampled_from(FIELDS), JSON),
    fields=st.fixed_dictionaries({}, optional={"timestamp": JSON, "is_replay": JSON}),
)
def test_any_field_is_parsed_or_unreadable(kind: str, data: dict[str, Any], fields: dict[str, Any]) -> None:
    provider = account(webhook_secret=SECRET)
    body = body_of(kind, {**DATA, **BROKEN_OFF, **data}, **fields)
    assert provider.read(body).type == kind
    with contextlib.suppress(WebhookUnreadable):
        verify(body, provider)


@given(
    headers=st.dictionaries(st.sampled_from(["videobroker-hook-secret", "x-100ms-signature"]), st.text()),
    body=st.binary(),
)
def test_no_header_is_accepted_without_the_secret(headers: dict[str, str], body: bytes) -> None:
    provider = account(webhook_secret=SECRET, webhook_signing_secret=SIGNING)
    with pytest.raises(WebhookRefused):
        provider.verify(headers, body, now=SENT)


@pytest.mark.parametrize("joined_at", [None, "0001-01-01T00:00:00Z", "yesterday"])
@pytest.mark.parametrize(("duration", "stayed"), [(2643, 2643), (0, 0), (-5, None), ("2643", None), (None, None)])
def test_a_leave_without_an_arrival_time_uses_its_duration(
    joined_at: str | None, duration: object, stayed: int | None
) -> None:
    data = {**DATA, "joined_at": joined_at, "duration": duration}
    observation = read_webhook(json.dumps(envelope(data=data)).encode(), recorder_roles=()).observation
    assert observation is not None
    assert observation.since == (None if stayed is None else observation.at - timedelta(seconds=stayed))
    assert observation.since_is_exact is (stayed is None)
