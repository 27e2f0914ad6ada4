"""Recordings: updates from the provider, and the data about them that the journal may contain."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from videobroker.domain.redaction import REMOVED, remove_secrets
from videobroker.domain.times import rfc3339

MAX_MESSAGE_LENGTH = 300
"""Characters of a provider's message about a failure that are stored."""


class RecordingState(StrEnum):
    """The state of a recording."""

    STARTED = "started"
    READY = "ready"
    FAILED = "failed"


class RecordingKind(StrEnum):
    """The content of a recording."""

    COMPOSITE = "composite"
    """One video of all participants."""
    LIVE_STREAM = "live_stream"
    """The stream for an audience."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingUpdate:
    """A provider's report about one recording. It contains no file location."""

    recording: str
    """The provider's ID of the recording, or of the meeting if recordings have none."""
    kind: RecordingKind
    state: RecordingState
    at: datetime
    """When the state was reached, by the provider's clock, to the millisecond."""
    provider_call_id: str | None = None
    """The provider's ID of the meeting, if it has one."""
    started_at: datetime | None = None
    """When the recording started, if the provider reports it."""
    stopped_at: datetime | None = None
    duration_seconds: int | None = None
    size_bytes: int | None = None
    reason: str | None = None
    """The provider's code of the failure."""
    message: str | None = None
    """The provider's message about the failure. It can contain locations and credentials: see `to_journal_data`."""

    @property
    def moment(self) -> datetime:
        """The earliest known moment of the recording."""
        return self.started_at or self.stopped_at or self.at

    def to_journal_data(self) -> dict[str, Any]:
        """The event data for the journal, without file locations and credentials."""
        data: dict[str, Any] = {"recording": self.recording, "kind": self.kind, "at": rfc3339(self.at)}
        if self.state is RecordingState.STARTED:
            return data
        data["duration_seconds"] = self.duration_seconds
        if self.state is RecordingState.FAILED:
            return data | {"reason": _sanitize(self.reason), "message": _sanitize(self.message)}
        return data | {
            "started_at": self.started_at and rfc3339(self.started_at),
            "stopped_at": self.stopped_at and rfc3339(self.stopped_at),
            "size_bytes": self.size_bytes,
        }


_LOCATION = re.compile(
    r"\S*(?:[/\\=]|%2[Ff]|%3[Dd])\S*"  # an address, a path, a query
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"  # an access key
    r"|[\w+.~-]{40,}"  # anything long without a space
)


def redact_locations(text: str) -> str:
    """Replace URLs, paths, queries, and keys: a link to a recording may be accessible to anyone."""
    cleaned: str = remove_secrets(_LOCATION.sub(REMOVED, text))
    return cleaned


def _sanitize(text: str | None) -> str | None:
    return None if text is None else redact_locations(text)[:MAX_MESSAGE_LENGTH]
