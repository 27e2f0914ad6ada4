"""Recording updates: what the journal contains, and what is redacted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.attendance.recordings import (
    MAX_MESSAGE_LENGTH,
    RecordingKind,
    RecordingState,
    RecordingUpdate,
    redact_locations,
)

AT = datetime(2026, 3, 12, 14, 58, 40, tzinfo=UTC)


def failed(message: str, reason: str = "UPLOAD_ERROR") -> RecordingUpdate:
    return RecordingUpdate(
        recording="65f0ca10b3d4e5f607182b11",
        kind=RecordingKind.COMPOSITE,
        state=RecordingState.FAILED,
        at=AT,
        reason=reason,
        message=message,
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "upload failed",
        "Meeting did not start after 3 retries: timeout",
        "session 65f0c9d4b3d4e5f607182a01 not found",
        "Kein Zugriff auf den Speicher (403).",
    ],
)
def test_plain_sentences_are_unchanged(sentence: str) -> None:
    assert redact_locations(sentence) == sentence


@pytest.mark.parametrize(
    "location",
    [
        "https://bucket.s3.amazonaws.com/beam/Rec.mp4?X-Amz-Signature=5ec",
        "s3://key:secret@bucket/beam/Rec.mp4",
        "bucket/beam/20260312/Rec.mp4",
        "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE",
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI.K7MDENG.bPxRfiCYEXAMPLEKEY.wJalrX",
        "https%3A%2F%2Fbucket.example%2FRec.mp4",
        "C:\\recordings\\Rec.mp4",
        "qzt-mbwr-kfa",
    ],
)
def test_locations_and_keys_are_redacted(location: str) -> None:
    facts = failed(f"could not write to ({location}), giving up", reason=location).to_journal_data()
    assert location not in f"{facts}"
    assert facts["message"].startswith("could not write to ")
    assert facts["message"].endswith("giving up")


@given(st.text(), st.text(), st.from_regex(r"[a-z0-9]{2,8}://[a-z0-9.]{1,20}/[a-zA-Z0-9/?=&-]{0,60}", fullmatch=True))
def test_urls_are_redacted_anywhere_in_a_text(before: str, after: str, address: str) -> None:
    assert "://" not in redact_locations(f"{before}{address}{after}")


def test_long_messages_are_truncated() -> None:
    assert len(failed("no " * 5_000).to_journal_data()["message"]) == MAX_MESSAGE_LENGTH


def test_the_journal_data_contains_the_fields_of_the_state() -> None:
    assert set(failed("").to_journal_data()) == {"recording", "kind", "at", "duration_seconds", "reason", "message"}
    started = RecordingUpdate(recording="r", kind=RecordingKind.LIVE_STREAM, state=RecordingState.STARTED, at=AT)
    assert started.to_journal_data() == {"recording": "r", "kind": "live_stream", "at": "2026-03-12T14:58:40Z"}


def test_a_ready_recording_is_described_by_its_times_duration_and_size() -> None:
    ready = RecordingUpdate(
        recording="r",
        kind=RecordingKind.COMPOSITE,
        state=RecordingState.READY,
        at=AT,
        started_at=AT - timedelta(hours=1),
        stopped_at=AT - timedelta(minutes=1),
        duration_seconds=3540,
        size_bytes=1_048_576,
    )
    assert ready.to_journal_data() == {
        "recording": "r",
        "kind": "composite",
        "at": "2026-03-12T14:58:40Z",
        "started_at": "2026-03-12T13:58:40Z",
        "stopped_at": "2026-03-12T14:57:40Z",
        "duration_seconds": 3540,
        "size_bytes": 1_048_576,
    }


def test_values_that_the_provider_does_not_report_are_null() -> None:
    ready = RecordingUpdate(recording="r", kind=RecordingKind.COMPOSITE, state=RecordingState.READY, at=AT)
    facts = ready.to_journal_data()
    assert {facts[field] for field in ("started_at", "stopped_at", "duration_seconds", "size_bytes")} == {None}


def test_a_failure_has_the_duration_and_the_code_of_the_provider() -> None:
    failure = RecordingUpdate(
        recording="r",
        kind=RecordingKind.COMPOSITE,
        state=RecordingState.FAILED,
        at=AT,
        duration_seconds=12,
        reason="UPLOAD_ERROR",
    )
    facts = failure.to_journal_data()
    assert (facts["duration_seconds"], facts["reason"], facts["message"]) == (12, "UPLOAD_ERROR", None)
