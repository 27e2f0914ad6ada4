"""Recordings: what a provider says became of one, and what of that may be written down."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from videobroker.domain.redaction import REMOVED, remove_secrets
from videobroker.domain.times import rfc3339

MAX_MESSAGE_LENGTH = 300
"""Characters of what a provider says about a failure."""


class RecordingState(StrEnum):
    """What became of a recording."""

    STARTED = "started"
    READY = "ready"
    FAILED = "failed"


class RecordingKind(StrEnum):
    """What is recorded."""

    COMPOSITE = "composite"
    """One picture with everybody in it."""
    LIVE_STREAM = "live_stream"
    """The stream that an audience watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingUpdate:
    """What a provider told about one recording. It holds no address of a file."""

    recording: str
    """The provider's id of it; where it has none, the id of the meeting."""
    kind: RecordingKind
    state: RecordingState
    at: datetime
    """When that came about, by the provider's clock, to the millisecond."""
    provider_call_id: str | None = None
    """The provider's own id of the meeting, where it has one."""
    started_at: datetime | None = None
    """When the recording began, as far as the provider tells."""
    stopped_at: datetime | None = None
    duration_seconds: int | None = None
    size_bytes: int | None = None
    reason: str | None = None
    """Why it failed, in the provider's word."""
    message: str | None = None
    """The same as a sentence of the provider's."""

    @property
    def moment(self) -> datetime:
        """A moment at which it was being recorded, as near to the beginning as is known."""
        return self.started_at or self.stopped_at or self.at

    def to_journal_data(self) -> dict[str, Any]:
        """What the journal keeps of it, besides where it belongs."""
        told: dict[str, Any] = {"recording": self.recording, "kind": self.kind, "at": rfc3339(self.at)}
        if self.state is RecordingState.STARTED:
            return told
        told["duration_seconds"] = self.duration_seconds
        if self.state is RecordingState.FAILED:
            return told | {"reason": _fit(self.reason), "message": _fit(self.message)}
        return told | {
            "started_at": self.started_at and rfc3339(self.started_at),
            "stopped_at": self.stopped_at and rfc3339(self.stopped_at),
            "size_bytes": self.size_bytes,
        }


_PLACE = re.compile(
    r"\S*(?:[/\\=]|%2[Ff]|%3[Dd])\S*"  # an address, a path, a query
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"  # an access key
    r"|[\w+.~-]{40,}"  # anything long without a space
)


def redact_locations(text: str) -> str:
    """The sentence without addresses, paths, queries and keys: a link to a recording may open it for anybody."""
    cleaned: str = remove_secrets(_PLACE.sub(REMOVED, text))
    return cleaned


def _fit(text: str | None) -> str | None:
    return None if text is None else redact_locations(text)[:MAX_MESSAGE_LENGTH]
